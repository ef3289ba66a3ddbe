"""Appends that only add events are written at once; what one of them may not do is refused to it alone."""

import asyncio

from tests.journal.postgres.asking import Opened

from remit.core.errors import ConflictError, OverLimitError
from remit.core.events import EffectStarted, RunOpened
from remit.core.ports import Entry
from remit.journal.postgres import PostgresJournal
from remit.testing.journals import said, session_opened

STEP = [EffectStarted("c", 1)]


async def begun(journal: PostgresJournal, *names: str) -> None:
    for name in names:
        await journal.append(name, said("a"), after=0)


async def test_both_kinds_share_a_transaction_whatever_their_order(journal: PostgresJournal) -> None:
    await begun(journal, "b", "a", "ä")
    before = journal.commits
    tails = await asyncio.gather(
        journal.append("b", STEP, after=1, entries=[Entry("purse", 2, 10)]),
        journal.append("new", said("a"), after=0, entries=[Entry("purse", 3, 10)]),
        journal.append("ä", STEP, after=1),
        journal.append("b", STEP, after=2, entries=[Entry("other", 1)]),
        journal.append("a", STEP, after=1, entries=[Entry("purse", -1), Entry("other", 4)]),
    )
    assert tails == [2, 1, 2, 3, 2]
    again = await asyncio.gather(*(journal.append(name, STEP, after=2) for name in ("ä", "a")))
    assert again == [3, 3]
    assert journal.commits == before + 2
    assert [await journal.used(name) for name in ("purse", "other")] == [4, 5]
    assert [len(await journal.read(name)) for name in ("a", "b", "ä", "new")] == [3, 3, 3, 1]


async def test_who_is_refused_among_plain_appends_harms_no_neighbour(journal: PostgresJournal) -> None:
    await begun(journal, "z", "y", "x", "w")
    await journal.append("w", STEP, after=1, entries=[Entry("purse", 0, 5)])
    results = await asyncio.gather(
        # By their names the last would be first.
        journal.append("z", STEP, after=1, entries=[Entry("purse", 3, 5)]),
        journal.append("y", STEP, after=1, entries=[Entry("purse", 2, 5)]),
        journal.append("x", STEP, after=1, entries=[Entry("purse", 1, 5)]),
        return_exceptions=True,
    )
    assert results[:2] == [2, 2]
    assert isinstance(results[2], OverLimitError)
    late = await asyncio.gather(
        journal.append("x", STEP, after=1), journal.append("w", STEP, after=1), return_exceptions=True
    )
    assert late[0] == 2
    assert isinstance(late[1], ConflictError)
    assert await journal.used("purse") == 5


async def test_who_lost_its_lease_writes_nothing(journal: PostgresJournal, opened: Opened) -> None:
    other = opened()
    opening = [session_opened("a", "t", "s"), RunOpened(1, "react@1", journal.workers.me, 5)]
    tail = await journal.append("s", opening, after=0)
    journal.workers.held["s"] += 1
    refused = await asyncio.gather(journal.append("s", STEP, after=tail), return_exceptions=True)
    assert isinstance(refused[0], ConflictError)
    assert len(await other.read("s")) == tail
    journal.workers.held["s"] -= 1
    assert await journal.append("s", STEP, after=tail) == tail + 1
