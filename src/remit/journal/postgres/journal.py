"""PostgresJournal: the store of a fleet, one database that any number of processes on any machines share.

The row of a session has its head and its epoch, and both are looked at under its lock by whoever appends: of two
writers one is first, and a worker whose lease is gone writes nothing, whatever it believes and whatever its clock says.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256
from typing import Self

import msgspec

from remit.core.errors import ConflictError, CorruptJournalError, JournalError
from remit.core.events import (
    FOREIGN,
    Event,
    Record,
    RunEnded,
    RunOpened,
    RunResumed,
    RunSuspended,
    SessionClosed,
    SessionOpened,
)
from remit.core.ports import Entry, SessionQuery, SessionRow
from remit.core.values import now_ms
from remit.journal.batches import packed, unpacked
from remit.journal.listing import concerns, listed
from remit.journal.postgres.address import Address
from remit.journal.postgres.appending import Append, Appender
from remit.journal.postgres.archived import refuse_archived
from remit.journal.postgres.following import News
from remit.journal.postgres.lines import Lines, Patience
from remit.journal.postgres.queue import PostgresQueue
from remit.journal.postgres.schema import ensure
from remit.journal.postgres.signals import Signals
from remit.journal.postgres.workers import PostgresWorkers

_ROW = "id, agent, tenant, status, opened, changed, parent, why"
_PAGE = 1000
_SINCE = f"""
SELECT floor(extract(epoch FROM now()) * 1000)::bigint, found.* FROM (VALUES (true)) AS always LEFT JOIN (
    SELECT number, head, {_ROW} FROM remit.sessions WHERE %s ORDER BY number LIMIT {_PAGE}) AS found ON true"""
_WRITTEN = _SINCE % "number IN (SELECT session FROM remit.batches WHERE at >= $1) AND number > $2"
_ALL = _SINCE % "number > $1"
_ROWS = 20_000
"""Sessions whose lines are kept in memory."""
_READERS = 4
"""Connections that all but appends and notifications share."""


class PostgresJournal:
    """Events, blobs, the catalogue, the shared accounts and the leases of workers in one PostgreSQL database."""

    def __init__(self, url: str, *, patience: Patience | None = None) -> None:
        """Take the URL of a database; nothing is connected before it is needed."""
        self.address = Address.of(url)
        """Where it is; its `password` should be kept out of journals."""
        self.patience = patience or Patience()
        self._lines = Lines(self.address, self.patience, _READERS)
        self._lines.first(lambda line: ensure(line, self.address))
        self._appender = Appender(self._lines)
        self.signals = Signals(self._lines)
        """What processes of this database say to each other, and may be lost."""
        self._news = News(self._lines, self.signals)
        self._rows: dict[str, tuple[int, SessionRow]] = {}
        self.driven: Callable[[str], bool] = lambda session: False
        """Says whether this process drives a session, and so hears what is written here without being told."""
        self.workers = PostgresWorkers(self._lines)
        """Who drives the sessions of this database; `me` is this process."""
        self.queue = PostgresQueue(self._lines, self.workers)
        """What is to be driven, for a fleet of workers."""

    @classmethod
    async def open(cls, url: str, *, patience: Patience | None = None) -> Self:
        """Open a store, and make it when the database is empty; raise `JournalError` when it cannot be worked with."""
        journal = cls(url, patience=patience)
        try:
            await journal._lines.do(lambda line: line.fetch("SELECT 1"))
        except BaseException:
            await journal.close()
            raise
        return journal

    @property
    def commits(self) -> int:
        """How many transactions have appended something."""
        return self._appender.commits

    # -- events ----------------------------------------------------------------------------------------------------

    async def append(self, session: str, events: Sequence[Event], *, after: int, entries: Sequence[Entry] = ()) -> int:
        """See `Journal.append`; raise `ConflictError` also when the lease this process drives it by is gone.

        After a `JournalError` that says the database could not be reached nobody knows whether it was written: read.
        """
        body = packed(events)
        owner = _owner(events)
        if owner and owner == self.workers.me:
            await self.workers.begin()
        row = _plain(await self._line(session, events, after))
        first = events[0] if events else None
        append = Append(
            session,
            after,
            len(events),
            body,
            entries,
            row,
            owner,
            self._epoch(session, events, owner),
            version=first.version.replace("\0", "") if isinstance(first, SessionOpened) else "",
            stirs=_handed_back(events) or (owner is None and _stirs(events) and not self.driven(session)),
        )
        tail, epoch = await self._appender.write(append)
        if events:
            self._written(append, epoch)
        return tail

    def _epoch(self, session: str, events: Sequence[Event], owner: str | None) -> int | None:
        """Give the epoch this must be written in: none for what anybody may write, or for who takes it up anew."""
        if owner or all(isinstance(event, FOREIGN) for event in events):
            return None
        return self.workers.held.get(session)

    async def _line(self, session: str, events: Sequence[Event], after: int) -> SessionRow | None:
        """Give the new line of a session after these events, or `None` when it stays as it is."""
        if not events or not (after == 0 or concerns(events)):
            return None
        at = now_ms()
        if after == 0:
            # A journal may begin without `SessionOpened` in tests and imports; it is listed all the same.
            return listed(session, None, events, at) or SessionRow(session, "", "", "idle", at, at)
        tail, row = self._rows.get(session, (-1, None))
        if tail != after:
            found = await self._lines.do(
                lambda line: line.fetch(f"SELECT head, {_ROW} FROM remit.sessions WHERE id = $1", session)
            )
            tail = int(found[0][0]) if found else 0
            if tail != after:
                raise ConflictError(session, after, tail)
            row = SessionRow(*found[0][1:])
        return listed(session, row, events, at)

    def _written(self, append: Append, epoch: int) -> None:
        session, tail = append.session, append.after + append.count
        row = append.row or self._rows.pop(session, (0, None))[1]
        if row is not None:
            if len(self._rows) > _ROWS:
                self._rows.clear()
            self._rows[session] = (tail, row)
        if append.owner:
            self.workers.held[session] = epoch
        elif append.owner is not None:
            self.workers.held.pop(session, None)
        self._news.tell(session, heard=append.heard)

    async def read(self, session: str, *, after: int = 0) -> list[Record]:
        """See `Journal.read`; raise `CorruptJournalError` when what is there is not what was written."""
        records = await self._read(session, after)
        if not records and after == 0:
            await self._lines.do(lambda line: refuse_archived(line, session))
        await self.workers.heed(records)
        return records

    async def _read(self, session: str, after: int) -> list[Record]:
        rows = await self._lines.do(
            lambda line: line.fetch(
                "SELECT seq, at, body FROM remit.batches "
                "WHERE session = (SELECT number FROM remit.sessions WHERE id = $1) AND seq > $2 ORDER BY seq",
                session,
                after,
            )
        )
        found = ((int(seq), int(at), bytes(body)) for seq, at, body in rows)
        return unpacked(self.address.place, session, found, after)

    async def follow(self, session: str, *, after: int = 0) -> AsyncIterator[Record]:
        """See `Journal.follow`: woken by appends of this process, by notifications, and by a look now and then."""
        follower = self._news.join(session)
        try:
            while True:
                follower.news.clear()
                records = await self._read(session, after)
                for record in records:
                    after = record.seq
                    yield record
                follower.seen = after
                if not records:
                    await follower.news.wait()
        finally:
            self._news.leave(session, follower)

    # -- blobs -----------------------------------------------------------------------------------------------------

    async def put(self, body: bytes) -> str:
        """See `Blobs.put`."""
        blob = sha256(body).hexdigest()
        await self._lines.do(
            lambda line: line.execute("INSERT INTO remit.blobs VALUES ($1, $2) ON CONFLICT DO NOTHING", blob, body)
        )
        return blob

    async def get(self, blob: str) -> bytes:
        """See `Blobs.get`."""
        found = await self._lines.do(lambda line: line.fetch("SELECT body FROM remit.blobs WHERE digest = $1", blob))
        if not found:
            raise JournalError(f"no blob {blob!r} in {self.address.place}")
        body = bytes(found[0][0])
        if sha256(body).hexdigest() != blob:
            raise CorruptJournalError(f"{self.address.place}: blob {blob!r} is damaged; nothing was changed")
        return body

    # -- catalogue -------------------------------------------------------------------------------------------------

    async def sessions(self, query: SessionQuery) -> list[SessionRow]:
        """See `Catalogue.sessions`."""
        wanted = {name: value for name in ("status", "agent", "tenant", "why") if (value := getattr(query, name))}
        terms = [f"{name} = ${place}" for place, name in enumerate(wanted, 1)]
        if query.after:
            wanted["after"] = query.after
            terms.append(f"(opened, number) < (SELECT opened, number FROM remit.sessions WHERE id = ${len(wanted)})")
        statement = (
            f"SELECT {_ROW} FROM remit.sessions WHERE {' AND '.join(terms) or 'true'} "
            f"ORDER BY opened DESC, number DESC LIMIT ${len(wanted) + 1}"
        )
        rows = await self._lines.do(lambda line: line.fetch(statement, *wanted.values(), query.limit))
        return [SessionRow(*row) for row in rows]

    async def used(self, account: str) -> int:
        """See `Catalogue.used`."""
        found = await self._lines.do(
            lambda line: line.fetch("SELECT used FROM remit.accounts WHERE name = $1", account)
        )
        return int(found[0][0]) if found else 0

    async def written(self, since: int) -> tuple[list[tuple[SessionRow, int]], int]:
        """Give the line and the tail of each session that was appended to since a time, and the time that it is now.

        Both are in milliseconds since the epoch, by the database's clock; since 0 are all. What is being committed at
        this moment may have an earlier time: ask again from a little before.
        """
        found: list[tuple[SessionRow, int]] = []
        last, now = 0, 0
        while True:
            values = (since, last) if since > 0 else (last,)
            rows = await self._lines.do(
                lambda line, values=values: line.fetch(_WRITTEN if since > 0 else _ALL, *values)
            )
            now = now or int(rows[0][0])
            found += [(SessionRow(*row), int(head)) for _, number, head, *row in rows if number is not None]
            if len(rows) < _PAGE:
                return found, now
            last = int(rows[-1][1])

    # -- upkeep ----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """See `Store.close`; this process is no worker any more."""
        if self._lines.closed:
            return
        await self._appender.close()
        await self._news.close()
        await self.signals.close()
        await self.workers.close()
        await self._lines.close()


def _plain(row: SessionRow | None) -> SessionRow | None:
    """Leave out of a line what PostgreSQL keeps in no text."""
    texts = () if row is None else (row.agent, row.tenant, row.parent, row.why)
    if row is None or not any("\0" in text for text in texts):
        return row
    agent, tenant, parent, why = (text.replace("\0", "") for text in texts)
    return msgspec.structs.replace(row, agent=agent, tenant=tenant, parent=parent, why=why)


def _stirs(events: Sequence[Event]) -> bool:
    """Say whether these are what people and programs write to a session that others drive."""
    later = events[1:] if events and isinstance(events[0], SessionOpened) else events
    return bool(later) and all(isinstance(event, FOREIGN) for event in later)


def _handed_back(events: Sequence[Event]) -> bool:
    """Say whether its driver stops so that another goes on: it must not depend on a word after that."""
    return bool(events) and isinstance(last := events[-1], RunSuspended) and last.why == "paused"


def _owner(events: Sequence[Event]) -> str | None:
    """Say who drives a session after these events, nobody when empty; `None` when they do not say."""
    owner: str | None = None
    for event in events:
        if isinstance(event, RunOpened | RunResumed):
            owner = event.worker
        elif isinstance(event, RunEnded | RunSuspended | SessionClosed):
            owner = ""
    return owner
