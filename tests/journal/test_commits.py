"""Commits: shared by those who come at the same time, no worse for anybody's mistake, and never half."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from remit.core.errors import ConflictError, JournalError, OverLimitError
from remit.core.events import EffectStarted, ModelAnswered, ModelAsked
from remit.core.ports import Entry
from remit.journal import SqliteJournal
from remit.journal.committer import ThreadCommitter, TickCommitter, Work
from remit.journal.database import open_database
from remit.journal.sqlite import Durability
from remit.testing.journals import said, session_opened

COMMITTERS = {"process": TickCommitter, "power": ThreadCommitter}


class Counted:
    """A database, and how many transactions were committed in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.commits = 0
        self.db = open_database(path)
        self.db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)")
        self.db.set_trace_callback(self._count)

    def _count(self, statement: str) -> None:
        self.commits += statement == "COMMIT"

    def numbers(self) -> list[int]:
        return [row[0] for row in self.db.execute("SELECT n FROM t ORDER BY n")]


def put(number: int) -> Work[int]:
    def work(db: sqlite3.Connection) -> int:
        db.execute("INSERT INTO t VALUES (?)", (number,))
        return number

    return work


def refuse(db: sqlite3.Connection) -> int:
    raise OverLimitError("x", 1, 1, 1)


def break_down(db: sqlite3.Connection) -> int:
    db.execute("INSERT INTO t VALUES (777)")
    raise ZeroDivisionError


def collide(db: sqlite3.Connection) -> int:
    db.execute("INSERT INTO t VALUES (888)")
    db.execute("INSERT INTO t VALUES (888)")
    return 0


@pytest.mark.parametrize("name", COMMITTERS)
async def test_works_that_come_together_share_a_commit(tmp_path: Path, name: str) -> None:
    counted = Counted(tmp_path / "t.db")
    committer = COMMITTERS[name](counted.db, counted.path)
    assert await asyncio.gather(*(committer.do(put(n)) for n in range(100))) == list(range(100))
    assert counted.commits <= (1 if name == "process" else 20)
    assert counted.numbers() == list(range(100))
    await committer.close()
    counted.db.close()


BAD = [(refuse, OverLimitError), (break_down, ZeroDivisionError), (collide, JournalError)]


@pytest.mark.parametrize(("bad", "wanted"), BAD)
@pytest.mark.parametrize("name", COMMITTERS)
async def test_a_work_that_breaks_does_not_harm_its_neighbours(
    tmp_path: Path, name: str, bad: Work[int], wanted: type[Exception]
) -> None:
    counted = Counted(tmp_path / "t.db")
    committer = COMMITTERS[name](counted.db, counted.path)
    works = [put(1), bad, put(2), bad, put(3)]
    results = await asyncio.gather(*(committer.do(work) for work in works), return_exceptions=True)
    assert [results[place] for place in (0, 2, 4)] == [1, 2, 3]
    assert isinstance(results[1], wanted)
    assert isinstance(results[3], wanted)
    assert counted.numbers() == [1, 2, 3]
    assert await committer.do(put(4)) == 4
    await committer.close()
    counted.db.close()


@pytest.mark.parametrize("name", COMMITTERS)
async def test_a_closed_committer_takes_no_works(tmp_path: Path, name: str) -> None:
    counted = Counted(tmp_path / "t.db")
    committer = COMMITTERS[name](counted.db, counted.path)
    under_way = asyncio.create_task(committer.do(put(1)))
    await asyncio.sleep(0)
    await committer.close()
    assert await under_way == 1
    with pytest.raises(JournalError, match="was closed"):
        await committer.do(put(2))
    counted.db.close()


@pytest.mark.parametrize("durability", ["process", "power"])
async def test_appends_under_way_are_finished_when_a_journal_is_closed(tmp_path: Path, durability: Durability) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path, durability=durability)
    appending = [asyncio.create_task(journal.append(f"s{n}", said("a"), after=0)) for n in range(20)]
    await asyncio.sleep(0)
    await journal.close()
    assert await asyncio.gather(*appending) == [1] * 20
    again = SqliteJournal(path)
    assert [len(await again.read(f"s{n}")) for n in range(20)] == [1] * 20
    await again.close()


@pytest.mark.parametrize("durability", ["process", "power"])
async def test_whoever_stops_waiting_for_an_append_stops_nobody_else(tmp_path: Path, durability: Durability) -> None:
    journal = SqliteJournal(tmp_path / "journal.db", durability=durability)
    impatient = asyncio.create_task(journal.append("s", said("a"), after=0))
    patient = asyncio.create_task(journal.append("t", said("a"), after=0))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == 1
    assert len(await journal.read("s")) <= 1
    await journal.close()


async def test_a_name_that_cannot_be_stored_harms_nobody_else(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    good = [journal.append(f"s{n}", said("a"), after=0) for n in range(3)]
    results = await asyncio.gather(
        good[0], journal.append("\udcff", said("a"), after=0), *good[1:], return_exceptions=True
    )
    assert [result for result in results if result == 1] == [1, 1, 1]
    assert isinstance(results[1], UnicodeError)
    await journal.close()


async def test_one_session_alone_syncs_at_most_once_a_step(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db", durability="power")
    tail = await journal.append("s", [session_opened()], after=0)
    before = journal.syncs
    for step in range(10):
        tail = await journal.append("s", [ModelAsked(str(2 * step))], after=tail)
        tail = await journal.append("s", [ModelAnswered(str(2 * step), ""), EffectStarted("c")], after=tail)
    assert journal.syncs - before == 10
    await journal.close()


async def test_many_sessions_share_their_syncs(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db", durability="power")

    async def live(name: str) -> None:
        for place in range(10):
            await journal.append(name, said("x"), after=place)

    await asyncio.gather(*(live(f"s{n}") for n in range(50)))
    assert journal.syncs <= 100
    await journal.close()


async def test_nothing_is_synced_when_a_crash_of_the_process_is_all_that_must_be_survived(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    await journal.append("s", said("x"), after=0)
    assert journal.syncs == 0
    await journal.close()


async def test_a_full_disk_loses_nothing_and_room_lets_it_go_on(tmp_path: Path) -> None:
    db = open_database(tmp_path / "t.db")
    db.execute("CREATE TABLE t (body)")
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages + 4}")
    committer = TickCommitter(db, tmp_path / "t.db")

    def work(db: sqlite3.Connection) -> int:
        db.execute("INSERT INTO t VALUES (zeroblob(4000))")
        return 1

    done = 0

    async def fill() -> None:
        nonlocal done
        while True:
            done += await committer.do(work)

    with pytest.raises(JournalError, match=r"no room left on the disk .* nothing was lost\. Free some and resume"):
        await fill()
    assert db.execute("SELECT count(*) FROM t").fetchone()[0] == done
    db.execute("PRAGMA max_page_count = 100000")
    assert await committer.do(work) == 1
    await committer.close()
    db.close()


async def test_a_session_whose_first_append_was_undone_is_not_taken_for_another(tmp_path: Path) -> None:
    """Its row's number goes to the next session, so nobody may have kept it."""
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    meddler = sqlite3.connect(path, isolation_level=None)
    meddler.execute("CREATE TRIGGER full BEFORE INSERT ON batches BEGIN SELECT RAISE(ROLLBACK, 'full'); END")
    both = await asyncio.gather(
        journal.append("s", said("a"), after=0), journal.append("s", said("b"), after=0), return_exceptions=True
    )
    assert all(isinstance(one, JournalError) for one in both)
    meddler.execute("DROP TRIGGER full")
    assert await journal.append("t", said("t1", "t2"), after=0) == 2
    assert await journal.read("s") == []
    assert await journal.append("s", said("mine"), after=0) == 1
    assert [len(await journal.read(name)) for name in ("s", "t")] == [1, 2]
    meddler.close()
    await journal.close()


async def test_a_fenced_writer_in_the_same_commit_takes_nothing(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    first, second = await asyncio.gather(
        journal.append("s", said("a"), after=0, entries=[Entry("x", 5)]),
        journal.append("s", said("b"), after=0, entries=[Entry("x", 7)]),
        return_exceptions=True,
    )
    assert first == 1
    assert isinstance(second, ConflictError)
    assert await journal.used("x") == 5
    await journal.close()


async def test_the_log_beside_the_file_stays_bounded_though_writing_never_rests(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    log = path.with_name("journal.db-wal")
    largest, body = 0, "x" * 16_000
    for place in range(6_000):
        await journal.append("s", said(body), after=place)
        largest = max(largest, log.stat().st_size) if place % 64 == 0 else largest
    assert largest < 64 << 20, "of some 190 MB that went through it"
    await journal.close()


async def test_many_sessions_are_remembered_only_so_far(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    await asyncio.gather(*(journal.append(f"s{n}", said("a"), after=0) for n in range(300)))
    for number in range(300):
        assert await journal.append(f"s{number}", said("b"), after=1) == 2
    await journal.close()


@pytest.mark.parametrize("name", COMMITTERS)
async def test_a_commit_that_fails_fails_for_all_who_share_it(tmp_path: Path, name: str) -> None:
    counted = Counted(tmp_path / "t.db")
    counted.db.execute("PRAGMA foreign_keys = ON")
    counted.db.execute("CREATE TABLE u (n REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED)")
    committer = COMMITTERS[name](counted.db, counted.path)

    def orphan(db: sqlite3.Connection) -> int:
        db.execute("INSERT INTO u VALUES (5)")
        return 5

    results = await asyncio.gather(committer.do(put(1)), committer.do(orphan), return_exceptions=True)
    assert isinstance(results[1], JournalError)
    assert counted.numbers() == ([] if isinstance(results[0], JournalError) else [1])
    assert await committer.do(put(2)) == 2
    await committer.close()
    counted.db.close()


@pytest.mark.parametrize("name", COMMITTERS)
async def test_a_store_that_cannot_be_written_says_so(tmp_path: Path, name: str) -> None:
    counted = Counted(tmp_path / "t.db")
    counted.db.execute("PRAGMA query_only = ON")
    committer = COMMITTERS[name](counted.db, counted.path)
    with pytest.raises(JournalError, match="cannot be used: attempt to write a readonly database"):
        await committer.do(put(1))
    await committer.close()
    counted.db.close()


def test_a_loop_that_is_gone_stops_no_writer(tmp_path: Path) -> None:
    counted = Counted(tmp_path / "t.db")
    committer = ThreadCommitter(counted.db, counted.path)
    other = sqlite3.connect(counted.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def leaves() -> None:
        hurried = asyncio.create_task(committer.do(put(1)))
        await asyncio.sleep(0)
        hurried.cancel()

    asyncio.run(leaves())
    other.execute("COMMIT")
    other.close()
    asyncio.run(committer.close())
    assert counted.numbers() == [1]
    counted.db.close()


async def test_writers_that_outrun_a_checkpoint_make_way_for_it(tmp_path: Path) -> None:
    """A reader elsewhere keeps the checkpoint from ending; nothing is lost, and it ends when the reader does."""
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    await journal.append("s", said("first"), after=0)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM batches").fetchone()
    body = "x" * 120_000
    for place in range(1, 600):
        await journal.append("s", said(body), after=place)
    reader.execute("COMMIT")
    reader.close()
    assert len(await journal.read("s")) == 600
    await journal.close()
    assert not path.with_name("journal.db-wal").exists()
