"""Lives: processes over one store, each with a service of its own; a clock that stands where it is put; sessions."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.server.agents import echo
from tests.server.rig import TENANTS

from remit.core.agent import Agent
from remit.core.events import MessageReceived
from remit.core.limits import Tenant
from remit.core.ports import SessionQuery, Store
from remit.home import Home, Settings
from remit.policy import Secrets
from remit.runtime import LocalWorkers
from remit.server.access import MemoryAccessStore
from remit.server.access.records import AuditLog
from remit.server.beginnings import Beginnings, beginning
from remit.server.service import Service
from remit.server.switches import Board, guarded

ONE = (Tenant(name="acme"),)


@dataclass
class StandingClock:
    """A clock that stands still, in milliseconds since the epoch."""

    now: int = 0

    def __call__(self) -> int:
        """Read it."""
        return self.now

    def put(self, text: str) -> None:
        """Put it to a time."""
        self.now = at(text)


def at(text: str) -> int:
    """Give a time in milliseconds since the epoch."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@dataclass
class Life:
    """A process."""

    service: Service
    board: Board
    audit: AuditLog
    tenants: tuple[Tenant, ...]

    @contextlib.asynccontextmanager
    async def beginning(self, file: Path, clock: Callable[[], int]) -> AsyncGenerator[Beginnings]:
        """Open what a file declares."""
        async with beginning(self.service, file, Secrets(), audit=self.audit, clock=clock) as made:
            yield made


@contextlib.asynccontextmanager
async def living(
    store: Store, *agents: Agent, tenants: tuple[Tenant, ...] = TENANTS, drained: bool = True
) -> AsyncGenerator[Life]:
    """Live over a store, which stays open."""
    access = MemoryAccessStore()
    async with Board(access.switches, every=0.05).kept() as board:
        # Left open: it would close the store that the next life goes on with.
        home = Home(store, LocalWorkers(), bytes(32), guarded(Settings(tenants=tenants), board))
        service = Service(home, agents or (echo(),), switches=board)
        yield Life(service, board, access.log, tenants)
        if drained:
            await service.drain(5)


async def sessions(store: Store) -> dict[str, list[MessageReceived]]:
    """Give what was said in each session of a store, by its name."""
    rows = await store.sessions(SessionQuery(limit=1000))
    return {
        row.id: [one.event for one in await store.read(row.id) if isinstance(one.event, MessageReceived)]
        for row in rows
    }


async def until(holds: Callable[[], Awaitable[bool]], *, within: float = 60) -> None:
    """Return once something holds; fail after so many seconds."""
    async with asyncio.timeout(within):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)


def declared(folder: Path, text: str) -> Path:
    """Write a project's file."""
    file = folder / "remit.toml"
    file.write_text(text)
    return file
