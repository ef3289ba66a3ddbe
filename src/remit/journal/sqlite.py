"""SqliteJournal: the default store, one file that several processes may share. An append is one row.

The key of a row is `(session, seq)` of the last event in it; the tail is read inside the writing transaction, so two
writers can never both believe that they came first.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

from remit.core.errors import ConflictError, CorruptJournalError, JournalError, OverLimitError
from remit.core.events import DEFERRABLE, Event, Record
from remit.core.ports import Entry, SessionQuery, SessionRow
from remit.core.values import now_ms
from remit.journal.batches import packed, unpacked
from remit.journal.committer import Committer, ThreadCommitter, TickCommitter
from remit.journal.database import explained, open_database, open_reader
from remit.journal.listing import concerns, listed

Durability = Literal["process", "power"]
"""What an append survives: the death of the process, or of the machine too."""

_POLL_FIRST, _POLL_LAST = 0.02, 0.25
_CHECKPOINT_EVERY = 256
_CHECKPOINT_BYTES = 8 << 20
_CROWDED_BYTES = 4 * _CHECKPOINT_BYTES
_ROW = "id, agent, tenant, status, opened, changed, parent, why"
_DEFERRABLE = frozenset(DEFERRABLE)
_NUMBERS = 50_000
"""Sessions whose row numbers are kept in memory."""


class SqliteJournal:
    """Events, blobs, the catalogue and the shared accounts in one SQLite file in WAL mode."""

    def __init__(self, path: str | Path, *, durability: Durability = "process") -> None:
        """Open or create the file; raise `JournalError` when it cannot be ours."""
        self.path = Path(path)
        self._writer = open_database(self.path)
        self._reader = open_reader(self.path)
        maker = ThreadCommitter if durability == "power" else TickCommitter
        self._committer: Committer = maker(self._writer, self.path)
        self._numbers: dict[str, int] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._watch: asyncio.Task[None] | None = None
        self._appends = 0
        self._crowded = False
        self._checkpoint: asyncio.Future[None] | None = None

    @property
    def syncs(self) -> int:
        """How many times the disk was asked to be sure."""
        return self._committer.syncs

    # -- events ----------------------------------------------------------------------------------------------------

    async def append(self, session: str, events: Sequence[Event], *, after: int, entries: Sequence[Entry] = ()) -> int:
        """See `Journal.append`."""
        if self._crowded:
            await self._make_way()
        body = packed(events)

        def work(db: sqlite3.Connection) -> tuple[int, int | None]:
            number = self._numbers.get(session) or _find(db, session)
            tail = 0 if number is None else _tail(db, number)
            if tail != after:
                raise ConflictError(session, after, tail)
            if not events:
                return tail, number
            _take(db, entries)
            at = now_ms()
            if number is None or concerns(events):
                number = self._list(db, session, events, at)
            db.execute("INSERT INTO batches VALUES (?, ?, ?, ?)", (number, tail + len(events), at, body))
            return tail + len(events), number

        urgent = not _DEFERRABLE.issuperset(map(type, events))
        tail, number = await self._committer.do(work, urgent=urgent)
        self._remember(session, number)
        news = self._news.get(session)
        if news is not None:
            news.set()
        self._appends += 1
        if self._appends % _CHECKPOINT_EVERY == 0:
            self._start_checkpoint()
        return tail

    async def _make_way(self) -> None:
        """Let a checkpoint finish that writers outrun, or the log would grow for as long as they never rest."""
        assert self._checkpoint is not None
        await asyncio.wait([self._checkpoint])
        self._crowded = False

    def _remember(self, session: str, number: int | None) -> None:
        """Keep a number that was committed: one that may yet be rolled back must not be believed."""
        if number is None or session in self._numbers:
            return
        if len(self._numbers) > _NUMBERS:
            self._numbers.clear()
        self._numbers[session] = number

    def _list(self, db: sqlite3.Connection, session: str, events: Sequence[Event], at: int) -> int:
        found = db.execute(f"SELECT {_ROW} FROM sessions WHERE id = ?", (session,)).fetchone()
        row = listed(session, None if found is None else SessionRow(*found), events, at)
        # A journal may begin without `SessionOpened` in tests and imports; it is listed all the same.
        row = row or SessionRow(session, "", "", "idle", at, at)
        places = ", ".join(f"{name} = excluded.{name}" for name in ("status", "changed", "why"))
        cursor = db.execute(
            f"INSERT INTO sessions ({_ROW}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            f"ON CONFLICT (id) DO UPDATE SET {places} RETURNING number",
            msgspec.structs.astuple(row),
        )
        return int(cursor.fetchone()[0])

    async def read(self, session: str, *, after: int = 0) -> list[Record]:
        """See `Journal.read`; raise `CorruptJournalError` when what is there is not what was written."""
        return self._read(session, after)

    def _read(self, session: str, after: int) -> list[Record]:
        with explained(self.path):
            number = self._numbers.get(session) or _find(self._reader, session)
            if number is None:
                return []
            self._remember(session, number)
            rows = self._reader.execute(
                "SELECT seq, at, body FROM batches WHERE session = ? AND seq > ? ORDER BY seq", (number, after)
            ).fetchall()
        return unpacked(str(self.path), session, rows, after)

    async def follow(self, session: str, *, after: int = 0) -> AsyncIterator[Record]:
        """See `Journal.follow`: woken by appends of this process, and by polling for those of others."""
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._poll())
        while True:
            news = self._news.setdefault(session, asyncio.Event())
            news.clear()
            records = self._read(session, after)
            for record in records:
                after = record.seq
                yield record
            if not records:
                await news.wait()

    async def _poll(self) -> None:
        """Wake who follows what any process wrote: a cheap pragma every 20 to 250 ms says whether there is any."""
        pause, seen, row = _POLL_FIRST, -1, self._last_row()
        for news in self._news.values():
            # What was written between their look and ours.
            news.set()
        while True:
            version = self._reader.execute("PRAGMA data_version").fetchone()[0]
            if version != seen:
                pause, seen = _POLL_FIRST, version
                last = self._last_row()
                for session in self._written(row, last):
                    if session in self._news:
                        self._news[session].set()
                row = last
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, _POLL_LAST)

    def _last_row(self) -> int:
        return int(self._reader.execute("SELECT ifnull(max(rowid), 0) FROM batches").fetchone()[0])

    def _written(self, after: int, last: int) -> list[str]:
        """List the sessions of the rows after one and up to another."""
        # Joined in this order, or SQLite might go through all sessions.
        rows = self._reader.execute(
            "SELECT DISTINCT id FROM batches CROSS JOIN sessions ON number = session "
            "WHERE batches.rowid > ? AND batches.rowid <= ?",
            (after, last),
        )
        return [name for (name,) in rows]

    # -- blobs -----------------------------------------------------------------------------------------------------

    async def put(self, body: bytes) -> str:
        """See `Blobs.put`."""
        blob = sha256(body).hexdigest()

        def work(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (blob, body))

        await self._committer.do(work)
        return blob

    async def get(self, blob: str) -> bytes:
        """See `Blobs.get`."""
        with explained(self.path):
            found = self._reader.execute("SELECT body FROM blobs WHERE digest = ?", (blob,)).fetchone()
        if found is None:
            raise JournalError(f"no blob {blob!r} in {self.path}")
        body = bytes(found[0])
        if sha256(body).hexdigest() != blob:
            raise CorruptJournalError(f"{self.path}: blob {blob!r} is damaged; nothing was changed")
        return body

    # -- catalogue -------------------------------------------------------------------------------------------------

    async def sessions(self, query: SessionQuery) -> list[SessionRow]:
        """See `Catalogue.sessions`."""
        wanted = {
            f"{name} = ?": value for name in ("status", "agent", "tenant", "why") if (value := getattr(query, name))
        }
        if query.after:
            wanted["(opened, number) < (SELECT opened, number FROM sessions WHERE id = ?)"] = query.after
        where = " AND ".join(wanted) or "1"
        with explained(self.path):
            rows = self._reader.execute(
                f"SELECT {_ROW} FROM sessions WHERE {where} ORDER BY opened DESC, number DESC LIMIT ?",
                (*wanted.values(), query.limit),
            ).fetchall()
        return [SessionRow(*row) for row in rows]

    async def used(self, account: str) -> int:
        """See `Catalogue.used`."""
        with explained(self.path):
            found = self._reader.execute("SELECT used FROM accounts WHERE name = ?", (account,)).fetchone()
        return 0 if found is None else int(found[0])

    # -- upkeep ----------------------------------------------------------------------------------------------------

    def _start_checkpoint(self) -> None:
        wal = self.path.with_name(self.path.name + "-wal")
        size = wal.stat().st_size if wal.exists() else 0
        busy = self._checkpoint is not None and not self._checkpoint.done()
        self._crowded = busy and size > _CROWDED_BYTES
        if not busy and size > _CHECKPOINT_BYTES:
            # In a thread with a connection of its own: moving pages waits for the disk, and no session should.
            self._checkpoint = asyncio.get_running_loop().run_in_executor(None, _checkpoint, self.path)

    async def close(self) -> None:
        """See `Store.close`."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._committer.close()
        if self._checkpoint is not None:
            await asyncio.gather(self._checkpoint, return_exceptions=True)
        self._reader.close()
        self._writer.close()


def _find(db: sqlite3.Connection, session: str) -> int | None:
    found = db.execute("SELECT number FROM sessions WHERE id = ?", (session,)).fetchone()
    return None if found is None else int(found[0])


def _tail(db: sqlite3.Connection, number: int) -> int:
    found = db.execute("SELECT seq FROM batches WHERE session = ? ORDER BY seq DESC LIMIT 1", (number,)).fetchone()
    return 0 if found is None else int(found[0])


def _take(db: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.cap is not None:
            found = db.execute("SELECT used FROM accounts WHERE name = ?", (entry.account,)).fetchone()
            used = 0 if found is None else int(found[0])
            if used + entry.amount > entry.cap:
                raise OverLimitError(entry.account, entry.amount, used, entry.cap)
    for entry in entries:
        # Nearly always there; an upsert costs six times as much as this.
        if not db.execute("UPDATE accounts SET used = used + ? WHERE name = ?", (entry.amount, entry.account)).rowcount:
            db.execute("INSERT INTO accounts VALUES (?, ?)", (entry.account, entry.amount))


def _checkpoint(path: Path) -> None:
    connection = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        # What was written meanwhile is little, but while any is left the log only grows: hold writers up for that much.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
