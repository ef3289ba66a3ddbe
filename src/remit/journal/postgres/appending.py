"""Appending: group commit. All appends that wait share one statement, which is one round trip and one transaction.

Every append has a mark of its own, kept beside its events. When a connection breaks before the answer came, the same
appends are sent again: what is in the journal under its mark already is found there and not written twice.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from remit.core.errors import ConflictError, JournalError, OverLimitError
from remit.core.ports import Entry, SessionRow
from remit.journal.postgres.door import Line, Row, blames, explain
from remit.journal.postgres.lines import Lines, hang_up
from remit.journal.postgres.signals import CHANNEL, hears

_MOST = 256
"""Appends in a transaction, so that whoever came first does not wait for all who came later."""
_MOST_BYTES = 4 << 20
_NAMES = 20_000
"""Accounts that are remembered to exist."""

_SET = (
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET plan_cache_mode = force_generic_plan"
)
"""All that appends look up is found by its key, whatever a planner believes of tables that grew since it looked."""
_PLAIN = (
    "$1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::text[], $8::bigint[], "
    "$9::bigint[], $10::bigint[]"
)
_OTHERS = (
    "text[]", "bigint[]", "bigint[]", "bigint[]", "bigint[]", "bytea[]", "text[]", "text[]", "text[]", "text[]",
    "text[]", "text[]", "text[]", "boolean[]", "int[]", "int[]", "bigint[]", "bigint[]", "text[]", "text[]", "float8",
)  # fmt: skip


def _others(first: int) -> str:
    return ", ".join(f"${place}::{kind}" for place, kind in enumerate(_OTHERS, first))


_VERDICTS = f"SELECT verdict, tail, term, place, stood, {hears(CHANNEL)}"
_ALL_PLAIN = f"SELECT remit.plain_1({_PLAIN}), {hears(CHANNEL)}"
_NO_PLAIN = f"{_VERDICTS} FROM remit.append_1({_others(1)})"
_MIXED = f"{_VERDICTS} FROM remit.mixed_1($32::text[], $33::text[], {_PLAIN}, {_others(11)})"
_DONE, _FENCED = 0, 1


@dataclass(slots=True, eq=False)
class Append:
    """What one session wants written."""

    session: str
    after: int
    count: int
    body: bytes
    entries: Sequence[Entry]
    row: SessionRow | None
    """The session's new line, when it changes or begins."""
    owner: str | None
    """Who drives it from here on, nobody when empty; `None` when that stays as it is."""
    epoch: int | None
    """The epoch it must still be, for those who write by a lease."""
    version: str = ""
    """Of the agent, when the session begins."""
    stirs: bool = False
    """Whether somebody wrote whom a worker should hear."""
    mark: int = field(default_factory=lambda: secrets.randbits(63))
    future: "asyncio.Future[tuple[int, int]] | None" = None
    heard: bool = True
    """Whether somebody hears, perhaps elsewhere, that it was written."""

    @property
    def plain(self) -> bool:
        """Whether it only adds events to a session that is there."""
        return self.after > 0 < self.count and self.row is None and self.owner is None and not self.stirs

    def refused(self, error: Exception) -> None:
        """Tell whoever waits that it was not written, or that nobody knows."""
        if self.future is not None and not self.future.done():
            self.future.set_exception(error)

    def written(self, heard: bool) -> None:  # noqa: FBT001 - as it is told
        """Tell whoever waits that it was, without an epoch: those who do not take a session up know it."""
        self.heard = heard
        if self.future is not None and not self.future.done():
            self.future.set_result((self.after + self.count, 0))

    def settle(self, verdict: Row, entries: list[Entry]) -> None:
        """Tell whoever waits."""
        if self.future is None or self.future.done():
            return
        kind, tail, term, place, stood = map(int, verdict[:5])
        self.heard = bool(verdict[5])
        if kind == _DONE:
            self.future.set_result((tail, term))
        elif kind == _FENCED:
            self.future.set_exception(ConflictError(self.session, self.after, tail))
        else:
            entry = entries[place - 1]
            assert entry.cap is not None
            self.future.set_exception(OverLimitError(entry.account, entry.amount, stood, entry.cap))


class Appender:
    """One writer a process: takes what waits, writes it, and answers in the order in which it came."""

    def __init__(self, lines: Lines) -> None:
        """Write over a connection of its own, beside those of these lines."""
        self.commits = 0
        """Transactions that wrote."""
        self._lines = lines
        self._line: Line | None = None
        self._queue: deque[Append] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._known: set[str] = set()
        self._closed = False

    async def write(self, append: Append) -> tuple[int, int]:
        """Write it with all others that wait now, and give tail and epoch once it is durable."""
        if self._closed:
            raise JournalError(f"the store on {self._lines.address.place} was closed")
        append.future = asyncio.get_running_loop().create_future()
        self._queue.append(append)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await append.future

    async def _write(self) -> None:
        while self._queue:
            # The first of a tick writes for all who come in it.
            await asyncio.sleep(0)
            await self._commit(self._next())

    def _next(self) -> list[Append]:
        group: list[Append] = []
        size = 0
        while self._queue and len(group) < _MOST and (not group or size + len(self._queue[0].body) <= _MOST_BYTES):
            append = self._queue.popleft()
            size += len(append.body)
            group.append(append)
        return group

    async def _commit(self, group: list[Append]) -> None:
        """Write a group, or each of it alone when one of them spoils it for the others."""
        # Whoever stopped waiting before it was sent is not written for.
        group = [append for append in group if append.future is not None and not append.future.done()]
        if not group:
            return
        try:
            spoilt = await self._lines.patiently(lambda: self._send(group))
        except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it was
            for append in group:
                append.refused(error)
            return
        if spoilt is not None and len(group) == 1:
            group[0].refused(explain(self._lines.address, spoilt))
        elif spoilt is not None:
            for append in group:
                await self._commit([append])

    async def _send(self, group: list[Append]) -> Exception | None:
        """Send a group and tell those who wait; give what was wrong with one of them, if nothing was written for it."""
        try:
            line = await self._own()
            plain, others = _parted(group)
            if not plain or not await self._send_parted(line, plain, others):
                # In the order in which they came, when not all of them can be done.
                await self._send_each(line, group)
        except Exception as error:
            if blames(error):
                return error
            # A statement may still run over there: it is asked on another line what came of it.
            if self._line is not None:
                self._line.terminate()
                self._line = None
            self._known.clear()
            raise
        self.commits += 1
        return None

    async def _own(self) -> Line:
        if self._line is None or self._line.is_closed():
            line = await self._lines.take()
            try:
                await line.execute(_SET)
            except BaseException:
                line.terminate()
                raise
            self._line = line
        return self._line

    async def _send_parted(self, line: Line, plain: list[Append], others: list[Append]) -> bool:
        """Write all, those that are plain at once; false when that cannot be, and then nothing is written."""
        columns = _plain_columns(plain)
        if not others:
            [[done, heard]] = await line.fetch(_ALL_PLAIN, *columns)
        else:
            entries = [entry for append in others for entry in append.entries]
            names = sorted({entry.account for entry in entries})
            rest = self._columns(others, entries, names)
            everybody = sorted({append.session for append in (*plain, *others)})
            verdicts = await line.fetch(
                _MIXED, *columns, *rest, everybody, sorted({*names, *cast("list[str]", columns[6])})
            )
            done, heard = bool(verdicts), True
            if done:
                heard = bool(verdicts[0][-1])
                self._settle(others, verdicts, entries, names)
        if done:
            for append in plain:
                append.written(heard)
        return bool(done)

    async def _send_each(self, line: Line, group: list[Append]) -> None:
        entries = [entry for append in group for entry in append.entries]
        names = sorted({entry.account for entry in entries})
        verdicts = await line.fetch(_NO_PLAIN, *self._columns(group, entries, names))
        self._settle(group, verdicts, entries, names)

    def _settle(self, group: list[Append], verdicts: list[Row], entries: list[Entry], names: list[str]) -> None:
        self._remember(names)
        for append, verdict in zip(group, verdicts, strict=True):
            append.settle(verdict, entries)

    def _columns(self, group: list[Append], entries: list[Entry], names: list[str]) -> tuple[object, ...]:
        rows = [append.row for append in group]
        places = {name: place for place, name in enumerate(names, 1)}
        starts = [0]
        for append in group:
            starts.append(starts[-1] + len(append.entries))
        return (
            [append.session for append in group],
            [append.after for append in group],
            [append.count for append in group],
            [append.mark for append in group],
            [append.epoch for append in group],
            [append.body for append in group],
            [append.owner for append in group],
            [row and row.status for row in rows],
            [row and row.why for row in rows],
            [row and row.agent for row in rows],
            [append.version for append in group],
            [row and row.tenant for row in rows],
            [row and row.parent for row in rows],
            [append.stirs for append in group],
            starts,
            [places[entry.account] for entry in entries],
            [entry.amount for entry in entries],
            [entry.cap for entry in entries],
            names,
            [name for name in names if name not in self._known],
            self._lines.patience.life,
        )

    def _remember(self, names: list[str]) -> None:
        if len(self._known) > _NAMES:
            self._known.clear()
        self._known.update(names)

    async def close(self) -> None:
        """Finish what waits, for as long as patience lasts, and take no more."""
        self._closed = True
        if self._writing is not None:
            await self._writing
        if self._line is not None:
            await hang_up(self._line)
            self._line = None


def _parted(group: list[Append]) -> tuple[list[Append], list[Append]]:
    """Tell appends that are plain, sorted by their sessions, from the others; a session's second is none of them."""
    plain: dict[str, Append] = {}
    others: list[Append] = []
    seen: set[str] = set()
    for append in group:
        if append.plain and append.session not in seen:
            plain[append.session] = append
        else:
            others.append(append)
        seen.add(append.session)
    return [plain[session] for session in sorted(plain)], others


def _plain_columns(plain: list[Append]) -> tuple[object, ...]:
    rises: dict[str, int] = {}
    sums: dict[str, int] = {}
    caps: dict[str, int] = {}
    for append in plain:
        for entry in append.entries:
            name, amount, cap = entry.account, entry.amount, entry.cap
            sums[name] = sums.get(name, 0) + amount
            rises[name] = rises.get(name, 0) + max(amount, 0)
            if cap is not None:
                caps[name] = min(cap, caps.get(name, cap))
    names = sorted(sums)
    return (
        [append.session for append in plain],
        [append.after for append in plain],
        [append.after + append.count for append in plain],
        [append.mark for append in plain],
        [append.epoch for append in plain],
        [append.body for append in plain],
        names,
        [rises[name] for name in names],
        [sums[name] for name in names],
        [caps.get(name) for name in names],
    )
