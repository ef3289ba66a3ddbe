"""A fleet in one process: workers with homes of their own over one database."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence

from remit.core.agent import Agent
from remit.core.events import Record
from remit.core.limits import Tenant
from remit.core.ports import SessionQuery
from remit.home import Home, Settings
from remit.journal.postgres import Patience, PostgresJournal
from remit.server.fleet import ProcrastinateJobs, Worker
from remit.server.service import Held

PATIENCE = Patience(beat=0.1, life=0.6, poll=0.2)
KEY = bytes(32)


def home(url: str, tenants: Sequence[Tenant] = (Tenant(),), patience: Patience = PATIENCE) -> Home:
    """Open a home in a database."""
    journal = PostgresJournal(url, patience=patience)
    opened = Home(journal, journal.workers, KEY, Settings(tenants=tenants))
    journal.driven = opened.lives.drives
    return opened


def journal_of(opened: Home) -> PostgresJournal:
    """Give the database of a home."""
    assert isinstance(opened.journal, PostgresJournal)
    return opened.journal


@contextlib.asynccontextmanager
async def working(
    opened: Home, *agents: Agent, held: Held | None = None, at_once: int = 100, adopts: Sequence[tuple[str, str]] = ()
) -> AsyncGenerator[Worker]:
    """Have a worker drive the sessions of a home meanwhile."""
    journal = journal_of(opened)
    jobs = ProcrastinateJobs(journal.address.url, journal.patience)
    worker = Worker(opened, {one.name: one for one in agents}, jobs, held=held, at_once=at_once, adopts=adopts)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.drain(5)


async def until(opened: Home, session: str, kind: str, *, times: int = 1) -> list[Record]:
    """Wait for an event of a session, and give all up to it."""
    found: list[Record] = []
    async with asyncio.timeout(60), contextlib.aclosing(_follow(opened, session)) as records:
        async for record in records:
            found.append(record)
            times -= type(record.event).__name__ == kind
            if times == 0:
                break
    return found


async def _follow(opened: Home, session: str) -> AsyncGenerator[Record]:
    async for record in opened.store.follow(session):
        yield record


async def ended(opened: Home, count: int) -> None:
    """Wait until so many sessions have ended their runs."""
    async with asyncio.timeout(60):
        while sum(row.why == "done" for row in await opened.sessions(SessionQuery(limit=10_000))) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def comes(true: Callable[[], bool]) -> None:
    """Wait for something that nobody tells of."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
