"""Signals over PostgreSQL: heard soon by all who listen, dropped when they cannot be said, never in anyone's way."""

import asyncio
from collections.abc import Callable

from tests.journal.postgres.asking import Opened, ask
from tests.journal.postgres.proxy import Proxy
from tests.journal.postgres.test_following import LISTENERS

from remit.journal.postgres import Patience, PostgresJournal
from remit.journal.postgres.signals import LARGEST

HASTY = Patience(statement=2, outage=2, poll=0.05)


class Ear:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.begun = 0
        self._news = asyncio.Event()

    def take(self, payload: str) -> None:
        self.heard.append(payload)
        self._news.set()

    def again(self) -> None:
        self.begun += 1
        self._news.set()

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not met():
                self._news.clear()
                await self._news.wait()

    @classmethod
    async def of(cls, journal: PostgresJournal, channel: str) -> "Ear":
        """Hear a channel from now on."""
        ear = cls()
        journal.signals.hear(channel, ear.take, ear.again)
        await ear.until(lambda: ear.begun == 1)
        return ear


async def test_what_one_says_all_who_listen_hear_in_order(opened: Opened) -> None:
    one, two = opened(), opened()
    ears = [await Ear.of(journal, channel) for journal in (one, two) for channel in ("a", "a", 'b"; --')]
    for number in range(600):
        assert two.signals.say("a", str(number))
        assert one.signals.say('b"; --', f"\u00e4{number}")
    for ear in ears:
        await ear.until(lambda ear=ear: len(ear.heard) == 600)
    assert ears[0].heard == ears[1].heard == ears[3].heard == [str(number) for number in range(600)]
    assert ears[2].heard == ears[5].heard == [f"\u00e4{number}" for number in range(600)]


async def test_a_process_listens_with_one_connection(url: str, opened: Opened) -> None:
    journal = opened(HASTY)
    for channel in "abc":
        await Ear.of(journal, channel)
    following = asyncio.ensure_future(anext(journal.follow("s")))
    ear = await Ear.of(journal, "d")
    journal.signals.say("d", "x")
    await ear.until(lambda: ear.heard == ["x"])
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    # It listens with one, speaks with one, and looks with one.
    assert ask(url, statement)[0][0] <= 3
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_what_is_too_long_or_too_much_is_dropped_at_once(opened: Opened) -> None:
    journal = opened()
    ear = await Ear.of(journal, "a")
    assert journal.signals.say("a", "x" * LARGEST)
    assert not journal.signals.say("a", "x" * (LARGEST + 1))
    assert not journal.signals.say("a", "\u00e4" * (LARGEST // 2 + 1))
    said = 1
    # What is the same and said at the same time is heard once.
    while journal.signals.say("a", str(said).zfill(LARGEST)):
        said += 1
    assert said < 200
    await ear.until(lambda: len(ear.heard) == said)
    assert journal.signals.waiting == 0
    assert journal.signals.say("a", "z")


async def test_who_hears_is_told_that_it_may_have_missed_some(url: str, opened: Opened) -> None:
    ours, theirs = opened(), opened()
    ear = await Ear.of(ours, "a")
    for turn in range(2, 5):
        ask(url, LISTENERS)
        await ear.until(lambda turn=turn: ear.begun >= turn)
        theirs.signals.say("a", str(turn))
        await ear.until(lambda turn=turn: ear.heard[-1:] == [str(turn)])


async def test_a_connection_that_is_dead_without_a_word_is_found_out(url: str, opened: Opened) -> None:
    async with Proxy(url) as proxy:
        ours, theirs = opened(HASTY, at=proxy.url), opened()
        ear = await Ear.of(ours, "a")
        proxy.silent = True
        async with asyncio.timeout(20):
            while not ours.signals.deaf:  # noqa: ASYNC110 - there is nothing that could tell
                await asyncio.sleep(0.05)
        proxy.silent = False
        await ear.until(lambda: ear.begun == 2)
        theirs.signals.say("a", "x")
        await ear.until(lambda: ear.heard == ["x"])
        await ours.close()


async def test_nothing_waits_for_a_database_that_is_away(url: str, opened: Opened) -> None:
    async with Proxy(url) as proxy:
        ours, theirs = opened(HASTY, at=proxy.url), opened()
        ear = await Ear.of(theirs, "a")
        ours.signals.say("a", "before")
        await ear.until(lambda: ear.heard == ["before"])
        proxy.refusing = True
        proxy.cut()
        said = 0
        while ours.signals.say("a", str(said).zfill(1000)):
            said += 1
        # So much is kept and no more, however long it lasts.
        assert ours.signals.waiting <= 1 << 20
        assert said <= 1100
        proxy.refusing = False
        await ear.until(lambda: len(ear.heard) > 100)
        await ours.close()


async def test_an_ear_that_breaks_is_in_nobodys_way(opened: Opened) -> None:
    journal = opened()

    def breaks(_: str = "") -> None:
        raise ValueError("no")

    journal.signals.hear("a", breaks, breaks)
    ear = await Ear.of(journal, "a")
    journal.signals.say("a", "x")
    await ear.until(lambda: ear.heard == ["x"])


async def test_who_hears_no_more_is_not_told(opened: Opened) -> None:
    journal = opened()
    gone, ear = Ear(), Ear()
    end = journal.signals.hear("a", gone.take, gone.again)
    await gone.until(lambda: gone.begun == 1)
    end()
    end()
    journal.signals.hear("a", ear.take, ear.again)
    await ear.until(lambda: ear.begun == 1)
    journal.signals.say("a", "x")
    await ear.until(lambda: ear.heard == ["x"])
    assert gone.heard == []


async def test_what_was_said_last_is_heard_though_its_process_ends(opened: Opened) -> None:
    ours, theirs = opened(), opened()
    ear = await Ear.of(theirs, "a")
    ours.signals.say("a", "farewell")
    await ours.close()
    assert not ours.signals.say("a", "from beyond")
    await ear.until(lambda: ear.heard == ["farewell"])
