"""Keeper: keeps the views of a store: reads what the follower shows it and writes it in batches."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from remit.core import events as ev
from remit.core.ports import SessionRow, Store
from remit.core.values import now_ms
from remit.server.exporting.following import Follower, Keeping, Pace, Stood
from remit.server.projection.changing import EVERY, Watches
from remit.server.projection.files import DamagedError, ViewsFile
from remit.server.projection.lives import Life
from remit.server.projection.port import Changes
from remit.server.projection.writing import Batch, Line, line_of, write
from remit.server.service.refusals import RefusedError

T = TypeVar("T")

_FULL = 2000
"""Records that are written at once; the follower waits when there are more."""
_OFTEN = 0.2
_AGAIN = 1.0

_log = logging.getLogger("remit.server")


class Keeper:
    """A `Reader` of all sessions."""

    def __init__(
        self,
        store: Store,
        path: Path | None,
        *,
        pace: Pace | None = None,
        every: float = EVERY,
    ) -> None:
        """Open or make the file, `None` for memory; raise `ConfigError` when it cannot be used."""
        self._store, self._path, self._pace = store, path, pace
        self._file = ViewsFile(path)
        self._watches = Watches(every)
        self._follower: Follower | None = None
        self._stood: Mapping[str, Stood] = {}
        self._lives: dict[str, Life] = {}
        self._pending: dict[str, Batch] = {}
        self._unwritten = 0
        self._writing = asyncio.Lock()
        self._damaged = asyncio.Event()

    # -- reading journals, see `Reader` ----------------------------------------------------------------------------

    def see(self, session: str, record: ev.Record, *, fresh: bool) -> None:
        """See `Reader.see`."""
        life = self._lives.get(session)
        if life is None:
            life = self._lives[session] = Life(session)
        brought = life.see(record)
        if not fresh:
            return
        batch = self._pending.setdefault(session, Batch(record.seq - 1))
        batch.seq, batch.line = record.seq, None
        if brought.anything:
            batch.brought.append(brought)
        self._unwritten += 1

    def forget(self, session: str) -> None:
        """See `Reader.forget`."""
        life, batch = self._lives.pop(session, None), self._pending.get(session)
        if life is not None and batch is not None:
            batch.line = batch.line or line_of(life, now_ms())

    def survey(self, rows: Iterable[SessionRow]) -> None:
        """See `Reader.survey`."""
        stood, self._stood = self._stood, {}
        if stood:
            there = {row.id: row.changed for row in rows}
            strange = [name for name, one in stood.items() if there.get(name, one.changed) < one.changed]
            if strange:
                _log.warning("the store was put back; its views are made again")
                self._damaged.set()

    async def stood(self) -> Mapping[str, Stood]:
        """Say how far each session was read, for the follower that goes on from there."""
        return await self._file.read(_stood)

    async def run(self) -> None:
        """Follow all sessions until cancelled; a file that is damaged is made again."""
        while True:
            try:
                follower = await self._following()
            except DamagedError:
                await self._remake()
                continue
            tasks = [
                asyncio.create_task(one, name="remit-views")
                for one in (follower.run(), self._flush_often(), self._damaged.wait())
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _ended(tasks)
            self._forget_all()
            if self._damaged.is_set():
                await self._remake()

    def touch(self, session: str) -> None:
        """Say that a session has something new: it is looked at soon."""
        if self._follower is not None:
            self._follower.touch(session)

    async def look(self) -> None:
        """Read what is new now, and write it."""
        await (self._follower or await self._following()).look()
        await self.flush()

    async def flush(self) -> None:
        """Write what was read; it raises nothing, what cannot be written now is written later."""
        async with self._writing:
            pending, self._pending, self._unwritten = self._pending, {}, 0
            now = now_ms()
            batches = [(batch, batch.line or line_of(self._lives[name], now)) for name, batch in pending.items()]
            if batches and await self._written(batches):
                self._watches.tell((line.row.tenant, line.summary) for _, line in batches)

    async def close(self) -> None:
        """Let go of the file."""
        await self._file.close()

    async def _written(self, batches: Sequence[tuple[Batch, Line]]) -> bool:
        while not self._damaged.is_set():
            try:
                await self._file.write(lambda db: write(db, batches))
            except DamagedError as error:
                self._broke(error)
            except sqlite3.Error as error:
                _log.warning("views could not be written for now: %s", error)
                await asyncio.sleep(_AGAIN)
            else:
                return True
        return False

    async def _flush_often(self) -> None:
        while True:
            await asyncio.sleep(_OFTEN)
            await self.flush()

    async def _make_room(self) -> None:
        if self._unwritten >= _FULL:
            await self.flush()

    async def _following(self) -> Follower:
        self._stood = await self.stood()
        keeping = Keeping(stood=self._stood, between=self._make_room)
        self._follower = Follower(self._store, [self], since=0, pace=self._pace, keeping=keeping)
        return self._follower

    def _broke(self, error: Exception) -> None:
        _log.warning("%s; they are made again", error)
        self._damaged.set()

    async def _remake(self) -> None:
        await self._file.close()
        self._file.discard()
        self._file = ViewsFile(self._path)
        self._damaged.clear()

    def _forget_all(self) -> None:
        self._lives, self._pending, self._unwritten, self._follower = {}, {}, 0, None

    async def ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Ask the file something; raise `RefusedError` while it is made again."""
        try:
            return await self._file.read(work)
        except DamagedError as error:
            self._broke(error)
        except (sqlite3.Error, RuntimeError) as error:
            # Its file is closed while it is made again.
            _log.warning("views could not be read for now: %s", error)
        raise RefusedError("unready", "the views of all sessions are being made; try again")

    def watch(self, tenant: str) -> AbstractContextManager[AsyncIterator[Changes]]:
        """Follow what changes."""
        return self._watches.watch(tenant)


def _stood(db: sqlite3.Connection) -> dict[str, Stood]:
    rows = db.execute("SELECT id, seq, listed, looked, running FROM sessions")
    return {
        name: Stood(seq=seq, changed=listed, looked=looked, running=bool(running))
        for name, seq, listed, looked, running in rows
    }


async def _ended(tasks: Sequence["asyncio.Task[None] | asyncio.Task[object]"]) -> None:
    for task in tasks:
        task.cancel()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(found, Exception):
            _log.error("the reading of journals broke, and begins again", exc_info=found)
