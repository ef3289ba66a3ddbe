"""Answers: kept for a time, up to a size, and never given when they are not what was written."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.models.wrappers.timing import Timing

from remit.core.errors import ConfigError
from remit.core.messages import Call, Usage
from remit.core.ports import Reply
from remit.models.answers import AnswerFile
from remit.policy import Secrets

REPLY = Reply("yes", (Call("look", {"at": [1, None]}),), Usage(10, 2), reasoning={"thought": 1}, model="m")
ONE, TWO = b"1" * 32, b"2" * 32


def change(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        assert db.execute(statement, values).rowcount != 0


async def test_what_was_put_is_got_also_by_whoever_opens_the_file_next(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "answers.db"
    answers = AnswerFile(path)
    assert not path.parent.exists()
    assert await answers.get(ONE) is None
    await answers.put(ONE, "acme", REPLY)
    await answers.close()
    again = AnswerFile(path)
    assert await again.get(ONE) == REPLY
    assert await again.get(TWO) is None
    assert (again.counts.hits, again.counts.misses, again.counts.dropped, again.counts.failures) == (1, 1, 0, 0)
    await again.close()
    assert await again.get(ONE) == REPLY
    await again.close()


async def test_an_answer_grows_old(tmp_path: Path) -> None:
    timing = Timing()
    answers = AnswerFile(tmp_path / "a.db", seconds=60.0, clock=timing.clock)
    await answers.put(ONE, "", REPLY)
    timing.now += 59.0
    assert await answers.get(ONE) == REPLY
    timing.now += 1.0
    assert await answers.get(ONE) is None
    assert answers.counts.dropped == 0
    await answers.close()


async def test_old_answers_leave_the_file_when_new_ones_come(tmp_path: Path) -> None:
    timing = Timing()
    path = tmp_path / "a.db"
    answers = AnswerFile(path, seconds=60.0, clock=timing.clock)
    await answers.put(ONE, "", REPLY)
    timing.now += 60.0
    await answers.put(TWO, "", REPLY)
    await answers.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT key FROM answers").fetchall() == [(TWO,)]


async def test_those_not_used_for_longest_make_room(tmp_path: Path) -> None:
    timing = Timing()
    answers = AnswerFile(tmp_path / "a.db", size=200_000, clock=timing.clock)
    keys = [bytes([number]) * 32 for number in range(60)]
    for key in keys:
        timing.now += 1
        await answers.put(key, "", Reply("x" * 5000))
        assert await answers.get(keys[0]) is not None
    kept = [key for key in keys if await answers.get(key) is not None]
    assert keys[0] in kept
    assert keys[-1] in kept
    assert keys[1] not in kept
    assert 2 <= len(kept) <= 200_000 // 5000
    await answers.close()


async def test_the_same_answer_again_takes_no_more_room(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    answers = AnswerFile(path)
    for _ in range(3):
        await answers.put(ONE, "", REPLY)
    await answers.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT sum(size) = (SELECT bytes FROM total) FROM answers").fetchone() == (1,)


async def test_one_larger_than_the_whole_file_may_be_is_not_kept(tmp_path: Path) -> None:
    answers = AnswerFile(tmp_path / "a.db", size=1000)
    await answers.put(ONE, "", Reply("x" * 1000))
    assert await answers.get(ONE) is None
    await answers.close()


async def test_a_count_of_bytes_that_is_wrong_ends_nobody_in_a_circle(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    answers = AnswerFile(path, size=10_000)
    await answers.put(ONE, "", REPLY)
    change(path, "UPDATE total SET bytes = 1000000000")
    await answers.put(TWO, "", REPLY)
    assert await answers.get(TWO) == REPLY
    await answers.close()


@pytest.mark.parametrize(
    "poison",
    [
        "UPDATE answers SET body = x'00'",
        "UPDATE answers SET body = 'text'",
        "UPDATE answers SET seal = x'00'",
        f"UPDATE answers SET key = x'{TWO.hex()}'",
    ],
)
async def test_an_answer_that_is_not_what_was_written_is_dropped(tmp_path: Path, poison: str) -> None:
    path = tmp_path / "a.db"
    answers = AnswerFile(path)
    await answers.put(ONE, "", REPLY)
    change(path, poison)
    assert await answers.get(TWO if "SET key" in poison else ONE) is None
    assert answers.counts.dropped == 1
    await answers.put(ONE, "", REPLY)
    assert await answers.get(ONE) == REPLY
    await answers.close()


async def test_what_is_no_answer_is_dropped_also_when_its_seal_is_right(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    answers, other = AnswerFile(path), AnswerFile(tmp_path / "b.db")
    await answers.put(ONE, "", REPLY)
    body = b"\xc1"
    change(path, "UPDATE answers SET body = ?, seal = ?", body, answers.seal(ONE, body))
    assert await answers.get(ONE) is None
    assert answers.counts.dropped == 1
    await answers.close()
    await other.close()


async def test_with_a_key_nobody_else_can_write_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    forger = AnswerFile(path)
    await forger.put(ONE, "", Reply("poison"))
    await forger.close()
    answers = AnswerFile(path, key=b"secret")
    assert await answers.get(ONE) is None
    assert answers.counts.dropped == 1
    await answers.close()


async def test_a_tenants_answers_can_be_forgotten(tmp_path: Path) -> None:
    answers = AnswerFile(tmp_path / "a.db")
    await answers.put(ONE, "acme", REPLY)
    await answers.put(TWO, "other", REPLY)
    await answers.forget("acme")
    assert await answers.get(ONE) is None
    assert await answers.get(TWO) == REPLY
    await answers.close()


async def test_a_damaged_file_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"not a database at all, " * 100)
    answers = AnswerFile(path)
    assert await answers.get(ONE) is None
    await answers.put(ONE, "", REPLY)
    assert answers.counts.failures == 2
    await answers.close()
    assert path.read_bytes().startswith(b"not a database")


async def test_what_cannot_be_written_is_let_go(tmp_path: Path) -> None:
    answers = AnswerFile(tmp_path / "a.db")
    await answers.put(ONE, "", Reply("\ud800"))
    assert answers.counts.failures == 1
    assert await answers.get(ONE) is None
    await answers.close()


async def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    change(path, "CREATE TABLE sessions (id)")
    before = path.read_bytes()
    answers = AnswerFile(path)
    with pytest.raises(ConfigError, match="does not hold answers of models; choose another path"):
        await answers.get(ONE)
    assert path.read_bytes() == before


async def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    answers = AnswerFile(path)
    await answers.put(ONE, "", REPLY)
    await answers.close()
    change(path, "PRAGMA user_version = 9")
    with pytest.raises(ConfigError, match="version 9, and this Remit reads 1"):
        await AnswerFile(path).get(ONE)


async def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot hold answers"):
        await AnswerFile(tmp_path / "file" / "a.db").get(ONE)


async def test_several_may_open_a_new_file_at_the_same_time(tmp_path: Path) -> None:
    files = [AnswerFile(tmp_path / "a.db") for _ in range(8)]
    await asyncio.gather(*(answers.put(b"\x00" * 32, "", REPLY) for answers in files))
    for answers in files:
        assert await answers.get(b"\x00" * 32) == REPLY
        assert answers.counts.failures == 0
        await answers.close()


@pytest.mark.parametrize(("seconds", "size"), [(0.0, 1), (1.0, 0)])
def test_impossible_numbers_are_refused(seconds: float, size: int) -> None:
    with pytest.raises(ConfigError, match="more than 0"):
        AnswerFile("never.db", seconds=seconds, size=size)


async def test_a_forged_answer_whose_text_is_none_is_dropped(tmp_path: Path) -> None:
    answers = AnswerFile(tmp_path / "a.db")
    await answers.put(ONE, "", REPLY)
    forged = b"\x9a\xa1\xff" + b"\xc0" * 9
    change(tmp_path / "a.db", "UPDATE answers SET body = ?, seal = ?", forged, answers.seal(ONE, forged))
    assert await answers.get(ONE) is None
    assert answers.counts.dropped == 1
    await answers.close()


async def test_an_answer_that_holds_a_secret_is_not_kept(tmp_path: Path) -> None:
    answers, secrets = AnswerFile(tmp_path / "a.db"), Secrets({"KEY": "sk-very-secret"})
    for _ in range(2):
        answers.keep_out(secrets)
    await answers.put(ONE, "", Reply("your key is sk-very-secret"))
    await answers.put(TWO, "", Reply("nothing to hide"))
    assert await answers.get(ONE) is None
    assert await answers.get(TWO) is not None
    await answers.close()
    assert b"sk-very-secret" not in (tmp_path / "a.db").read_bytes()
