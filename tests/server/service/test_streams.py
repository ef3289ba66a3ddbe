"""Streams of the service where the store is slow or breaks: a reader gets everything, or is let go."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence

from tests.server.agents import echo
from tests.server.rig import TENANTS, principal

from remit.core.events import MessageReceived, Record
from remit.core.ports import Delta
from remit.home import Home, Settings
from remit.journal import MemoryJournal
from remit.runtime import LocalWorkers
from remit.server.service.streams import Item, Stream, Streams


class Slow(MemoryJournal):
    """A journal whose first answer comes late, and which can be made to break while it is followed."""

    def __init__(self) -> None:
        """Begin fast."""
        super().__init__()
        self.late: asyncio.Event | None = None
        self.breaks = False

    async def read(self, session: str, *, after: int = 0) -> list[Record]:
        """See `Journal.read`."""
        found, late, self.late = await super().read(session, after=after), self.late, None
        if late is not None:
            await late.wait()
        return found

    async def follow(self, session: str, *, after: int = 0) -> AsyncIterator[Record]:
        """See `Journal.follow`."""
        if self.breaks:
            raise ValueError("the connection is gone")
        async for record in super().follow(session, after=after):
            yield record


async def _begun(store: Slow) -> tuple[Home, str]:
    home = Home(store, LocalWorkers(), secrets.token_bytes(32), Settings(tenants=TENANTS))
    return home, await home.begin(echo(), tenant="acme")


async def test_who_read_the_past_too_early_gets_what_others_were_told_meanwhile() -> None:
    store = Slow()
    home, session = await _begun(store)
    streams = Streams(home)
    late = store.late = asyncio.Event()

    async def first() -> Sequence[int]:
        async with streams.follow(principal(), session, 0) as stream:
            stream.end()
            return [item.what.seq async for item in stream if isinstance(item.what, Record)]

    reading = asyncio.create_task(first())
    await asyncio.sleep(0)
    await store.append(session, [MessageReceived("meanwhile")], after=1)
    async with streams.follow(principal(name="bob"), session, 0):
        late.set()
        assert await reading == [1, 2]


async def test_a_reader_of_what_can_no_longer_be_followed_is_let_go_and_the_next_one_reads() -> None:
    store = Slow()
    home, session = await _begun(store)
    streams = Streams(home)
    store.breaks = True
    async with streams.follow(principal(), session, 0) as stream:
        assert len([item async for item in stream]) == 1
        store.breaks = False
        async with streams.follow(principal(), session, 0) as again:
            await store.append(session, [MessageReceived("hello")], after=1)
            read = aiter(again)
            assert [(await anext(read)).what, (await anext(read)).what] == await store.read(session)


async def test_text_is_not_told_to_who_has_what_it_became() -> None:
    store = Slow()
    stream = Stream("s", store, 5)
    for item in (Item(Delta("late"), 4), Item(Delta("new"), 5)):
        stream.put(item)
    stream.end()
    assert [item.what async for item in stream] == [Delta("new")]
