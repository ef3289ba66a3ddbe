import asyncio
import sqlite3
from pathlib import Path

import pytest

from remit.core.errors import ConfigError, RemitError
from remit.memory import SqliteLessons
from remit.memory.lessons import Lesson


async def test_lessons_outlive_the_process_and_are_shared(tmp_path: Path) -> None:
    path = tmp_path / "lessons.db"
    first = SqliteLessons(path, clock=lambda: 7)
    await first.keep("topic", "Look twice.", source="s1")
    second = SqliteLessons(path)
    assert await second.recall("topic") == [Lesson("topic", "Look twice.", "s1", 7)]
    await asyncio.gather(*(store.keep("topic", f"{number}") for number in range(5) for store in (first, second)))
    assert len(await first.recall("topic", limit=9)) == 6
    await first.close()
    await second.close()


async def test_what_is_forgotten_is_found_no_more(tmp_path: Path) -> None:
    lessons = SqliteLessons(tmp_path / "lessons.db", most=1)
    await lessons.keep("old", "stale")
    await lessons.keep("new", "fresh")
    assert await lessons.recall("old stale") == []
    await lessons.close()
    database = sqlite3.connect(tmp_path / "lessons.db")
    assert database.execute("SELECT count(*) FROM words WHERE words MATCH 'stale'").fetchone() == (0,)
    database.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    database.close()


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (a)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="a SQLite file of something else"):
        SqliteLessons(path)
    assert path.read_bytes() == before


def test_a_file_of_a_newer_remit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lessons.db"
    asyncio.run(SqliteLessons(path).close())
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(ConfigError, match="schema 99"):
        SqliteLessons(path)


def test_a_file_that_is_no_database_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "lessons.db"
    path.write_text("not a database, and long enough to be looked at" * 50)
    with pytest.raises(RemitError, match=r"cannot be used: file is not a database; mend it, or choose another path"):
        SqliteLessons(path)


async def test_a_failed_write_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lessons.db"
    lessons = SqliteLessons(path)
    await lessons.keep("topic", "first")
    spoiler = sqlite3.connect(path)
    spoiler.execute("CREATE TRIGGER no BEFORE INSERT ON lessons BEGIN SELECT RAISE(ABORT, 'full'); END")
    spoiler.commit()
    with pytest.raises(RemitError, match="cannot be used: full"):
        await lessons.keep("topic", "FIRST!")
    assert [one.lesson for one in await lessons.recall("topic")] == ["first"]
    spoiler.execute("DROP TRIGGER no")
    spoiler.close()
    await lessons.keep("topic", "second")
    assert len(await lessons.recall("topic")) == 2
    await lessons.close()
