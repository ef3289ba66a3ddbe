"""SqliteLessons: lessons in one SQLite file that several processes may share, found by its full-text index."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from remit.core.errors import ConfigError, RemitError
from remit.core.values import now_ms
from remit.memory.lessons import MOST, Lesson, at_least_one, distinct, normal, terms, words

T = TypeVar("T")

_APPLICATION = 0x52454D4C
"""SQLite's application id of a file of lessons: `REML`."""
_SCHEMA = 1
_BUSY_SECONDS = 10.0

_TABLES = """
CREATE TABLE lessons (
    number INTEGER PRIMARY KEY, tenant TEXT NOT NULL, same TEXT NOT NULL, topic TEXT NOT NULL, lesson TEXT NOT NULL,
    source TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE (tenant, same));
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', tokenize = 'unicode61 remove_diacritics 0')
"""


class SqliteLessons:
    """Lessons in a file, with their words in an index beside them; all of its work is done in threads."""

    def __init__(self, path: str | Path, *, most: int = MOST, clock: Callable[[], int] = now_ms) -> None:
        """Open or create the file; raise `ConfigError` when it is something else. The clock counts milliseconds."""
        self.path, self._most, self._clock = Path(path), at_least_one(most), clock
        self._lock = threading.Lock()
        with _explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                self._create()
            except BaseException:
                self._db.close()
                raise

    async def keep(self, topic: str, lesson: str, *, source: str = "", tenant: str = "default") -> None:
        """See `Lessons.keep`."""
        same = f"{normal(topic)}\n{normal(lesson)}"

        def work(db: sqlite3.Connection) -> None:
            found = db.execute("SELECT * FROM lessons WHERE tenant = ? AND same = ?", (tenant, same)).fetchone()
            if found is not None:
                _forget(db, found)
            row = (tenant, same, topic, lesson, source, self._clock())
            number = db.execute(
                "INSERT INTO lessons (number, tenant, same, topic, lesson, source, at) "
                "VALUES ((SELECT coalesce(max(number), 0) + 1 FROM lessons), ?, ?, ?, ?, ?, ?) RETURNING number",
                row,
            ).fetchone()[0]
            db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, _indexed(topic, lesson)))
            late = "SELECT * FROM lessons WHERE tenant = ? ORDER BY number DESC LIMIT -1 OFFSET ?"
            for old in db.execute(late, (tenant, self._most)).fetchall():
                _forget(db, old)

        await self._do(lambda: self._write(work))

    async def recall(self, topic: str, *, limit: int = 5, tenant: str = "default") -> list[Lesson]:
        """See `Lessons.recall`."""
        query = " OR ".join(f'"{word}"' for word in words(topic))
        if not query or limit < 1:
            return []

        def work() -> list[Lesson]:
            rows = self._db.execute(
                "SELECT topic, lesson, source, at FROM words JOIN lessons ON number = words.rowid "
                "WHERE words MATCH ? AND tenant = ? ORDER BY round(bm25(words), 9), number DESC",
                (query, tenant),
            )
            # The same lesson may stand there under any number of topics, so nobody can say how many rows it takes.
            with closing(rows):
                return distinct((Lesson(*row) for row in rows), limit)

        return await self._do(work)

    async def close(self) -> None:
        """See `Lessons.close`."""
        await self._do(self._db.close)

    async def _do(self, work: Callable[[], T]) -> T:
        def locked() -> T:
            with self._lock, _explained(self.path):
                return work()

        return await asyncio.to_thread(locked)

    def _write(self, work: Callable[[sqlite3.Connection], None]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            work(self._db)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _create(self) -> None:
        application, tables = (
            self._db.execute(question).fetchone()[0]
            for question in ("PRAGMA application_id", "SELECT count(*) FROM sqlite_master")
        )
        if tables and application != _APPLICATION:
            raise ConfigError(f"{self.path} is a SQLite file of something else; choose another path for lessons")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > _SCHEMA:
            raise ConfigError(f"{self.path} was written by a newer Remit (schema {version}); upgrade remit to open it")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("BEGIN IMMEDIATE")
        # Looked at under the lock: another process may have created it meanwhile.
        if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in _TABLES.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._db.execute(f"PRAGMA user_version = {_SCHEMA}")
        self._db.execute("COMMIT")


def _indexed(topic: str, lesson: str) -> str:
    return " ".join(terms(f"{topic} {lesson}"))


def _forget(db: sqlite3.Connection, row: tuple[int, str, str, str, str, str, int]) -> None:
    number, _, _, topic, lesson, _, _ = row
    # The index keeps no text of its own, so what is taken out must be told to it.
    db.execute("INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", (number, _indexed(topic, lesson)))
    db.execute("DELETE FROM lessons WHERE number = ?", (number,))


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise RemitError(f"the lessons in {path} cannot be used: {error}; mend it, or choose another path") from error
