"""A store is nobody else's to read, and one of an earlier Remit gets the indexes that came later."""

import os
import sqlite3
import stat
from pathlib import Path

from remit.core.ports import SessionQuery
from remit.journal import SqliteJournal
from remit.testing.journals import session_opened

_INDEX = "sessions_by_tenant"


def asked(path: Path, question: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path, isolation_level=None)
    found = connection.execute(question).fetchall()
    connection.close()
    return found


def modes(folder: Path) -> dict[str, int]:
    return {found.name: stat.S_IMODE(found.stat().st_mode) for found in folder.iterdir()}


async def older(path: Path) -> None:
    """Write a store as it was before the index."""
    journal = SqliteJournal(path)
    await journal.append("s", [session_opened()], after=0)
    await journal.close()
    asked(path, f"DROP INDEX {_INDEX}")


async def test_all_files_of_a_store_are_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    before = os.umask(0)
    try:
        journal = SqliteJournal(path)
        await journal.append("s", [session_opened()], after=0)
        found = modes(tmp_path)
        await journal.close()
    finally:
        os.umask(before)
    assert found == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}


async def test_the_mode_that_somebody_gave_a_store_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await older(path)
    path.chmod(0o640)
    await SqliteJournal(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


async def test_an_older_store_gets_the_index_and_a_tenants_newest_sessions_are_found_by_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await older(path)
    journal = SqliteJournal(path)
    assert [row.id for row in await journal.sessions(SessionQuery(tenant=session_opened().tenant))] == ["s"]
    await journal.close()
    plan = asked(
        path, "EXPLAIN QUERY PLAN SELECT id FROM sessions WHERE tenant = 't' ORDER BY opened DESC, number DESC"
    )
    assert _INDEX in str(plan)
    assert "TEMP B-TREE" not in str(plan)


async def test_an_older_store_that_another_process_writes_to_is_opened_without_the_index(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await older(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal = SqliteJournal(path)
    assert len(await journal.sessions(SessionQuery())) == 1
    await journal.close()
    other.execute("ROLLBACK")
    other.close()
    assert not asked(path, f"SELECT 1 FROM sqlite_master WHERE name = '{_INDEX}'")
    await SqliteJournal(path).close()
    assert asked(path, f"SELECT 1 FROM sqlite_master WHERE name = '{_INDEX}'")
