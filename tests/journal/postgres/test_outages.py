"""PostgreSQL is killed and comes back; connections are cut: what was confirmed is there, and nothing is there twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from tests.journal.postgres.asking import ask
from tests.journal.postgres.proxy import Proxy
from tests.journal.postgres.server import Server

from remit.core.errors import OverLimitError
from remit.core.events import MessageReceived
from remit.core.ports import Entry
from remit.journal.postgres import Patience, PostgresJournal
from remit.testing.journals import said

PATIENT = Patience(statement=5, outage=60, poll=0.1)
SESSIONS = 12


@pytest_asyncio.fixture
async def away(server: Server) -> AsyncIterator[PostgresJournal]:
    """An empty store on the server that will be killed."""
    ask(server.url, "DROP SCHEMA IF EXISTS remit CASCADE")
    journal = await PostgresJournal.open(server.url, patience=PATIENT)
    yield journal
    await journal.close()


class Fleet:
    """Sessions that append one event after the other, and know what was confirmed to them."""

    def __init__(self, journal: PostgresJournal, cap: int) -> None:
        self.journal, self.cap = journal, cap
        self.confirmed: dict[str, list[str]] = {}
        self.refused = 0
        self._news = asyncio.Condition()

    async def reach(self, count: int) -> None:
        """Wait until so many appends were confirmed."""
        async with self._news:
            await self._news.wait_for(lambda: sum(map(len, self.confirmed.values())) >= count)

    async def live(self, name: str, rounds: int) -> None:
        told = self.confirmed.setdefault(name, [])
        for number in range(rounds):
            entries = [Entry("purse", 1, self.cap), Entry(f"own/{name}", 1)]
            text = f"{name}/{number}"
            try:
                await self.journal.append(name, said(text), after=len(told), entries=entries)
            except OverLimitError:
                self.refused += 1
            else:
                told.append(text)
            async with self._news:
                self._news.notify_all()

    async def check(self, rounds: int) -> None:
        """Hold what must be so after any outage."""
        written = 0
        for name, told in self.confirmed.items():
            records = await self.journal.read(name)
            assert [record.seq for record in records] == list(range(1, len(told) + 1))
            assert [record.event.text for record in records if isinstance(record.event, MessageReceived)] == told
            assert await self.journal.used(f"own/{name}") == len(told)
            written += len(told)
        assert await self.journal.used("purse") == written <= self.cap
        assert written + self.refused == rounds * len(self.confirmed)


async def test_appends_go_on_through_kills_of_the_server(server: Server, away: PostgresJournal) -> None:
    fleet = Fleet(away, 1_000_000)
    rounds = 150
    living = [asyncio.create_task(fleet.live(f"s{number}", rounds)) for number in range(SESSIONS)]
    following = asyncio.create_task(follow(away, "s0", rounds))
    for wait in (300, 900, 1400):
        await fleet.reach(wait)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    await asyncio.gather(*living)
    await fleet.check(rounds)
    assert await following == list(range(1, rounds + 1))


async def test_appends_go_on_through_cut_connections_and_pass_no_cap(server: Server, away: PostgresJournal) -> None:
    async with Proxy(server.url) as proxy:
        journal = await PostgresJournal.open(proxy.url, patience=PATIENT)
        fleet = Fleet(journal, 700)
        rounds = 80
        living = [asyncio.create_task(fleet.live(f"s{number}", rounds)) for number in range(SESSIONS)]
        for number in range(12):
            # After some more were confirmed: in turn everything is cut, and an answer is lost.
            await fleet.reach(number * 50)
            if number % 2:
                proxy.losing = True
            else:
                proxy.cut()
        await asyncio.gather(*living)
        proxy.losing = False
        assert proxy.lost > 1
        await fleet.check(rounds)
        assert fleet.refused == rounds * SESSIONS - 700
        await journal.close()


async def test_blobs_and_lists_come_through_a_restart(server: Server, away: PostgresJournal) -> None:
    blob = await away.put(b"body")
    await asyncio.to_thread(server.kill)
    asking = [asyncio.create_task(away.get(blob)) for _ in range(10)]
    await asyncio.to_thread(server.start)
    assert await asyncio.gather(*asking) == [b"body"] * 10
    assert await away.put(b"body") == blob


async def follow(journal: PostgresJournal, session: str, count: int) -> list[int]:
    numbers: list[int] = []
    async for record in journal.follow(session):
        numbers.append(record.seq)
        if len(numbers) == count:
            break
    return numbers
