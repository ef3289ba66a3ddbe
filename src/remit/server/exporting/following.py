"""Following: shows readers of telemetry the records of all sessions of a store, from where it stood.

It polls, so it also sees what other processes append, and it is never in the way: nothing waits for it, a reader that
fails is counted, and what it has not seen yet it sees later.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from remit.core import events as ev
from remit.core.errors import JournalError
from remit.core.ports import SessionQuery, SessionRow, SessionStatus, Store
from remit.core.values import now_ms
from remit.server.exporting.tailing import OVERLAP, tailed

_PAGE = 200
_NEWEST = _PAGE
"""Sessions at rest, the newest, that every look is about; older ones are looked at in a survey."""
_BREATH = 256
"""Records shown before other work has its turn."""
_GLANCE = 2000
"""Lines glanced at before other work has its turn."""
_UNDER_WAY: tuple[SessionStatus, ...] = ("running", "waiting")
_AT_REST: tuple[SessionStatus, ...] = ("idle", "closed")

_log = logging.getLogger("remit.telemetry")


class Reader(Protocol):
    """What wants to be shown records; each session's come in their order."""

    def see(self, session: str, record: ev.Record, *, fresh: bool) -> None:
        """Take in the next record; `fresh` when it is new, not only needed to understand the next."""
        ...

    def forget(self, session: str) -> None:
        """Let go of a session; before its next record it is shown all of it again."""
        ...

    def survey(self, rows: Iterable[SessionRow]) -> None:
        """Take the list of all sessions."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often sessions are looked at, in seconds."""

    every: float = 1.0
    """Those that run."""
    least: float = 0.1
    """Between two looks, however much is touched."""
    survey: float = 30.0
    """All of them."""
    resting: int = 1000
    """So many sessions at rest readers keep the past of, so that it need not be read again."""


class Stood(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where readers that keep what they were shown stand with a session, from an earlier life of theirs."""

    seq: int
    changed: int
    """The line of the session said so."""
    looked: int
    """When it was last read, or earlier; in milliseconds since the epoch."""
    running: bool = False


async def _at_once() -> None:
    """Wait for nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What there is of readers that keep what they were shown for longer than they live."""

    stood: Mapping[str, Stood] = field(default_factory=dict[str, Stood])
    """Where they stand, by session; only what comes after that is fresh."""
    between: Callable[[], Awaitable[None]] = _at_once
    """Waited for before each session, so that they can catch up."""


_NOTHING = Keeping()


class _Known(msgspec.Struct, gc=False):
    # There is one for every session of a store: no collection of garbage goes through them.
    seq: int = 0
    """How far it was read; 0 for not at all."""
    changed: int = 0
    looked: int = 0
    """When it was last read, in milliseconds since the epoch."""
    running: bool = False
    remembered: bool = False
    """Whether readers know its past."""
    skipped: int = 0
    """Up to where nobody needs it read, as it was at rest before anything was fresh."""


class Follower:
    """Reads what is new in a store, again and again."""

    def __init__(
        self,
        store: Store,
        readers: Sequence[Reader],
        *,
        since: int | None = None,
        pace: Pace | None = None,
        clock: Callable[[], int] = now_ms,
        keeping: Keeping = _NOTHING,
    ) -> None:
        """Take records from `since` on, in milliseconds since the epoch, as fresh; from now on when `None`."""
        self._store, self._readers, self._clock = store, readers, clock
        self._tail, self._asked = tailed(store), 0
        self._since = clock() if since is None else since
        self._pace = pace or Pace()
        self._between = keeping.between
        self._known = {
            name: _Known(one.seq, one.changed, one.looked, one.running) for name, one in keeping.stood.items()
        }
        self._running = {name for name, known in self._known.items() if known.running}
        self._rest: OrderedDict[str, None] = OrderedDict()
        self._touched: set[str] = set()
        self._news = asyncio.Event()
        self.read = 0
        """Records shown."""
        self.failures = 0
        self.surveyed = 0
        """When it last looked at all sessions, in milliseconds since the epoch."""

    def touch(self, session: str) -> None:
        """Say that a session has something new: it is looked at soon."""
        self._touched.add(session)
        self._news.set()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self._news.clear()
            await self.look()
            await asyncio.sleep(self._pace.least)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pace.every):
                    await self._news.wait()

    async def look(self) -> None:
        """Show readers what is new; it raises nothing but `CancelledError`."""
        touched, self._touched = self._touched, set()
        try:
            due, others, asked = await (self._written(touched) if self._tail else self._listed(touched))
        except Exception as error:  # noqa: BLE001 - telemetry must not take anything down; it is counted and said
            self._failed("the list of sessions", error)
            return
        # Oldest first: the call of a parent is seen before the session it began.
        due.sort(key=lambda row: (row.opened, row.id))
        for row in due:
            await self._catch_up(row.id, row.changed)
        for name in others:
            await self._catch_up(name, None)
        # Only now: what was stopped in the middle is found again.
        self._asked = asked

    async def _listed(self, touched: set[str]) -> tuple[list[SessionRow], list[str], int]:
        """Give the sessions that may have gone on, by the list of all."""
        rows, wide = await self._rows()
        due: list[SessionRow] = []
        for count, row in enumerate(rows.values(), 1):
            if count % _GLANCE == 0:
                await asyncio.sleep(0)
            if row.id in touched or self._due(row, wide=wide):
                due.append(row)
        gone = sorted(self._running - rows.keys())
        return due, [*gone, *sorted(touched - rows.keys())], 0

    async def _written(self, touched: set[str]) -> tuple[list[SessionRow], list[str], int]:
        """Give the sessions that have gone on, as the store says, and its time."""
        assert self._tail is not None
        wide = self._wide() or not self._asked
        found, asked = await self._tail.written(0 if wide else max(self._asked - OVERLAP, 1))
        if wide:
            self._survey([row for row, _ in found])
        due: list[SessionRow] = []
        for count, (row, tail) in enumerate(found, 1):
            if count % _GLANCE == 0:
                await asyncio.sleep(0)
            if row.id in touched or self._behind(row, tail):
                due.append(row)
        return due, sorted(touched - {row.id for row, _ in found}), asked

    def _behind(self, row: SessionRow, tail: int) -> bool:
        known = self._known.get(row.id)
        if known is None and row.status in {"idle", "closed"} and row.changed < self._since:
            self._known[row.id] = _Known(changed=row.changed, looked=row.changed + 1, skipped=tail)
            return False
        return known is None or tail > max(known.seq, known.skipped)

    def _wide(self) -> bool:
        return self._clock() - self.surveyed >= self._pace.survey * 1000

    def _survey(self, rows: Sequence[SessionRow]) -> None:
        self.surveyed = self._clock()
        for reader in self._readers:
            self._guarded(lambda reader=reader: reader.survey(rows))

    async def _rows(self) -> tuple[dict[str, SessionRow], bool]:
        wide = self._wide()
        rows: dict[str, SessionRow] = {}
        for status in (*_UNDER_WAY, *_AT_REST):
            await self._list(rows, status, _NEWEST if status in _AT_REST and not wide else None)
        if wide:
            self._survey(list(rows.values()))
        return rows, wide

    async def _list(self, rows: dict[str, SessionRow], status: SessionStatus, most: int | None) -> None:
        """Add the newest sessions of a status, in pages: other work goes on between them."""
        found, after = 0, ""
        while most is None or found < most:
            page = await self._store.sessions(SessionQuery(status=status, limit=_PAGE, after=after))
            rows |= {row.id: row for row in page}
            if len(page) < _PAGE:
                break
            found, after = found + len(page), page[-1].id
            await asyncio.sleep(0)

    def _due(self, row: SessionRow, *, wide: bool) -> bool:
        known = self._known.get(row.id)
        if known is None:
            if row.status in {"idle", "closed"} and row.changed < self._since:
                # Nothing of it is fresh, and it is at rest: it need not be read before it changes.
                self._known[row.id] = _Known(changed=row.changed, looked=row.changed + 1)
                return False
            return True
        # A person's decision leaves the line of a session that waits as it was.
        waits = row.status == "waiting" and wide
        # What changed in the very millisecond of the last look may have changed after it.
        changed = row.changed != known.changed or row.changed >= known.looked
        return row.status == "running" or known.running or waits or changed

    async def _catch_up(self, session: str, changed: int | None) -> None:
        # Other work comes first.
        await asyncio.sleep(0)
        await self._between()
        known = self._known.setdefault(session, _Known())
        known.looked = self._clock()
        try:
            records = await self._store.read(session, after=known.seq)
            if records and not known.remembered and known.seq:
                records = await self._store.read(session)
        except JournalError as error:
            self._failed(f"session {session!r}", error)
            if self._tail is not None:
                # Nothing may come after this that would have it looked at again.
                self._touched.add(session)
            return
        try:
            await self._show(session, known, records)
        except asyncio.CancelledError:
            # Half of it was shown: whoever looks again begins at its beginning.
            self._let_go(session, known)
            raise
        # Only now: what was stopped in the middle has changed for whoever looks again.
        known.changed = known.changed if changed is None else changed
        if records:
            known.remembered = True
        self._keep(session, known)

    async def _show(self, session: str, known: _Known, records: Sequence[ev.Record]) -> None:
        for count, record in enumerate(records, 1):
            if count % _BREATH == 0:
                await asyncio.sleep(0)
            fresh = record.seq > known.seq and record.at >= self._since
            for reader in self._readers:
                self._guarded(
                    lambda reader=reader, record=record, fresh=fresh: reader.see(session, record, fresh=fresh)
                )
            known.running = _running(record.event, running=known.running)
            known.seq = max(known.seq, record.seq)
            self.read += 1
        (self._running.add if known.running else self._running.discard)(session)

    def _keep(self, session: str, known: _Known) -> None:
        """Remember what is under way, and of what rests the most recent."""
        self._rest.pop(session, None)
        if known.running or not known.remembered:
            return
        self._rest[session] = None
        while len(self._rest) > self._pace.resting:
            oldest, _ = self._rest.popitem(last=False)
            self._let_go(oldest, self._known[oldest])

    def _let_go(self, session: str, known: _Known) -> None:
        known.remembered = False
        for reader in self._readers:
            self._guarded(lambda reader=reader: reader.forget(session))

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - one reader's failure is not the others', nor the work's
            self._failed("a reader", error)

    def _failed(self, what: str, error: Exception) -> None:
        self.failures += 1
        _log.warning("telemetry of %s failed: %s: %s", what, type(error).__name__, error)


def _running(event: ev.Event, *, running: bool) -> bool:
    match event:
        case ev.RunOpened() | ev.RunResumed():
            return True
        case ev.RunEnded() | ev.RunSuspended() | ev.SessionClosed():
            return False
        case _:
            return running
