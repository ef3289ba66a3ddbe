"""The journal in memory, where it differs from the others."""

from remit.journal import MemoryJournal
from remit.testing.journals import said


async def test_a_follower_that_has_caught_up_waits_for_more() -> None:
    journal = MemoryJournal()
    await journal.append("s", said("a"), after=0)
    following = journal.follow("s")
    assert (await anext(following)).seq == 1
    await journal.append("s", said("b", "c"), after=1)
    assert [(await anext(following)).seq for _ in range(2)] == [2, 3]


async def test_what_is_read_is_not_what_was_handed_in() -> None:
    journal = MemoryJournal()
    events = said("a")
    await journal.append("s", events, after=0)
    events.clear()
    assert len(await journal.read("s")) == 1
