"""The conformance suite of a store: what every journal must do, as checks that raise `AssertionError`."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import TypeVar

from remit.core.errors import ConflictError, JournalError, OverLimitError
from remit.core.events import (
    Event,
    MessageReceived,
    Noted,
    RunEnded,
    RunOpened,
    RunResumed,
    RunSuspended,
    SessionClosed,
    SessionOpened,
    Tree,
)
from remit.core.limits import Limits
from remit.core.ports import Entry, SessionQuery, Store
from remit.core.values import JsonObject

E = TypeVar("E", bound=Exception)
Check = Callable[[Store], Awaitable[None]]


def session_opened(agent: str = "a", tenant: str = "t", root: str = "s") -> SessionOpened:
    """Make the first event of a journal."""
    return SessionOpened(agent, "1", "react@1", {}, tenant, Tree(root), Limits(), {"default": "scripted"})


def said(*texts: str) -> list[Event]:
    """Make a message of each text."""
    return [MessageReceived(text) for text in texts]


async def refusal(work: Awaitable[object], kind: type[E]) -> E:
    """Give the error of this kind that a work must raise."""
    try:
        result = await work
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was due, and {result!r} came")


async def keeps_events_in_order_with_numbers_from_one(store: Store) -> None:
    """What is read is what was appended, numbered without a gap."""
    first, second = [session_opened(), *said("a", "b")], said("c")
    assert await store.append("s", first, after=0) == 3
    assert await store.append("s", second, after=3) == 4
    records = await store.read("s")
    assert [record.seq for record in records] == [1, 2, 3, 4]
    assert [record.event for record in records] == [*first, *second]
    assert all(earlier.at <= later.at for earlier, later in pairwise(records))


async def reads_from_any_place(store: Store) -> None:
    """Reading after a place inside a batch gives the rest of the batch."""
    await store.append("s", said("a", "b", "c"), after=0)
    await store.append("s", said("d", "e"), after=3)
    for place in range(6):
        assert [record.seq for record in await store.read("s", after=place)] == list(range(place + 1, 6))
    assert await store.read("nobody") == []


async def refuses_a_writer_that_is_not_at_the_tail(store: Store) -> None:
    """A writer behind the tail, or ahead of it, changes nothing."""
    await store.append("s", said("a", "b"), after=0)
    for place in (0, 1, 3, 9):
        error = await refusal(store.append("s", said("zombie"), after=place), ConflictError)
        assert (error.after, error.tail) == (place, 2)
    assert len(await store.read("s")) == 2


async def lets_one_of_many_racing_writers_through(store: Store) -> None:
    """Of writers that all believe in the same tail exactly one is right."""
    await store.append("s", said("a"), after=0)
    results = await asyncio.gather(
        *(store.append("s", said(f"w{n}"), after=1) for n in range(20)), return_exceptions=True
    )
    assert [result for result in results if not isinstance(result, ConflictError)] == [2], results
    assert len(await store.read("s")) == 2


async def keeps_sessions_apart(store: Store) -> None:
    """Concurrent appends to many sessions all land where they belong."""

    async def live(name: str) -> None:
        for number in range(5):
            await store.append(name, said(f"{name}/{number}"), after=number)

    names = [f"s{number}" for number in range(30)]
    await asyncio.gather(*(live(name) for name in names))
    for name in names:
        events = [record.event for record in await store.read(name)]
        assert events == said(*(f"{name}/{number}" for number in range(5)))


async def takes_entries_with_the_append_or_not_at_all(store: Store) -> None:
    """An entry that does not fit refuses the events, and every other entry, of its append."""
    await store.append("s", said("a"), after=0, entries=[Entry("x", 60, 100)])
    both = [Entry("y", 1), Entry("x", 50, 100)]
    error = await refusal(store.append("s", said("b"), after=1, entries=both), OverLimitError)
    assert (error.account, error.wanted, error.used, error.cap) == ("x", 50, 60, 100)
    assert [await store.used(name) for name in ("x", "y", "z")] == [60, 0, 0]
    assert len(await store.read("s")) == 1
    await store.append("s", said("b"), after=1, entries=[Entry("x", 40, 100), Entry("x", -10)])
    assert await store.used("x") == 90


async def never_takes_more_than_the_cap_in_a_race(store: Store) -> None:
    """However many take at once, the account stands at or under its cap, at what went through."""

    async def take(name: str) -> bool:
        try:
            await store.append(name, said("a"), after=0, entries=[Entry("purse", 30, 100)])
        except OverLimitError:
            return False
        return True

    taken = await asyncio.gather(*(take(f"s{number}") for number in range(50)))
    assert sum(taken) == 3
    assert await store.used("purse") == 90


async def loses_no_entries_to_a_conflict(store: Store) -> None:
    """A fenced writer takes nothing."""
    await store.append("s", said("a"), after=0)
    await refusal(store.append("s", said("b"), after=0, entries=[Entry("x", 5)]), ConflictError)
    assert await store.used("x") == 0


async def follows_what_is_there_and_what_comes(store: Store) -> None:
    """A follower sees every record once, in order, from its place on."""
    await store.append("s", said("a", "b"), after=0)
    seen: list[int] = []
    enough = asyncio.Event()

    async def follow() -> None:
        async for record in store.follow("s", after=1):
            seen.append(record.seq)
            if len(seen) == 4:
                enough.set()
                return

    following = asyncio.create_task(follow())
    for place in range(2, 5):
        await store.append("s", said("more"), after=place)
    await asyncio.wait_for(enough.wait(), 20)
    await following
    assert seen == [2, 3, 4, 5]


async def wakes_all_followers(store: Store) -> None:
    """Any number may follow, also before the session begins."""

    async def first() -> int:
        async for record in store.follow("s"):
            return record.seq
        return 0

    following = [asyncio.create_task(first()) for _ in range(5)]
    await asyncio.sleep(0)
    await store.append("s", said("a"), after=0)
    assert await asyncio.wait_for(asyncio.gather(*following), 20) == [1] * 5


async def keeps_blobs_by_their_content(store: Store) -> None:
    """The same body has the same name; an unknown name is an error."""
    body = bytes(range(256)) * 400
    blob = await store.put(body)
    assert blob == await store.put(body)
    assert await store.get(blob) == body
    assert await store.get(await store.put(b"")) == b""
    await refusal(store.get("0" * 64), JournalError)


async def lists_sessions_with_their_status(store: Store) -> None:
    """The catalogue follows the life of each session and can be filtered."""
    await store.append("one", [session_opened("a", "t", "one"), *said("hi"), RunOpened(1, "react@1", "w", 5)], after=0)
    await store.append("two", [session_opened("b", "t", "two"), RunOpened(1, "react@1", "w", 5)], after=0)
    await store.append("two", [RunSuspended("approval", 6)], after=2)
    await store.append("three", [session_opened("a", "u", "three"), RunOpened(1, "react@1", "w", 5)], after=0)
    await store.append("three", [RunEnded(1, "done", "yes")], after=2)
    await store.append("four", [session_opened("a", "u", "four"), SessionClosed("ann")], after=0)

    async def named(query: SessionQuery) -> set[str]:
        return {row.id for row in await store.sessions(query)}

    rows = {row.id: row for row in await store.sessions(SessionQuery())}
    assert {name: row.status for name, row in rows.items()} == {
        "one": "running",
        "two": "waiting",
        "three": "idle",
        "four": "closed",
    }
    assert (rows["two"].why, rows["three"].why) == ("approval", "done")
    assert await named(SessionQuery(status="waiting")) == {"two"}
    assert await named(SessionQuery(agent="a", tenant="u")) == {"three", "four"}
    assert len(await store.sessions(SessionQuery(limit=2))) == 2


async def lists_sessions_a_page_at_a_time(store: Store) -> None:
    """Pages that begin after the last one's end hold every session once, also when some are opened meanwhile."""
    for number in range(7):
        await store.append(f"s{number}", [session_opened("a" if number % 2 else "b")], after=0)
    everything = [row.id for row in await store.sessions(SessionQuery())]
    paged: list[str] = []
    while rows := await store.sessions(SessionQuery(limit=2, after=paged[-1] if paged else "")):
        paged += [row.id for row in rows]
        await store.append(f"new{len(paged)}", [session_opened()], after=0)
    assert paged == everything
    odd = await store.sessions(SessionQuery(agent="a", tenant="t", limit=9, after=everything[0]))
    assert {row.id for row in odd} - set(everything) == set(), "what came later is on no later page"
    assert await store.sessions(SessionQuery(after="nobody")) == []


async def says_where_a_message_waits(store: Store) -> None:
    """A message that no run is about yet can be found without reading a journal."""
    await store.append("new", [session_opened(root="new"), *said("hi")], after=0)
    await store.append("busy", [session_opened(root="busy"), *said("hi"), RunOpened(1, "r", "w", 5)], after=0)
    await store.append("done", [session_opened(root="done"), *said("hi"), RunOpened(1, "r", "w", 5)], after=0)
    await store.append("done", [RunEnded(1, "done", "yes")], after=3)
    await store.append("busy", said("and this"), after=3)

    async def unread() -> set[str]:
        return {row.id for row in await store.sessions(SessionQuery(status="idle", why="message"))}

    assert await unread() == {"new"}
    await store.append("busy", [RunEnded(1, "done", "yes")], after=4)
    assert await unread() == {"new", "busy"}
    await store.append("busy", [RunOpened(2, "r", "w", 5), RunSuspended("approval", 6)], after=5)
    await store.append("busy", said("hurry"), after=7)
    waiting = await store.sessions(SessionQuery(status="waiting"))
    assert [(row.id, row.why) for row in waiting] == [("busy", "approval, message")]
    await store.append("busy", [RunResumed("w", 7)], after=8)
    await store.append("busy", [RunSuspended("paused", 8)], after=9)
    await store.append("busy", [RunResumed("w", 9)], after=10)
    await store.append("busy", [RunEnded(2, "done", "yes")], after=11)
    assert await unread() == {"new", "busy"}, "it came while the run slept, and no run was about it"


async def appends_nothing_when_given_nothing(store: Store) -> None:
    """An empty append moves nothing."""
    await store.append("s", said("a"), after=0)
    assert await store.append("s", [], after=1) == 1
    assert len(await store.read("s")) == 1


async def keeps_any_text_and_number(store: Store) -> None:
    """Payloads come back as they were, to the last character."""
    body: JsonObject = {
        "text": "a\x00b\u2028\U0001f600" * 50,
        "big": 2**63,
        "small": -(2**63),
        "float": 1e-300,
        "list": [None, True, ""],
    }
    await store.append("s", [Noted("0", "odd", body)], after=0)
    record = (await store.read("s"))[0]
    assert isinstance(record.event, Noted)
    assert record.event.body == body


STORE_CHECKS: tuple[Check, ...] = (
    keeps_events_in_order_with_numbers_from_one,
    reads_from_any_place,
    refuses_a_writer_that_is_not_at_the_tail,
    lets_one_of_many_racing_writers_through,
    keeps_sessions_apart,
    takes_entries_with_the_append_or_not_at_all,
    never_takes_more_than_the_cap_in_a_race,
    loses_no_entries_to_a_conflict,
    follows_what_is_there_and_what_comes,
    wakes_all_followers,
    keeps_blobs_by_their_content,
    lists_sessions_with_their_status,
    lists_sessions_a_page_at_a_time,
    says_where_a_message_waits,
    appends_nothing_when_given_nothing,
    keeps_any_text_and_number,
)
"""All of them; run each against a fresh store."""
