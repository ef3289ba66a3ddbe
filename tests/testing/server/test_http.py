"""HTTP: what goes over the connection itself, seen from a bare socket."""

import asyncio
import gc
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import pytest

from remit.core.values import JsonObject
from remit.testing import says
from remit.testing.server import Faulty, Hang, ModelServer, Received, SlowDrip
from remit.testing.server.http import LARGEST

BODY: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def post(body: JsonObject, *headers: str, version: str = "1.1") -> bytes:
    """Write a request."""
    content = msgspec.json.encode(body)
    lines = [
        f"POST /v1/chat/completions HTTP/{version}",
        "host: here",
        "Authorization: Bearer k",
        f"content-length: {len(content)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


@asynccontextmanager
async def wire(server: ModelServer) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to a server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()
        await asyncio.wait([asyncio.ensure_future(writer.wait_closed())])


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read an answer of a known length: its head and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return head, await reader.readexactly(int(length.partition(b":")[2]))


async def test_requests_of_one_connection_are_answered_in_order_also_when_they_come_at_once() -> None:
    async with ModelServer([says("one"), says("two"), says("three")]) as server, wire(server) as (reader, writer):
        both = post(BODY) + post(BODY)
        writer.write(both[:100])
        await asyncio.sleep(0)
        writer.write(both[100:])
        assert b"one" in (await answer(reader))[1]
        assert b"two" in (await answer(reader))[1]
        writer.write(post(BODY))
        assert b"three" in (await answer(reader))[1]


@pytest.mark.parametrize("request_", [post(BODY, "connection: close"), post(BODY, version="1.0")], ids=["close", "old"])
async def test_a_client_that_wants_one_answer_gets_one_and_the_end(request_: bytes) -> None:
    async with ModelServer([says("one"), says("two")]) as server, wire(server) as (reader, writer):
        writer.write(request_)
        assert (await reader.read()).endswith(b"}")
        assert server.requests[0].ending == "answered"


async def test_a_stream_comes_in_chunks_of_one_event() -> None:
    async with ModelServer([says("a b")]) as server, wire(server) as (reader, writer):
        writer.write(post({**BODY, "stream": True}))
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"transfer-encoding: chunked" in head
        assert b"text/event-stream" in head
        chunks: list[bytes] = []
        while size := int(await reader.readline(), 16):
            chunks.append(await reader.readexactly(size))
            await reader.readexactly(2)
    assert len(chunks) == 5
    assert all(chunk.startswith(b"data: ") and chunk.endswith(b"\n\n") for chunk in chunks)
    assert chunks[-1] == b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    "raw", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nhost: h\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\nx"]
)
async def test_what_is_not_http_is_refused_and_closed(raw: bytes) -> None:
    async with ModelServer([]) as server, wire(server) as (reader, writer):
        writer.write(raw)
        assert b"HTTP/1.1 400" in await reader.read()


async def test_headers_queries_and_bodies_are_given_as_they_came() -> None:
    async with ModelServer([], kind="vllm") as server, wire(server) as (reader, writer):
        writer.write(b"PUT /a%20b?c=d+e HTTP/1.1\r\nX-One: 1\r\nx-one: 2\r\ncontent-length: 2\r\n\r\n[]")
        assert b"404" in (await answer(reader))[0]
        received = server.requests[0]
    assert (received.method, received.path, dict(received.query)) == ("PUT", "/a b", {"c": "d e"})
    assert (received.headers["x-one"], received.body, received.json) == ("1, 2", b"[]", {})
    assert Received("GET", "/", {}, {}, b"\xff").json == {}


async def test_a_body_that_is_too_large_is_refused_without_being_kept() -> None:
    async with ModelServer([]) as server, wire(server) as (reader, writer):
        writer.write(f"POST /v1/messages HTTP/1.1\r\ncontent-length: {LARGEST + 1}\r\n\r\n".encode())
        piece = b"x" * (LARGEST // 64)
        for _ in range(64):
            writer.write(piece)
            await writer.drain()
        writer.write(b"x")
        head, body = await answer(reader)
        assert b"413" in head
        assert b"request_too_large" in body
        assert server.requests[0].too_large


@pytest.mark.parametrize("fault", [Hang(), Hang(2), SlowDrip(30.0)], ids=repr)
async def test_a_client_that_goes_away_is_seen_at_once(fault: Hang | SlowDrip) -> None:
    async with ModelServer([Faulty(says("a b c d"), fault)]) as server:
        async with wire(server) as (_, writer):
            writer.write(post({**BODY, "stream": True}))
            received = await server.arrival()
            assert received.ending is None
            assert not received.closed_early
        assert await received.end() == "closed_early"


async def test_a_client_that_closes_its_half_has_gone() -> None:
    async with ModelServer([Hang()]) as server, wire(server) as (reader, writer):
        writer.write(post(BODY))
        received = await server.arrival()
        writer.write_eof()
        assert await received.end() == "closed_early"
        assert await reader.read() == b""


async def test_a_client_that_goes_before_its_turn_is_told_apart() -> None:
    async with ModelServer([Hang(), says("never")]) as server:
        async with wire(server) as (_, writer):
            writer.write(post(BODY) * 2)
            await server.arrival()
        assert await server.requests[0].end() == "closed_early"
        assert len(server.requests) == 1
        assert server.asked == 1


async def test_a_reset_in_the_middle_of_a_long_answer_ends_it() -> None:
    long = Faulty(says("x " * 2_000_000), SlowDrip(0.0, 100_000))
    async with ModelServer([long]) as server:
        async with wire(server) as (reader, writer):
            writer.write(post(BODY))
            await reader.readexactly(1000)
            writer.transport.abort()
        assert await server.requests[0].end() == "closed_early"


async def test_a_server_that_closes_ends_what_hangs() -> None:
    async with ModelServer([Hang(), Hang(1)]) as server, wire(server) as (reader, writer):
        writer.write(post(BODY))
        received = await server.arrival()
        await server.__aexit__(None, None, None)
        assert received.ending == "stopped"
        assert await reader.read() == b""
        await server.__aenter__()


async def test_nothing_is_left_open_when_it_closes() -> None:
    async with ModelServer(itertools.repeat(says("x"))) as server:
        async with wire(server) as (reader, writer):
            writer.write(post(BODY))
            await answer(reader)
        async with wire(server):
            pass
    before = asyncio.all_tasks()
    # An open transport or socket would warn here, and warnings are errors.
    gc.collect()
    assert before == {asyncio.current_task()}
