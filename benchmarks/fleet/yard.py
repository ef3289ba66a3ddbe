"""Yard: one database with its fleet, and the driver's own way in, which begins sessions and looks at their journals."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from benchmarks.fleet.crew import PROGRAM, Crew, StuckError, crew
from benchmarks.fleet.postgres import ask, made, server
from benchmarks.fleet.tenants import SETTINGS
from benchmarks.launch import SCRATCH
from benchmarks.processes import Weighed
from remit import Agent, Home
from remit.core.events import EffectEnded, Event, ModelAsked, Record, RunEnded
from remit.journal.postgres import migrate

TENANT = "default"
AT_ONCE = 100
"""Sessions begun or read at the same time by the driver."""
_OPEN = "SELECT count(*) FROM remit.sessions WHERE NOT (status = 'idle' AND why = 'done')"
_LOOK = 0.1

_numbers = count()


@dataclass(frozen=True, slots=True)
class Site:
    """Where to measure, and what."""

    url: str
    """Of the server."""
    program: Sequence[str] = PROGRAM


@dataclass(slots=True)
class Yard:
    """What a measurement has at hand."""

    url: str
    home: Home
    crew: Crew
    server: Weighed

    async def begin(self, agent: Agent, prompt: str, names: Sequence[str], tenant: str = TENANT) -> None:
        """Open sessions with a message each, as fast as the store takes them."""

        async def one(name: str) -> None:
            await self.home.begin(agent, prompt, tenant=tenant, session=name)

        await each(names, one)

    async def done(self, limit: float) -> None:
        """Wait until every session has its answer."""
        end = time.monotonic() + limit
        while left := int(ask(self.url, _OPEN)[0][0]):
            if time.monotonic() > end:
                raise StuckError(f"{left} sessions were not done after {limit:g} s")
            await asyncio.sleep(_LOOK)

    async def journals(self, names: Sequence[str]) -> list[list[Record]]:
        """Read what happened."""
        found: dict[str, list[Record]] = {}

        async def one(name: str) -> None:
            found[name] = await self.home.store.read(name)

        await each(names, one)
        return [found[name] for name in names]


@contextlib.asynccontextmanager
async def yard(site: Site, workers: int, slots: int | None = None) -> AsyncGenerator[Yard]:
    """Have an empty database with so many workers meanwhile."""
    name = f"fleet_{os.getpid()}_{next(_numbers)}"
    url = made(site.url, name)
    await migrate(url)
    folder: Path = SCRATCH / name
    async with Home.open(url, SETTINGS) as home, crew(url, folder, site.program, workers, slots) as people:
        yield Yard(url, home, people, server(url))


async def each(names: Sequence[str], work: Callable[[str], Awaitable[None]], at_once: int = AT_ONCE) -> None:
    """Do something with each, many at the same time."""
    rest = iter(names)

    async def go() -> None:
        for name in rest:
            await work(name)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(names))):
            group.create_task(go())


def first(records: Sequence[Record], kind: type[Event]) -> Record | None:
    """Give the first record of a kind."""
    return next((record for record in records if isinstance(record.event, kind)), None)


def steps(journals: Sequence[Sequence[Record]]) -> list[int]:
    """Give when each step of all journals was durable, in order, in milliseconds."""
    return sorted(record.at for records in journals for record in records if isinstance(record.event, EffectEnded))


def finished(records: Sequence[Record]) -> bool:
    """Say whether a session has its answer."""
    return any(isinstance(record.event, RunEnded) and record.event.status == "done" for record in records)


def asked(records: Sequence[Record]) -> int | None:
    """Give when the intent to ask a model for the first time was durable."""
    found = first(records, ModelAsked)
    return found and found.at
