"""The file of the views: what is in it, and who may touch it: one thread that writes, few that read.

It is made of journals alone. So whatever is damaged, older or newer is thrown away and made again; only a file of
somebody else is left alone.
"""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from remit.core.errors import ConfigError, RemitError

FILE = "views.db"
"""What the file in a home is called."""

APPLICATION = 0x52454D56
"""SQLite's application id of views: `REMV`."""

SCHEMA = 1
"""Raised whenever what is in it changes, also in meaning."""

_READERS = 2
_BUSY_SECONDS = 10.0

_FILTERS = "status, ended, agent, kinds"
_TABLES = (
    # Up to `running`: how far the session was read. Times are milliseconds since the epoch, money is nano-dollars.
    "CREATE TABLE sessions (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL, "
    "listed INTEGER NOT NULL, looked INTEGER NOT NULL, running INTEGER NOT NULL, "
    "tenant TEXT NOT NULL, agent TEXT NOT NULL, status TEXT NOT NULL, ended TEXT NOT NULL, why TEXT NOT NULL, "
    "about TEXT NOT NULL, parent TEXT NOT NULL, opened INTEGER NOT NULL, changed INTEGER NOT NULL, "
    "runs INTEGER NOT NULL, steps INTEGER NOT NULL, tokens INTEGER NOT NULL, cost INTEGER NOT NULL, "
    "approvals INTEGER NOT NULL, questions INTEGER NOT NULL, doubts INTEGER NOT NULL, oldest INTEGER NOT NULL, "
    "queued INTEGER NOT NULL, flags INTEGER NOT NULL, kinds INTEGER NOT NULL)",
    # An index for each order that also holds what is filtered by: a filter that nothing fits reads the index only.
    f"CREATE INDEX by_changed ON sessions (tenant, changed, number, {_FILTERS})",
    *(
        f"CREATE INDEX by_{order} ON sessions (tenant, {order}, number, {_FILTERS}, changed)"
        for order in ("opened", "cost", "steps")
    ),
    "CREATE INDEX by_id ON sessions (tenant, id)",
    "CREATE INDEX by_status ON sessions (tenant, status, changed, number)",
    "CREATE INDEX that_wait ON sessions (tenant, oldest, approvals, questions, doubts) WHERE oldest > 0",
    "CREATE INDEX that_queue ON sessions (tenant, queued) WHERE queued > 0",
    "CREATE TABLE counts (tenant TEXT NOT NULL, agent TEXT NOT NULL, status TEXT NOT NULL, sessions INTEGER NOT NULL, "
    "PRIMARY KEY (tenant, agent, status)) WITHOUT ROWID",
    "CREATE TABLE hours (tenant TEXT NOT NULL, hour INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, "
    "amounts BLOB NOT NULL, PRIMARY KEY (tenant, hour, kind, name)) WITHOUT ROWID",
    "CREATE TABLE flags (session INTEGER NOT NULL, seq INTEGER NOT NULL, tenant TEXT NOT NULL, at INTEGER NOT NULL, "
    "kind TEXT NOT NULL, what TEXT NOT NULL, level TEXT NOT NULL, reason TEXT NOT NULL, call TEXT NOT NULL, "
    "tool TEXT NOT NULL, resolved INTEGER NOT NULL, PRIMARY KEY (session, seq)) WITHOUT ROWID",
    "CREATE INDEX flags_in_order ON flags (tenant, at, session, seq, kind)",
    "CREATE INDEX flags_by_kind ON flags (tenant, kind, at, session, seq)",
    # Only the words: the texts are in the journal.
    "CREATE VIRTUAL TABLE said USING fts5 (text, content = '', "
    "tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')",
)

T = TypeVar("T")


class DamagedError(RemitError):
    """The file is not what was written; it must be made again."""


class ViewsFile:
    """Connections to a file, or to memory, each used by one thread."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the file, readable by its owner only; raise `ConfigError` for what is somebody else's."""
        self.path = path
        self._writing = ThreadPoolExecutor(1, "remit-views-writing")
        self._reading = ThreadPoolExecutor(_READERS, "remit-views-reading") if path else self._writing
        self._own = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._writer = self._opened()

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something in one transaction; raise `DamagedError`, or `sqlite3.Error` for what may go better later."""

        def whole() -> T:
            with _told():
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    done = work(self._writer)
                    self._writer.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        self._writer.execute("ROLLBACK")
                    raise
                return done

        # What was begun comes to its end, whoever waits for it.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writing, whole))

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Ask something; raise as `write` does."""

        def asked() -> T:
            with _told():
                return work(self._reader())

        return await asyncio.get_running_loop().run_in_executor(self._reading, asked)

    async def close(self) -> None:
        """Let go."""
        await asyncio.to_thread(self._close)

    def discard(self) -> None:
        """Take the file away, once it is closed."""
        if self.path is not None:
            _discard(self.path)

    def _close(self) -> None:
        self._reading.shutdown()
        self._writing.shutdown()
        for connection in self._all:
            connection.close()

    def _reader(self) -> sqlite3.Connection:
        if self.path is None:
            return self._writer
        found: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = self._own.connection = _connect(str(self.path))
            found.execute("PRAGMA query_only = ON")
            self._all.append(found)
        return found

    def _opened(self) -> sqlite3.Connection:
        place = ":memory:"
        if self.path is not None:
            place = str(self.path)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                _refuse_strangers(self.path)
                # The files beside it have the mode that it has.
                self.path.touch(mode=0o600)
            except OSError as error:
                raise ConfigError(f"{self.path} cannot be used: {error}") from error
        connection = _connect(place)
        try:
            _create(connection)
        except BaseException:
            connection.close()
            raise
        self._all.append(connection)
        return connection


def _refuse_strangers(path: Path) -> None:
    """Throw away what cannot be used; raise `ConfigError` for a good file of something else."""
    if not path.exists():
        return
    try:
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS)
        try:
            application, version, tables = (
                connection.execute(question).fetchone()[0]
                for question in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
            )
        finally:
            connection.close()
    except sqlite3.DatabaseError:
        _discard(path)
        return
    if tables and application != APPLICATION:
        raise ConfigError(f"{path} is a SQLite file of something else; move it away")
    if tables and version != SCHEMA:
        _discard(path)


def _discard(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(place: str) -> sqlite3.Connection:
    connection = sqlite3.connect(place, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # What a power cut takes is read again: a cursor goes with what it brought.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    # Looked at under the lock: another process may have created it meanwhile.
    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
    connection.execute("COMMIT")


@contextlib.contextmanager
def _told() -> Generator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if damaged(error):
            raise DamagedError(f"the views are damaged: {error}") from error
        raise


def damaged(error: sqlite3.Error) -> bool:
    """Say whether a file must be made again."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    gone = isinstance(error, sqlite3.OperationalError) and "no such table" in str(error)
    return gone or code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
