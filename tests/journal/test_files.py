"""What is no journal of ours, or was damaged, is refused with a clear word and left exactly as it was."""

import sqlite3
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from remit.core.errors import CorruptJournalError, JournalError, NewerSchemaError
from remit.core.events import SCHEMA
from remit.core.ports import SessionQuery
from remit.journal import SqliteJournal
from remit.testing.journals import said, session_opened


async def stored(path: Path, batches: int = 4) -> None:
    """Write a store with a session in it."""
    journal = SqliteJournal(path)
    await journal.append("s", [session_opened()], after=0)
    for number in range(1, batches):
        await journal.append("s", said(f"message {number}" * 50), after=number)
    await journal.put(b"a blob of bytes" * 100)
    await journal.close()


def change(path: Path, *statements: str) -> None:
    """Meddle with a store, and leave it as one file."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def foreign(path: Path) -> None:
    path.unlink()
    change(path, "CREATE TABLE songs (name TEXT)", "INSERT INTO songs VALUES ('x')")


def foreign_wal(path: Path) -> None:
    path.unlink()
    change(path, "PRAGMA journal_mode = WAL", "CREATE TABLE songs (name TEXT)", "INSERT INTO songs VALUES ('x')")


def newer(path: Path) -> None:
    change(path, f"PRAGMA user_version = {SCHEMA + 1}")


def other_application(path: Path) -> None:
    change(path, "PRAGMA application_id = 7")


def text(path: Path) -> None:
    path.write_text("dear diary\n" * 500)


def random_bytes(path: Path) -> None:
    path.write_bytes(b"".join(sha256(bytes([number])).digest() for number in range(256)))


def cut_short(path: Path) -> None:
    body = path.read_bytes()
    path.write_bytes(body[: len(body) // 2])


def cut_in_a_page(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


BROKEN: dict[str, tuple[Callable[[Path], None], type[JournalError], str]] = {
    "foreign": (foreign, CorruptJournalError, "not a Remit store; nothing was changed. Choose another path"),
    "foreign-wal": (foreign_wal, CorruptJournalError, "not a Remit store; nothing was changed. Choose another path"),
    "newer": (newer, NewerSchemaError, "written by a newer Remit .* Upgrade remit to open it"),
    "application": (other_application, CorruptJournalError, "not a Remit store"),
    "text": (text, CorruptJournalError, "nothing was changed. Restore it from a backup"),
    "random": (random_bytes, CorruptJournalError, "nothing was changed. Restore it from a backup"),
    "half": (cut_short, CorruptJournalError, "nothing was changed. Restore it from a backup"),
    "stump": (cut_in_a_page, CorruptJournalError, "nothing was changed. Restore it from a backup"),
}


def names(folder: Path) -> list[str]:
    return [found.name for found in folder.iterdir()]


@pytest.mark.parametrize("name", BROKEN)
async def test_a_file_that_is_no_store_is_refused_and_left_as_it_was(name: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await stored(path)
    breaks, error, message = BROKEN[name]
    breaks(path)
    before = path.read_bytes()
    with pytest.raises(error, match=message) as caught:
        SqliteJournal(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert names(tmp_path) == ["journal.db"]


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "journal.db" / "x").mkdir(parents=True)
    with pytest.raises(JournalError, match="cannot be used"):
        SqliteJournal(tmp_path / "journal.db")


def test_a_place_below_a_file_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(JournalError, match="cannot be used"):
        SqliteJournal(tmp_path / "file" / "journal.db")


async def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "journal.db").touch()
    await stored(tmp_path / "journal.db")


async def test_a_store_without_tables_yet_becomes_one(tmp_path: Path) -> None:
    """Another process may have died between making the file and its tables."""
    change(tmp_path / "journal.db", "PRAGMA journal_mode = WAL", "CREATE TABLE x (y)", "DROP TABLE x")
    await stored(tmp_path / "journal.db")


async def test_a_store_is_opened_again_as_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await stored(path)
    journal = SqliteJournal(path)
    assert [record.seq for record in await journal.read("s")] == [1, 2, 3, 4]
    await journal.close()
    await journal.close()
    assert names(tmp_path) == ["journal.db"]


async def test_a_byte_that_changed_inside_an_event_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await stored(path)
    body = bytearray(path.read_bytes())
    place = body.find(b"message 2message 2")
    body[place + 5] ^= 1
    path.write_bytes(body)
    journal = SqliteJournal(path)
    with pytest.raises(CorruptJournalError, match=r"session 's' is damaged at event 3; nothing was changed"):
        await journal.read("s")
    assert await journal.sessions(SessionQuery())
    await journal.close()
    assert path.read_bytes() == body


async def test_a_byte_that_changed_inside_a_blob_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await stored(path)
    change(path, "UPDATE blobs SET body = x'6f74686572'")
    journal = SqliteJournal(path)
    with pytest.raises(CorruptJournalError, match="is damaged"):
        await journal.get(sha256(b"a blob of bytes" * 100).hexdigest())
    await journal.close()


@pytest.mark.parametrize(("seq", "first"), [(1, 2), (2, 3), (3, 4)])
async def test_a_gap_is_noticed(tmp_path: Path, seq: int, first: int) -> None:
    path = tmp_path / "journal.db"
    await stored(path)
    change(path, f"DELETE FROM batches WHERE seq = {seq}")
    journal = SqliteJournal(path)
    with pytest.raises(CorruptJournalError, match=f"session 's' has a gap before event {first}"):
        await journal.read("s")
    await journal.close()


async def test_events_of_the_future_are_refused_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await stored(path)
    body = msgspec.msgpack.encode([[999]])
    sealed = zlib.crc32(body).to_bytes(4, "big") + body
    change(path, f"UPDATE batches SET body = x'{sealed.hex()}' WHERE seq = 2")
    journal = SqliteJournal(path)
    with pytest.raises(CorruptJournalError, match="holds an event at 2 that this Remit cannot read"):
        await journal.read("s")
    await journal.close()


async def test_a_page_that_was_overwritten_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await stored(path, batches=200)
    body = bytearray(path.read_bytes())
    for page in range(4096, len(body), 4096):
        body[page : page + 64] = bytes(64)
    path.write_bytes(body)
    journal = SqliteJournal(path)
    with pytest.raises(CorruptJournalError, match="nothing was changed"):
        await journal.read("s")
    await journal.close()
    assert path.read_bytes() == body
