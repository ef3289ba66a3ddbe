"""The verdict of a chaos: each law can be broken, and what breaks it is told."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from benchmarks.chaos.driver import Doubt, doubt_about, pid_of
from benchmarks.chaos.eyes import Eyes, Sight, Standing
from benchmarks.chaos.judging import (
    BUDGET,
    CAPS,
    CONTIGUOUS,
    LEASES,
    LEDGER,
    LOST,
    MESSAGES,
    STOLEN,
    TWICE,
    UNTOLD,
    Judge,
)
from benchmarks.chaos.page import write
from benchmarks.chaos.places.counter import Happening
from benchmarks.chaos.removed import ALL, FENCING
from benchmarks.chaos.truth import Truth
from tests.journal.postgres.asking import ask

from remit.core.events import (
    EffectEnded,
    EffectInDoubt,
    EffectStarted,
    Event,
    MessageReceived,
    Record,
    RunOpened,
    RunResumed,
)
from remit.core.messages import Call, Outcome
from remit.core.ports import Entry
from remit.journal.postgres import PostgresJournal
from remit.testing.journals import session_opened

ONE, TWO = "machine-11-0123abcd", "machine-22-0123abcd"


def records(*events: Event) -> list[Record]:
    return [Record(seq, 1000 * seq, event) for seq, event in enumerate(events, 1)]


def started(call: str) -> EffectStarted:
    """Give the intent of a call."""
    return EffectStarted(call, made=Call("pay", {}, call))


def begun(truth: Truth) -> str:
    """Have a session asked for, with one message."""
    asked = truth.next()
    asked.keys.append(asked.key(0))
    return asked.id


def life(session: str, *events: Event) -> list[Event]:
    """Give the events of a session that was begun."""
    message = MessageReceived("go", "driver", f"{session}/m0")
    return [session_opened(root=session), message, RunOpened(1, "react@1", ONE, 5), *events]


Judging = Callable[[list[Event]], Awaitable[Judge]]


@pytest_asyncio.fixture
async def judged(url: str, journal: PostgresJournal) -> AsyncIterator[Judging]:
    """Judges a store with one session."""
    eyes = Eyes(url)

    async def judged(events: list[Event]) -> Judge:
        truth = Truth(1)
        session = begun(truth)
        await journal.append(session, [*life(session), *events], after=0)
        judge = Judge(eyes, truth)
        await judge.read()
        return judge

    yield judged
    await eyes.close()


async def test_what_is_as_it_must_be_breaks_no_law(judged: Judging) -> None:
    judge = await judged([started("c"), EffectEnded(Outcome("c"))])
    at = judge.books.started["s00000-c"] / 1000
    judge.effects([Happening("s00000-c", "once", at + 1)])
    assert await judge.money(Counter(), 1.0) == Counter()
    assert judge.wrongs.counts == {}


async def test_what_happens_twice_or_not_at_all_or_before_its_intent_is_found(judged: Judging) -> None:
    judge = await judged([started("c"), EffectEnded(Outcome("c")), started("d")])
    at = judge.books.started["s00000-d"] / 1000
    late, early = Happening("s00000-d", "once", at + 1), Happening("s00000-e", "once", at - 9)
    judge.effects([late, late, early])
    assert judge.wrongs.counts == {TWICE: 1, LOST: 1, UNTOLD: 1}
    assert judge.wrongs.first[TWICE] == at + 1


async def test_a_message_that_is_missing_or_there_twice_is_found(judged: Judging) -> None:
    judge = await judged([MessageReceived("go", "driver", "s00000/m0")])
    assert judge.wrongs.counts == {MESSAGES: 1}


async def test_a_journal_that_does_not_fold_is_found(judged: Judging, url: str) -> None:
    judge = await judged([])
    ask(url, "UPDATE remit.batches SET seq = seq + 1")
    await judge.read()
    assert judge.wrongs.counts[CONTIGUOUS] == 1


async def test_money_that_is_in_one_book_only_is_found(judged: Judging, journal: PostgresJournal) -> None:
    judge = await judged([])
    await journal.append(
        "t", [session_opened()], after=0, entries=[Entry("usd/tenant/purse/2026-01-01", 2_000_000_000)]
    )
    assert await judge.money(Counter(purse=5), 1.0) == {"purse": 2_000_000_000}
    assert judge.wrongs.counts[BUDGET] == judge.wrongs.counts[LEDGER] == 1


async def test_leases_and_jobs_that_are_left_are_found(judged: Judging, journal: PostgresJournal) -> None:
    judge = await judged([])
    await journal.queue.install()
    await judge.leftovers()
    assert judge.wrongs.counts[LEASES] == 1
    await journal.queue.put("s00000")
    await judge.leftovers()
    assert judge.wrongs.counts[LEASES] == 3


def test_more_runs_than_a_tenant_may_have_are_seen() -> None:
    judge = Judge(Eyes("postgresql://remit@127.0.0.1/none"), Truth(1))
    running = {str(n): Standing(str(n), "capped", "running", "", ONE, 5) for n in range(5)}
    judge.saw(Sight(0.0, running))
    judge.saw(Sight(0.0, runs={"capped": 4, "purse": 16}))
    assert judge.wrongs.counts == {CAPS: 1}


async def test_runs_taken_from_a_worker_to_which_nothing_was_done_are_found(judged: Judging) -> None:
    judge = await judged([RunResumed(TWO, 6), RunResumed(ONE, 7)])
    [_, (_, _, at)] = judge.books.taken
    assert judge.steals({11: [at / 1000 - 1], 22: [at / 1000 - 1]}, 0) == 0
    assert judge.steals({11: [at / 1000 - 1], 22: [at / 1000 - 99]}, 1) == 1
    assert not judge.wrongs.counts
    assert judge.steals({11: [], 22: []}, 1) == 2
    assert judge.wrongs.counts == {STOLEN: 2}


def test_who_began_a_call_and_who_asks_about_it_is_read_from_the_journal() -> None:
    found = doubt_about(
        "c",
        records(RunOpened(1, "r", ONE, 5), EffectStarted("c"), RunResumed(TWO, 6), EffectInDoubt("c", "did it?")),
    )
    assert found == Doubt("c", ONE, TWO)
    assert (pid_of(ONE), pid_of(TWO), pid_of("somebody")) == (11, 22, 0)


def test_a_truth_is_the_same_for_the_same_seed() -> None:
    one, two = Truth(5), Truth(5)
    assert [one.next().plans for _ in range(9)] == [two.next().plans for _ in range(9)]


@pytest.mark.parametrize("removed", ALL.values(), ids=list(ALL))
def test_what_takes_a_safeguard_away_still_fits_the_database(removed: object, url: str) -> None:
    assert isinstance(removed, type(FENCING))
    for statement in removed.statements():
        ask(url, "BEGIN", statement, "ROLLBACK")


async def test_without_the_check_anybody_appends(bare: str) -> None:
    journal = PostgresJournal(bare)
    await journal.append("s", [session_opened()], after=0)
    ask(bare, *FENCING.statements())
    try:
        assert await journal.append("s", [EffectStarted("c")], after=0) == 2
    finally:
        await journal.close()


def test_a_table_is_put_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    end = "<!-- end of what was printed -->\n"
    page.write_text(f"a\n<!-- printed by make chaos: x -->\nold\n{end}b\n<!-- printed by make chaos: y -->\n{end}")
    write("x", "new\n", page)
    assert re.sub(r"<!--.*-->\n", "", page.read_text()) == "a\n\nnew\n\nb\n"
