"""The SQLite file: how it is opened, what is in it, what is refused. A damaged or newer file is never touched."""

import contextlib
import sqlite3
import time
from collections.abc import Generator
from pathlib import Path

from remit.core.errors import CorruptJournalError, JournalBusyError, JournalError, NewerSchemaError
from remit.core.events import SCHEMA

APPLICATION = 0x52454D54
"""SQLite's application id of a Remit store: `REMT`."""

BUSY_SECONDS = 10.0
"""How long to wait for another process that writes."""

_TABLES = """
CREATE TABLE sessions (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, agent TEXT NOT NULL, tenant TEXT NOT NULL,
    status TEXT NOT NULL, opened INTEGER NOT NULL, changed INTEGER NOT NULL, parent TEXT NOT NULL, why TEXT NOT NULL);
CREATE INDEX sessions_by_status ON sessions (status, opened);
CREATE TABLE batches (session INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX batches_in_order ON batches (session, seq);
CREATE TABLE accounts (name TEXT PRIMARY KEY, used INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE blobs (digest TEXT PRIMARY KEY, body BLOB NOT NULL);
"""

_LATER = "sessions_by_tenant"


def open_database(path: Path) -> sqlite3.Connection:
    """Open or create a store; raise `JournalError` and leave the file as it is when it is not one of ours."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            # Conversations are nobody else's to read; the files that SQLite puts beside it have the mode that it has.
            path.touch(mode=0o600)
    except OSError as error:
        raise JournalError(f"{path} cannot be used: {error}") from error
    with explained(path):
        if path.exists() and path.stat().st_size > 0:
            _refuse_strangers(path)
        connection = _connect(path)
        try:
            _create(connection)
            _index(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a second connection that only reads."""
    with explained(path):
        connection = _connect(path)
        connection.execute("PRAGMA query_only = ON")
        return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=64)
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    _log_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Turn the log on; while others do so too, SQLite says `busy` at once, whatever its timeout is."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                connection.close()
                raise
            time.sleep(0.01)
        else:
            return


def _refuse_strangers(path: Path) -> None:
    # Looked at through a read-only connection, so that a file we refuse is left exactly as it was.
    # One that nobody has open is opened as immutable, or else SQLite would leave files of its own beside it.
    alone = not path.with_name(f"{path.name}-wal").exists()
    how = "mode=ro&immutable=1" if alone else "mode=ro"
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, timeout=BUSY_SECONDS)
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    finally:
        connection.close()
    if application == 0 and version == 0 and tables == 0:
        return
    if application != APPLICATION:
        raise CorruptJournalError(
            f"{path} is a SQLite file but not a Remit store; nothing was changed. Choose another path"
        )
    if version > SCHEMA:
        raise NewerSchemaError(
            f"{path} was written by a newer Remit (schema {version}, this one reads {SCHEMA}); nothing was changed. "
            "Upgrade remit to open it"
        )


def _index(connection: sqlite3.Connection) -> None:
    """Give a store that an earlier Remit made the index that came later, if this process may write to it."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_LATER,)).fetchone():
        return
    connection.execute("PRAGMA busy_timeout = 0")
    # What cannot be written now is only slower to ask; whoever opens it next tries again.
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute(f"CREATE INDEX IF NOT EXISTS {_LATER} ON sessions (tenant, opened)")
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")


def _create(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA user_version").fetchone()[0]:
        return
    connection.execute("BEGIN IMMEDIATE")
    # Looked at again under the lock: another process may have created it meanwhile.
    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
        for statement in _TABLES.split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
    connection.execute("COMMIT")


@contextlib.contextmanager
def explained(path: Path) -> Generator[None]:
    """Turn SQLite's errors into ours, with what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(path, error) from error


def explain(path: Path, error: sqlite3.Error) -> JournalError:
    """Say in our words what SQLite ran into."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    primary = code & 0xFF
    if primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return CorruptJournalError(
            f"{path} is damaged or no store ({error}); nothing was changed. Restore it from a backup, or move it away"
        )
    if is_busy(error):
        return JournalBusyError(f"{path} stayed locked by another process for {BUSY_SECONDS:.0f} s; try again")
    if primary == sqlite3.SQLITE_FULL:
        return JournalError(f"no room left on the disk of {path}; nothing was lost. Free some and resume")
    return JournalError(f"{path} cannot be used: {error}")


def is_busy(error: sqlite3.Error) -> bool:
    """Say whether trying again may help."""
    return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
