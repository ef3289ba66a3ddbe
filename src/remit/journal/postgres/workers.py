"""Workers: who drives sessions of this database, on any machine. Only the database's clock says who is dead.

A worker says from time to time that it lives. When it has not for a while, others may take over what it drove; should
it only have slept, its leases are gone when it wakes up: every append under a lease names the epoch of the lease.
"""

import asyncio
import contextlib
import os
import platform
import re
import time
import uuid
from collections.abc import Sequence

from remit.core.errors import JournalError, SessionBusyError
from remit.core.events import Record, RunEnded, RunOpened, RunResumed, RunSuspended
from remit.journal.postgres.address import Address
from remit.journal.postgres.door import Line
from remit.journal.postgres.lines import Lines, Patience

_FORGOTTEN = 10_000
"""Names of the dead that are kept in memory."""

_BEGIN = """
INSERT INTO remit.workers VALUES ($1, clock_timestamp(), clock_timestamp() + make_interval(secs => $2))
ON CONFLICT (name) DO UPDATE SET expires = excluded.expires"""
_BEAT = """
UPDATE remit.workers SET expires = clock_timestamp() + make_interval(secs => $2) WHERE name = $1 RETURNING name"""
_LOOK = """
SELECT name, expires > clock_timestamp() OR pg_postmaster_start_time() > clock_timestamp() - make_interval(secs => $1)
FROM remit.workers"""
_BURY = "SELECT remit.bury_1($1, $2)"
_FALLEN = "SELECT id FROM remit.sessions WHERE status = 'running' AND owner = '' ORDER BY changed LIMIT $1"


async def living(url: str, *, patience: Patience | None = None) -> frozenset[str]:
    """Give the names of those who drive sessions of a database now, without being one."""
    lines = Lines(Address.of(url), patience or Patience(), 1)
    try:
        return await PostgresWorkers(lines).look()
    finally:
        await lines.close()


class PostgresWorkers:
    """Signs of life in a table, and the leases of the worker that this process is."""

    def __init__(self, lines: Lines) -> None:
        """Take a name; it is known to others from `begin` on."""
        self._lines = lines
        self._me = _name()
        self._beating: asyncio.Task[None] | None = None
        self._beginning, self._looking = asyncio.Lock(), asyncio.Lock()
        self._living: set[str] = set()
        self._dead: set[str] = set()
        self._looked = self._heard = float("-inf")
        self.held: dict[str, int] = {}
        """The epochs of the leases this process has, by session; one that was lost stays, and fences what is left."""

    @property
    def me(self) -> str:
        """See `Workers.me`."""
        return self._me

    @property
    def heard(self) -> bool:
        """Whether the database knows that this process lives: it took a sign of life that still holds."""
        return time.monotonic() - self._heard < self._lines.patience.life

    def alive(self, worker: str) -> bool:
        """See `Workers.alive`: as of the last look, which reading a journal takes when its worker is not known."""
        return worker == self._me or worker not in self._dead

    # -- signs of life ---------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Be alive, until `close`: whoever is to drive a session does this first."""
        if self._beating is not None:
            return
        async with self._beginning:
            if self._beating is None:
                began = time.monotonic()
                await self._appear()
                self._heard = began
                await self.look()
                self._beating = asyncio.create_task(self._live())

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(self._lines.patience.beat)
            # A database that is away makes us dead to others, not to ourselves: we are back when it is.
            with contextlib.suppress(JournalError):
                await self.beat()

    async def beat(self) -> None:
        """Give a sign of life and look for those of others; whoever was buried meanwhile goes on under another name."""
        life, began = self._lines.patience.life, time.monotonic()
        if not await self._lines.do(lambda line: line.fetch(_BEAT, self._me, life)):
            # Others may have been told that this name is dead, and what it drove is fenced.
            self._me = _name()
            await self._appear()
        self._heard = began
        await self.look()

    async def _appear(self) -> None:
        await self._lines.do(lambda line: line.execute(_BEGIN, self._me, self._lines.patience.life))

    async def look(self) -> frozenset[str]:
        """Find out who lives now, and give their names."""
        began = time.monotonic()
        rows = await self._lines.do(lambda line: line.fetch(_LOOK, self._lines.patience.life))
        living = {str(name) for name, lives in rows if lives}
        # Names are never used again, so who is not in the list any more is dead.
        gone = self._living - living
        self._living, self._looked = living, began
        if len(self._dead) > _FORGOTTEN:
            self._dead.clear()
        self._dead -= living
        self._dead |= gone | {str(name) for name, lives in rows if not lives}
        return frozenset(living)

    async def heed(self, records: Sequence[Record]) -> None:
        """Find out whether whoever drives the session of these records lives now."""
        worker = _driver(records)
        if not worker or worker == self._me or worker in self._dead:
            return
        now = time.monotonic()
        async with self._looking:
            # Those who wait for a look that began after they did have it with one.
            if self._looked < now:
                await self.look()
        if worker not in self._living:
            self._dead.add(worker)

    # -- leases ----------------------------------------------------------------------------------------------------

    async def take(self, session: str) -> int:
        """Take the lease of a session that is there, and give its epoch; raise `SessionBusyError` when one lives."""
        await self.begin()
        life = self._lines.patience.life
        [[epoch]] = await self._lines.do(
            lambda line: line.fetch("SELECT remit.take_1($1, $2, $3)", session, self._me, life)
        )
        if epoch is None:
            raise SessionBusyError(f"session {session!r} is not there, or a living worker has its lease")
        self.held[session] = int(epoch)
        return int(epoch)

    async def release(self, session: str) -> None:
        """Give a lease back, if it is still ours."""
        epoch = self.held.pop(session, None)
        if epoch is not None:
            await self._lines.do(
                lambda line: line.execute(
                    "UPDATE remit.sessions SET owner = '' WHERE id = $1 AND owner = $2 AND epoch = $3",
                    session,
                    self._me,
                    epoch,
                )
            )

    async def fallen(self, most: int = 1000) -> list[str]:
        """Bury the dead, end their leases, and list the sessions that are under way and that nobody drives.

        A session stays in this list until somebody drives it, so it is not lost with whoever asked.
        """

        async def bury(line: Line) -> list[str]:
            await line.execute(_BURY, self._me, self._lines.patience.life)
            return [str(name) for (name,) in await line.fetch(_FALLEN, most)]

        return await self._lines.do(bury)

    async def close(self) -> None:
        """Die in order: what is still driven may be taken over at once."""
        if self._beating is None:
            return
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        self._beating = None
        with contextlib.suppress(Exception):
            # Not tried again: whoever is in a hurry to end is found dead a little later.
            await self._lines.once(lambda line: line.execute("DELETE FROM remit.workers WHERE name = $1", self._me))


def _name() -> str:
    machine = re.sub(r"[^A-Za-z0-9.-]", "-", platform.node())[:32] or "worker"
    return f"{machine}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _driver(records: Sequence[Record]) -> str:
    """Say who drives a session by its records; empty when nobody does."""
    for record in reversed(records):
        event = record.event
        if isinstance(event, RunOpened | RunResumed):
            return event.worker
        if isinstance(event, RunEnded | RunSuspended):
            return ""
    return ""
