"""One SQLite file, many processes: they see each other's events, never both come first, and wait for each other."""

import asyncio
import contextlib
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from remit.core.errors import JournalBusyError
from remit.core.events import MessageReceived
from remit.journal import SqliteJournal, database
from remit.journal.sqlite import Durability
from remit.testing.journals import said

WRITER = """
import asyncio, sys
from remit.core.errors import ConflictError
from remit.core.events import MessageReceived
from remit.journal import SqliteJournal

async def main():
    path, me, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    journal = SqliteJournal(path)
    print("ready", flush=True)
    sys.stdin.readline()
    won = tail = 0
    while tail < number:
        try:
            tail = await journal.append("s", [MessageReceived(f"{me}/{tail}")], after=tail)
            won += 1
        except ConflictError as error:
            tail = error.tail
    print(won, flush=True)
    await journal.close()

asyncio.run(main())
"""


async def writer(path: Path, me: str, number: int) -> asyncio.subprocess.Process:
    """Start a process that appends until the journal is that long, and wait until it may begin."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-c", WRITER, str(path), me, str(number))
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


def begin(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")


async def won(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    number = int(await process.stdout.readline())
    assert await process.wait() == 0
    return number


@pytest_asyncio.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path / "journal.db")
    yield journal
    await journal.close()


async def test_a_follower_sees_what_another_process_appends(journal: SqliteJournal) -> None:
    process = await writer(journal.path, "other", 50)
    seen: list[int] = []

    async def follow() -> None:
        async for record in journal.follow("s"):
            seen.append(record.seq)
            if record.seq == 50:
                return

    following = asyncio.create_task(follow())
    begin(process)
    assert await won(process) == 50
    await asyncio.wait_for(following, 30)
    assert seen == list(range(1, 51))


async def test_a_journal_is_read_while_another_process_writes_it(journal: SqliteJournal) -> None:
    process = await writer(journal.path, "other", 200)
    begin(process)
    lengths = [0]
    while lengths[-1] < 200:
        records = await journal.read("s")
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        lengths.append(len(records))
        await asyncio.sleep(0)
    assert lengths == sorted(lengths)
    await won(process)


@pytest.mark.parametrize("durability", ["process", "power"])
async def test_of_two_processes_that_race_exactly_one_wins_each_place(tmp_path: Path, durability: Durability) -> None:
    journal = SqliteJournal(tmp_path / "journal.db", durability=durability)
    processes = [await writer(journal.path, name, 60) for name in ("one", "two")]
    for process in processes:
        begin(process)
    wins = [await won(process) for process in processes]
    texts = [record.event.text for record in await journal.read("s") if isinstance(record.event, MessageReceived)]
    assert [text.split("/")[1] for text in texts] == [str(number) for number in range(60)]
    assert [sum(text.startswith(name) for text in texts) for name in ("one/", "two/")] == wins
    await journal.close()


@pytest.mark.parametrize("durability", ["process", "power"])
async def test_an_append_waits_for_another_process_that_writes(tmp_path: Path, durability: Durability) -> None:
    journal = SqliteJournal(tmp_path / "journal.db", durability=durability)
    await journal.append("s", said("a"), after=0)
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    appending = asyncio.create_task(journal.append("s", said("b"), after=1))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not appending.done()
    assert len(await journal.read("s")) == 1
    other.execute("COMMIT")
    assert await appending == 2
    other.close()
    await journal.close()


async def test_a_process_that_never_lets_go_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    explained = database.explain(path, error)
    assert isinstance(explained, JournalBusyError)
    assert str(explained) == f"{path} stayed locked by another process for 10 s; try again"
    await journal.close()


async def test_a_closed_journal_says_so_to_those_who_follow(journal: SqliteJournal) -> None:
    await journal.append("s", said("a"), after=0)
    following = journal.follow("s")
    assert (await anext(following)).seq == 1
    waiting = asyncio.ensure_future(anext(following))
    await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
