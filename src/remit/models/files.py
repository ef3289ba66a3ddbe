"""Files: SQLite files of the models' own, opened when first used; all work on one is done by one thread, in order."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from remit.core.errors import ConfigError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class Layout(msgspec.Struct, frozen=True):
    """What a kind of file holds."""

    what: str
    """In words, for messages."""
    application: int
    """SQLite's application id, by which a file of another kind is refused."""
    version: int
    tables: str
    """Statements that make them, separated by `;` and an empty line."""
    sure: bool
    """Whether a commit survives a power cut."""
    busy: float
    """Seconds to wait for another process that writes."""


class ModelFile:
    """One file. Several processes may share it."""

    def __init__(self, path: str | Path, layout: Layout) -> None:
        """Name the file; nothing is touched before the first work."""
        self.path = Path(path)
        self._layout = layout
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, f"remit-{self.path.name}")

    @property
    def opened(self) -> bool:
        """Whether a work has opened it."""
        return self._connection is not None

    async def do(self, work: Work[T]) -> T:
        """Do a work in a transaction; raise `ConfigError` for a file that is not ours, else what SQLite raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)

    def _do(self, work: Work[T]) -> T:
        connection = self._connection
        if connection is None:
            connection = self._connection = _opened(self.path, self._layout)
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return result

    async def close(self) -> None:
        """Finish what is under way and let go of the file; a later work opens it again."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _opened(path: Path, layout: Layout) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot hold {layout.what}: {error}") from error
    connection = sqlite3.connect(path, timeout=layout.busy, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path, layout)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, layout: Layout) -> None:
    # Looked at before anything is written, so that a file of somebody else stays as it is; and both in one
    # transaction, as another process may be creating it.
    connection.execute("BEGIN")
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    connection.execute("COMMIT")
    if application != layout.application:
        if tables:
            raise ConfigError(f"{path} is a SQLite file but does not hold {layout.what}; choose another path")
        _create(connection, layout)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != layout.version:
        raise ConfigError(
            f"{path} holds {layout.what} of version {version}, and this Remit reads {layout.version}; move it away"
        )
    _log_ahead(connection, layout.busy)
    connection.execute(f"PRAGMA synchronous = {'FULL' if layout.sure else 'NORMAL'}")


def _log_ahead(connection: sqlite3.Connection, seconds: float) -> None:
    """Turn write-ahead logging on. SQLite does not wait for others here by itself."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _create(connection: sqlite3.Connection, layout: Layout) -> None:
    connection.execute("BEGIN IMMEDIATE")
    # Looked at again under the lock: another process may have created it meanwhile.
    if connection.execute("PRAGMA application_id").fetchone()[0] != layout.application:
        for statement in layout.tables.split(";\n\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {layout.application}")
        connection.execute(f"PRAGMA user_version = {layout.version}")
    connection.execute("COMMIT")
