"""Appending: group commit. All appends that wait share one statement, which is one round trip and one transaction.

Every append has a mark of its own, kept beside its events. When a connection breaks before the answer came, the same
appends are sent again: what is in the journal under its mark already is found there and not written twice.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from remit.core.errors import ConflictError, JournalError, OverLimitError
from remit.core.ports import Entry, SessionRow
from remit.journal.postgres.door import Line, Row, blames, explain
from remit.journal.postgres.lines import Lines, hang_up

_MOST = 256
"""Appends in a transaction, so that whoever came first does not wait for all who came later."""
_MOST_BYTES = 4 << 20
_NAMES = 20_000
"""Accounts that are remembered to exist."""

_STATEMENT = (
    "SELECT verdict, tail, term, place, stood FROM remit.append_1($1::text[], $2::bigint[], $3::bigint[], "
    "$4::bigint[], $5::bigint[], $6::bytea[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], "
    "$12::text[], $13::text[], $14::boolean[], $15::int[], $16::int[], $17::bigint[], $18::bigint[], $19::text[], "
    "$20::text[], $21)"
)
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

    def refused(self, error: Exception) -> None:
        """Tell whoever waits that it was not written, or that nobody knows."""
        if self.future is not None and not self.future.done():
            self.future.set_exception(error)

    def settle(self, verdict: Row, entries: list[Entry]) -> None:
        """Tell whoever waits."""
        if self.future is None or self.future.done():
            return
        kind, tail, term, place, stood = map(int, verdict)
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
        entries = [entry for append in group for entry in append.entries]
        names = sorted({entry.account for entry in entries})
        if self._line is None or self._line.is_closed():
            self._line = await self._lines.take()
        try:
            verdicts = await self._line.fetch(_STATEMENT, *self._columns(group, entries, names))
        except Exception as error:
            if blames(error):
                return error
            # A statement may still run over there: it is asked on another line what came of it.
            self._line.terminate()
            self._line = None
            self._known.clear()
            raise
        self.commits += 1
        self._remember(names)
        for append, verdict in zip(group, verdicts, strict=True):
            append.settle(verdict, entries)
        return None

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
