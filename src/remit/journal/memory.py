"""MemoryJournal: a store that lives as long as the process, for tests, evaluations and scripts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256

from remit.core.errors import ConflictError, JournalError, OverLimitError
from remit.core.events import Event, Record, decode, encode
from remit.core.ports import Entry, SessionQuery, SessionRow
from remit.core.values import now_ms
from remit.journal.listing import listed, matches


class MemoryJournal:
    """Events as encoded batches in a list per session, so that what is read is a copy, as from any other store."""

    def __init__(self) -> None:
        """Begin empty."""
        self._batches: dict[str, list[tuple[int, int, bytes]]] = {}
        self._tails: dict[str, int] = {}
        self._accounts: dict[str, int] = {}
        self._blobs: dict[str, bytes] = {}
        self._rows: dict[str, SessionRow] = {}
        self._news: dict[str, asyncio.Event] = {}

    async def append(self, session: str, events: Sequence[Event], *, after: int, entries: Sequence[Entry] = ()) -> int:
        """See `Journal.append`."""
        tail = self._tails.get(session, 0)
        if tail != after:
            raise ConflictError(session, after, tail)
        if not events:
            return tail
        body, at = encode(events), now_ms()
        self._take(entries)
        tail += len(events)
        self._batches.setdefault(session, []).append((tail, at, body))
        self._tails[session] = tail
        row = listed(session, self._rows.get(session), events, at)
        if row is not None:
            self._rows[session] = row
        news = self._news.pop(session, None)
        if news is not None:
            news.set()
        return tail

    def _take(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            used = self._accounts.get(entry.account, 0)
            if entry.cap is not None and used + entry.amount > entry.cap:
                raise OverLimitError(entry.account, entry.amount, used, entry.cap)
        for entry in entries:
            self._accounts[entry.account] = self._accounts.get(entry.account, 0) + entry.amount

    async def read(self, session: str, *, after: int = 0) -> list[Record]:
        """See `Journal.read`."""
        return self._read(session, after)

    def _read(self, session: str, after: int) -> list[Record]:
        records: list[Record] = []
        for last, at, body in self._batches.get(session, ()):
            if last > after:
                events = decode(body)
                first = last - len(events) + 1
                records.extend(Record(first + i, at, event) for i, event in enumerate(events) if first + i > after)
        return records

    async def follow(self, session: str, *, after: int = 0) -> AsyncIterator[Record]:
        """See `Journal.follow`."""
        while True:
            news = self._news.setdefault(session, asyncio.Event())
            records = self._read(session, after)
            for record in records:
                after = record.seq
                yield record
            if not records:
                await news.wait()

    async def put(self, body: bytes) -> str:
        """See `Blobs.put`."""
        blob = sha256(body).hexdigest()
        self._blobs[blob] = body
        return blob

    async def get(self, blob: str) -> bytes:
        """See `Blobs.get`."""
        body = self._blobs.get(blob)
        if body is None:
            raise JournalError(f"no blob {blob!r} in this store")
        return body

    async def sessions(self, query: SessionQuery) -> list[SessionRow]:
        """See `Catalogue.sessions`."""
        # Of those opened in the same millisecond the last is the newest, which a sort that keeps their order respects.
        rows = list(reversed(self._rows.values()))
        rows.sort(key=lambda row: row.opened, reverse=True)
        if query.after:
            places = [place for place, row in enumerate(rows, 1) if row.id == query.after]
            rows = rows[places[0] :] if places else []
        return [row for row in rows if matches(row, query)][: query.limit]

    async def used(self, account: str) -> int:
        """See `Catalogue.used`."""
        return self._accounts.get(account, 0)

    async def close(self) -> None:
        """See `Store.close`; what was kept can still be read."""
