"""Appends that wait share a transaction; none is harmed by another's mistake, and none is written twice."""

import asyncio

import pytest
from tests.journal.postgres.asking import Opened, ask
from tests.journal.postgres.proxy import Proxy

from remit.core.errors import ConflictError, JournalBusyError, JournalError, OverLimitError
from remit.core.events import EffectStarted, RunOpened, RunSuspended
from remit.core.ports import Entry, SessionQuery
from remit.journal.postgres import Address, Patience, PostgresJournal
from remit.journal.postgres.door import dial
from remit.testing.journals import said, session_opened

HASTY = Patience(statement=0.5, outage=1.0)


async def test_sessions_that_append_at_the_same_time_share_a_transaction(journal: PostgresJournal) -> None:
    names = [f"s{number}" for number in range(64)]
    tails = await asyncio.gather(*(journal.append(name, said("a", "b"), after=0) for name in names))
    assert tails == [2] * 64
    assert journal.commits == 1


async def test_more_than_fit_into_a_transaction_come_in_the_next(journal: PostgresJournal) -> None:
    await asyncio.gather(*(journal.append(f"s{number}", said("a"), after=0) for number in range(600)))
    assert journal.commits == 3
    large = "x" * (3 << 20)
    await asyncio.gather(*(journal.append(f"l{number}", said(large), after=0) for number in range(3)))
    assert journal.commits == 6


async def test_an_append_that_is_refused_harms_none_of_its_neighbours(journal: PostgresJournal) -> None:
    await journal.append("there", said("a"), after=0)
    before = journal.commits
    results = await asyncio.gather(
        journal.append("one", said("a"), after=0, entries=[Entry("purse", 3, 5)]),
        journal.append("there", said("b"), after=0, entries=[Entry("purse", 1, 5)]),
        journal.append("much", said("a"), after=0, entries=[Entry("other", 1), Entry("purse", 3, 5)]),
        journal.append("two", said("a"), after=0, entries=[Entry("purse", 2, 5)]),
        return_exceptions=True,
    )
    assert results[0] == results[3] == 1
    assert isinstance(results[1], ConflictError)
    assert isinstance(results[2], OverLimitError)
    assert (results[2].account, results[2].used, results[2].wanted, results[2].cap) == ("purse", 3, 3, 5)
    assert journal.commits == before + 1
    assert [await journal.used(name) for name in ("purse", "other")] == [5, 0]
    assert {row.id for row in await journal.sessions(SessionQuery())} == {"one", "there", "two"}


@pytest.mark.parametrize(
    ("session", "entries"),
    [("nul\0", []), ("\udcff", []), ("s", [Entry("x", 2**70)]), ("s", [Entry("x", 2**62), Entry("x", 2**62)])],
)
async def test_what_cannot_be_stored_harms_nobody_else(
    journal: PostgresJournal, session: str, entries: list[Entry]
) -> None:
    good = [journal.append(f"good{number}", said("a"), after=0) for number in range(3)]
    bad = journal.append(session, said("a"), after=0, entries=entries)
    first, refused, *rest = await asyncio.gather(good[0], bad, *good[1:], return_exceptions=True)
    assert [first, *rest] == [1, 1, 1]
    assert isinstance(refused, JournalError)
    assert "cannot" in str(refused)
    assert await journal.append("after", said("a"), after=0) == 1


async def test_entries_of_one_append_together_pass_no_cap(journal: PostgresJournal) -> None:
    twice = [Entry("purse", 60, 100), Entry("purse", 60, 100)]
    with pytest.raises(OverLimitError):
        await journal.append("s", said("a"), after=0, entries=twice)
    assert await journal.used("purse") == 0
    await journal.append("s", said("a"), after=0, entries=[Entry("purse", 60, 100), Entry("purse", -20)])
    assert await journal.used("purse") == 40


async def test_whoever_stops_waiting_stops_nobody_else(journal: PostgresJournal) -> None:
    impatient = asyncio.create_task(journal.append("s", said("a"), after=0))
    patient = asyncio.create_task(journal.append("t", said("a"), after=0))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == 1
    assert len(await journal.read("s")) <= 1


async def test_appends_under_way_are_finished_when_a_journal_is_closed(opened: Opened) -> None:
    journal = opened()
    appending = [asyncio.create_task(journal.append(f"s{number}", said("a"), after=0)) for number in range(20)]
    await asyncio.sleep(0)
    await journal.close()
    assert await asyncio.gather(*appending) == [1] * 20
    with pytest.raises(JournalError, match="was closed"):
        await journal.append("s0", said("b"), after=1)
    with pytest.raises(JournalError, match="was closed"):
        await journal.read("s0")
    await journal.close()


async def test_two_processes_that_take_from_the_same_accounts_in_any_order_do_not_stop_each_other(
    url: str, opened: Opened
) -> None:
    one, two = opened(), opened()

    async def live(journal: PostgresJournal, name: str, accounts: list[str]) -> None:
        for place in range(40):
            await journal.append(name, said("a"), after=place, entries=[Entry(account, 1) for account in accounts])

    await asyncio.gather(
        *(live(one, f"one{n}", ["a", "b", "c"]) for n in range(4)),
        *(live(two, f"two{n}", ["c", "b", "a"]) for n in range(4)),
    )
    assert [await one.used(account) for account in "abc"] == [320] * 3
    [[deadlocks]] = ask(url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks == 0
    await one.close()
    await two.close()


async def test_an_append_whose_answer_was_lost_is_not_written_twice(url: str, opened: Opened) -> None:
    async with Proxy(url) as proxy:
        journal = opened(at=proxy.url)
        await journal.append("s", [session_opened()], after=0)
        proxy.losing = True
        assert await journal.append("s", said("once"), after=1, entries=[Entry("x", 1, 1)]) == 2
        assert proxy.lost == 1
        proxy.losing = True
        assert await journal.append("new", said("once"), after=0) == 1
        assert proxy.lost == 2
        assert [len(await journal.read(name)) for name in ("s", "new")] == [2, 1]
        assert await journal.used("x") == 1
        await journal.close()


async def test_a_lost_answer_is_no_excuse_for_taking_another_s_append_for_ours(url: str, opened: Opened) -> None:
    """Both write the very same at the same place; one of them loses every first answer."""
    async with Proxy(url) as proxy:
        ours, theirs = opened(at=proxy.url), opened()
        for place in range(10):
            proxy.losing = True
            results = await asyncio.gather(
                ours.append("s", said("same"), after=place),
                theirs.append("s", said("same"), after=place),
                return_exceptions=True,
            )
            assert sorted(map(str, results))[0] == str(place + 1)
            assert sum(isinstance(result, ConflictError) for result in results) == 1
        await ours.close()
        await theirs.close()


async def test_what_others_did_since_an_answer_was_lost_changes_nothing(url: str, opened: Opened) -> None:
    async with Proxy(url) as proxy:
        ours, theirs = opened(at=proxy.url), opened()
        await ours.append("s", said("a"), after=0)
        proxy.losing = proxy.refusing = True
        appending = asyncio.create_task(ours.append("s", said("b"), after=1))
        while len(await theirs.read("s")) < 2:
            pass
        await theirs.append("s", said("c"), after=2)
        proxy.refusing = False
        assert await appending == 2
        assert len(await theirs.read("s")) == 3
        await ours.close()
        await theirs.close()


async def test_of_two_that_wait_for_the_same_session_one_writes(url: str, opened: Opened) -> None:
    """Held up until both are at the session's row, with events of different number, so that no key can collide."""
    stores = [opened(), opened()]
    await stores[0].append("s", said("a"), after=0)
    other = await dial(Address.of(url), 10)
    await other.execute("BEGIN")
    await other.execute("SELECT 1 FROM remit.sessions FOR UPDATE")
    racing = [
        asyncio.create_task(store.append("s", said(*"bcd"[:number]), after=1, entries=[Entry(f"x{number}", number)]))
        for number, store in enumerate(stores, 1)
    ]
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while (await asyncio.to_thread(ask, url, waiting))[0][0] < 2:
        pass
    await other.execute("COMMIT")
    await other.close()
    results = await asyncio.gather(*racing, return_exceptions=True)
    [tail] = [result for result in results if isinstance(result, int)]
    assert sum(isinstance(result, ConflictError) for result in results) == 1
    assert len(await stores[0].read("s")) == tail
    assert await stores[0].used("x1") + await stores[0].used("x2") == tail - 1
    for store in stores:
        await store.close()


async def test_a_network_that_says_nothing_is_an_error_in_time(url: str, opened: Opened) -> None:
    async with Proxy(url) as proxy:
        journal = opened(HASTY, proxy.url)
        await journal.append("s", said("a"), after=0)
        proxy.silent = True
        with pytest.raises(JournalError, match=r"could not be reached for 1 s: it did not answer in time"):
            await journal.append("s", said("b"), after=1)
        with pytest.raises(JournalError, match="could not be reached"):
            await journal.read("s")
        proxy.silent = False
        proxy.cut()
        # It may have landed: whoever goes on asks the journal first.
        tail = len(await journal.read("s"))
        assert await journal.append("s", said("c"), after=tail) == tail + 1
        await journal.close()


async def test_a_session_that_somebody_keeps_locked_is_said_to_be_busy(url: str, opened: Opened) -> None:
    journal = opened(HASTY)
    await journal.append("s", said("a"), after=0)
    other = await dial(Address.of(url), 10)
    await other.execute("BEGIN")
    await other.execute("SELECT 1 FROM remit.sessions FOR UPDATE")
    with pytest.raises(JournalBusyError, match=r"stayed busy for 1 s \(SQLSTATE 5.*\); try again"):
        await journal.append("s", said("b"), after=1)
    await other.execute("ROLLBACK")
    await other.close()
    assert await journal.append("s", said("c"), after=1) == 2
    await journal.close()


async def test_a_line_of_the_list_is_right_whoever_wrote_last(opened: Opened) -> None:
    one, two = opened(), opened()
    await one.append("s", [session_opened("a\0"), *said("hi"), RunOpened(1, "r", "w", 5)], after=0)
    await one.append("s", [RunSuspended("approval", 6)], after=3)
    await two.append("s", said("hurry"), after=4)
    [row] = await one.sessions(SessionQuery())
    assert (row.status, row.why, row.agent, row.tenant) == ("waiting", "approval, message", "a", "t")
    with pytest.raises(ConflictError):
        await one.append("s", said("late"), after=4)
    await one.append("s", [EffectStarted("c")], after=5)
    await one.append("s", said("more"), after=6)
    assert [row.why for row in await two.sessions(SessionQuery())] == ["approval, message"]
    await one.close()
    await two.close()
