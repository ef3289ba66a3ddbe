"""Streams of sessions that another process drives: text comes where it belongs, or not at all."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.server.agents import echo
from tests.server.rig import TENANTS, principal

from remit.core.events import MessageReceived, ModelAnswered, ModelAsked, Record, RunResumed
from remit.core.ports import Delta
from remit.home import Home, Settings
from remit.journal import MemoryJournal
from remit.runtime import LocalWorkers
from remit.server.service.pieces import Piece
from remit.server.service.streams import Item, Stream, Streams


@dataclass
class Wall:
    """Hears what the test says."""

    tells: dict[str, Callable[[Piece], None]] = field(default_factory=dict[str, Callable[[Piece], None]])
    wished: list[str] = field(default_factory=list[str])

    def watch(self, session: str, tell: Callable[[Piece], None]) -> None:
        """See `Elsewhere.watch`."""
        self.tells[session] = tell

    def again(self, session: str) -> None:
        """See `Elsewhere.again`."""
        self.wished.append(session)

    def leave(self, session: str) -> None:
        """See `Elsewhere.leave`."""
        del self.tells[session]

    def say(self, text: str, *, begun: int = 2, after: int = 0, at: int = 0, voice: str = "v") -> None:
        """Have a piece of the only session told."""
        [(session, tell)] = self.tells.items()
        tell(Piece(session, voice, begun, 0, after or begun, at, text))


async def _begun() -> tuple[MemoryJournal, Streams, Wall, str]:
    """Give a session whose model was asked by event 2."""
    store, wall = MemoryJournal(), Wall()
    home = Home(store, LocalWorkers(), secrets.token_bytes(32), Settings(tenants=TENANTS))
    session = await home.begin(echo(), tenant="acme")
    await store.append(session, [ModelAsked("1")], after=1)
    return store, Streams(home, elsewhere=wall), wall, session


async def _told(stream: Stream, count: int) -> list[str | int]:
    """Read so much of a stream: texts, and the numbers of records."""
    seen: list[str | int] = []
    async with asyncio.timeout(10):
        async for item in stream:
            seen.append(item.what.seq if isinstance(item.what, Record) else item.what.text)
            if len(seen) == count:
                return seen
    return seen


async def test_text_comes_in_order_and_each_of_it_once() -> None:
    _, streams, wall, session = await _begun()
    async with streams.follow(principal(), session, 0) as stream:
        wall.say("ab")
        wall.say("bc", at=1)
        wall.say("e", at=4)
        wall.say("d", at=3)
        assert wall.wished == [session]
        assert await _told(stream, 5) == [1, 2, "ab", "c", "d"]
    assert wall.tells == {}


async def test_text_that_is_earlier_than_what_it_follows_waits_for_it() -> None:
    store, streams, wall, session = await _begun()
    async with streams.follow(principal(), session, 0) as stream:
        wall.say("never", begun=1000)
        wall.say("later", begun=4)
        wall.say("now")
        assert await _told(stream, 3) == [1, 2, "now"]
        await store.append(session, [ModelAnswered("1", "now"), ModelAsked("2")], after=2)
        assert await _told(stream, 3) == [3, 4, "later"]


async def test_text_that_is_later_than_what_it_became_is_not_shown() -> None:
    store, streams, wall, session = await _begun()
    async with streams.follow(principal(), session, 0) as stream:
        wall.say("ab")
        await store.append(session, [ModelAnswered("1", "abc")], after=2)
        assert await _told(stream, 4) == [1, 2, "ab", 3]
        wall.say("c", at=2)
        await store.append(session, [MessageReceived("x")], after=3)
        assert await _told(stream, 1) == [4]


async def test_who_comes_after_an_answer_is_not_told_what_became_of_it() -> None:
    store, streams, wall, session = await _begun()
    await store.append(session, [ModelAnswered("1", "abc")], after=2)
    for after in (0, 3):
        async with streams.follow(principal(), session, after) as stream:
            wall.say("abc")
            stream.end()
            assert "abc" not in await _told(stream, 9)


async def test_a_message_that_comes_meanwhile_ends_no_answer() -> None:
    store, streams, wall, session = await _begun()
    await store.append(session, [MessageReceived("x")], after=2)
    async with streams.follow(principal(), session, 0) as stream:
        wall.say("ab")
        assert await _told(stream, 4) == [1, 2, 3, "ab"]
        async with streams.follow(principal(name="bob"), session, 2) as other:
            wall.say("c", at=2)
            assert await _told(other, 3) == [3, "ab", "c"]
        assert await _told(stream, 1) == ["c"]


async def test_who_joins_reads_all_of_what_is_being_said() -> None:
    _, streams, wall, session = await _begun()
    async with streams.follow(principal(), session, 0):
        wall.say("ab")
        wall.say("cd", at=2)
        async with streams.follow(principal(name="bob"), session, 2) as other:
            wall.say("e", at=4)
            assert await _told(other, 2) == ["abcd", "e"]


async def test_who_joins_when_an_answer_is_over_is_told_nothing_of_it() -> None:
    store, streams, wall, session = await _begun()
    async with streams.follow(principal(), session, 0) as stream:
        wall.say("ab")
        await store.append(session, [ModelAnswered("1", "ab"), MessageReceived("x")], after=2)
        assert await _told(stream, 5) == [1, 2, "ab", 3, 4]
        async with streams.follow(principal(name="bob"), session, 4) as other:
            other.end()
            assert await _told(other, 1) == []


async def test_a_worker_whose_lease_is_gone_is_not_mixed_with_the_next_one() -> None:
    store, streams, wall, session = await _begun()
    async with streams.follow(principal(), session, 0) as stream:
        wall.say("I th", voice="zombie")
        await store.append(session, [RunResumed("w", 1), ModelAsked("1")], after=2)
        assert await _told(stream, 5) == [1, 2, "I th", 3, 4]
        wall.say("ink", at=4, voice="zombie")
        wall.say("You", begun=4, voice="w")
        wall.say("ink so", at=4, voice="zombie")
        wall.say(" may", begun=4, at=3, voice="w")
        wall.say("I think so", voice="zombie")
        assert await _told(stream, 2) == ["You", " may"]


async def test_a_reader_who_lacks_some_is_told_no_more_of_it() -> None:
    """Whatever its channel knows: what is spared one reader may be what another goes on from."""
    stream = Stream("s", MemoryJournal(), 3)
    one, two = (2, 0, "v"), (4, 0, "v")
    for text, after, utterance, at in (
        ("ab", 3, one, 0),
        ("cd", 2, one, 2),
        ("ef", 3, one, 4),
        ("y", 4, two, 1),
        ("x", 4, two, 0),
        ("y", 4, two, 1),
    ):
        stream.put(Item(Delta(text), after, utterance, at))
    stream.end()
    assert [item.what async for item in stream] == [Delta("ab"), Delta("x"), Delta("y")]
