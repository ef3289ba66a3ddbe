"""Events that come at the same time are written together, and none waits for a later one."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import pytest
from starlette.types import Message

from remit.core.events import MessageReceived, Record
from remit.core.ports import Delta
from remit.journal import MemoryJournal
from remit.server.entrance import Bounds, EventStream
from remit.server.service import Item, Stream

SCOPE = {"type": "http", "method": "GET"}


def record(seq: int, text: str = "") -> Record:
    return Record(seq, 0, MessageReceived(text or str(seq)))


async def told(stream: Stream) -> AsyncIterator[bytes]:
    async for item in stream:
        what = item.what
        yield f"{what.text if isinstance(what, Delta) else what.seq} ".encode()


@contextlib.asynccontextmanager
async def reading(stream: Stream) -> AsyncGenerator[asyncio.Queue[bytes]]:
    """Have the stream written; give its writes."""
    writes: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            writes.put_nowait(message["body"])

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def again() -> None:
        return

    answer = EventStream(stream, told(stream), contextlib.AsyncExitStack(), again, Bounds())
    writing = asyncio.create_task(answer(SCOPE, receive, send))
    try:
        yield writes
    finally:
        stream.end()
        await writing


def opened(past: Sequence[Record] = ()) -> Stream:
    return Stream("s", MemoryJournal(), past[-1].seq if past else 0, past)


async def test_what_comes_at_the_same_time_is_written_at_once() -> None:
    stream = opened()
    async with reading(stream) as writes:
        for number in range(1, 4):
            stream.put(Item(record(number)))
            stream.put(Item(Delta(f"d{number}"), number))
        assert await writes.get() == b"1 d1 2 d2 3 d3 "
        stream.put(Item(Delta("later"), 3))
        assert await writes.get() == b"later "


async def test_what_was_there_before_is_written_at_once() -> None:
    stream = opened([record(1), record(2), record(3)])
    async with reading(stream) as writes:
        assert await writes.get() == b"1 2 3 "


@pytest.mark.parametrize("spared", [Item(record(1)), Item(Delta("void"), 0)], ids=["record", "delta"])
async def test_nothing_is_held_back_for_what_its_reader_is_spared(spared: Item) -> None:
    stream = opened()
    async with reading(stream) as writes:
        stream.put(Item(record(1)))
        stream.put(spared)
        assert await writes.get() == b"1 "


async def test_a_write_is_bounded_and_what_is_left_at_the_end_is_written() -> None:
    stream = opened()
    big = "x" * 50_000
    async with reading(stream) as writes:
        for _ in range(3):
            stream.put(Item(Delta(big), 0))
        stream.end()
        assert [len(await writes.get()) for _ in range(3)] == [100_002, 50_001, 0]
