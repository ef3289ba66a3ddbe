"""Streaming: how much of an answer a library's client is given, for how long, and what is left behind when it ends."""

import asyncio
import gzip
import zlib

import httpx2
import pytest
from tests.models.http.served import OK, STREAM, Peer, answering, chunk
from tests.tools.http.serving import answer, keys, reaching, through

from remit.tools.http import Allowance, Bounds


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        ((answer(b"x" * 1001),), "longer than 1000 bytes"),
        ((STREAM, *[chunk(b"x" * 300)] * 4), "longer than 1000"),
        ((answer(gzip.compress(bytes(50_000_000)), b"content-encoding: gzip"),), "longer than 1000 bytes"),
        ((answer(b"x", b"content-encoding: br"),), "packed as 'br'"),
        ((answer(b"x", b"content-encoding: gzip", b"content-encoding: gzip"),), "packed as 'gzip, gzip'"),
        ((answer(b"not gzip", b"content-encoding: gzip"),), "damaged"),
        ((answer(gzip.compress(b"x" * 99)[:-9], b"content-encoding: gzip"),), "has no end"),
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",), "no whole answer"),
    ],
)
async def test_an_answer_that_cannot_be_taken_is_broken_off(pieces: tuple[bytes, ...], says: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(*pieces)

    async with through(script, allowance=Allowance(largest=1000)) as (served, client, records):
        with pytest.raises(httpx2.TransportError, match=says):
            await client.get("/")
        await served.all_closed()
        assert says in records[0].problem
        assert records[0].status == 200


@pytest.mark.parametrize(
    ("said", "error"), [(b"", httpx2.RemoteProtocolError), (b"SSH-2.0\r\n\r\n", httpx2.RemoteProtocolError)]
)
async def test_a_server_that_gives_no_answer_leaves_what_happened_unknown(
    said: bytes, error: type[httpx2.TransportError]
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(said)

    async with through(script) as (_, client, records):
        with pytest.raises(error, match="gave no whole answer"):
            await client.post("/")
        assert records[0].status == 0


async def test_nobody_there_and_no_room_are_surely_nothing_sent() -> None:
    there = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        there.set()
        await peer.gone()

    async with reaching(script, bounds=Bounds(connections=1)) as (served, egress, records):
        async with httpx2.AsyncClient(transport=egress.transport()) as client:
            url = f"http://app.test:{served.port}/"
            first = asyncio.create_task(client.post(url))
            await there.wait()
            with pytest.raises(httpx2.PoolTimeout, match="not sent"):
                await client.post(url, timeout=httpx2.Timeout(5.0, pool=0.05))
            assert served.connections == 1
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
        assert "not sent" in records[0].problem


async def test_an_egress_and_its_transports_close_without_each_other() -> None:
    async with reaching(answering(OK)) as (served, egress, _):
        url = f"http://app.test:{served.port}/"
        transports = [egress.transport() for _ in range(2)]
        clients = [httpx2.AsyncClient(transport=transport) for transport in transports]
        for client in clients:
            await client.get(url)
        await egress.close()
        await clients[0].aclose()
        assert (await clients[1].get(url)).text == "ok"
        assert served.connections == 2
        await clients[1].aclose()
        await served.all_closed()


async def test_events_arrive_while_the_answer_is_still_open() -> None:
    more = asyncio.Event()

    async def script(peer: Peer) -> None:
        assert (await peer.request()).headers["accept-encoding"] == "identity"
        await peer.say(STREAM, chunk(b"data: one\n\n"))
        await more.wait()
        await peer.say(chunk(b"data: two\n\n"), chunk(b""))

    headers = {"Accept-Encoding": "identity"}
    async with through(script, credentials=keys) as (_, client, records):
        async with client.stream("GET", "/", headers=headers) as response:
            pieces = response.aiter_bytes()
            assert await anext(pieces) == b"data: one\n\n"
            more.set()
            assert [piece async for piece in pieces] == [b"data: two\n\n"]
        assert records[0].problem == ""


async def test_a_packed_stream_is_unpacked_as_it_comes() -> None:
    more = asyncio.Event()
    packer = zlib.compressobj(wbits=31)

    async def script(peer: Peer) -> None:
        await peer.request()
        head = STREAM.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
        await peer.say(head, chunk(packer.compress(b"one") + packer.flush(zlib.Z_SYNC_FLUSH)))
        await more.wait()
        await peer.say(chunk(packer.compress(b"two") + packer.flush()), chunk(b""))

    async with through(script) as (_, client, _records), client.stream("GET", "/") as response:
        pieces = response.aiter_bytes()
        assert await anext(pieces) == b"one"
        more.set()
        assert b"".join([piece async for piece in pieces]) == b"two"


async def test_a_stream_that_falls_silent_is_left() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(STREAM, chunk(b"one"))
        await peer.gone()

    async with through(script, allowance=Allowance(idle=0.1)) as (served, client, records):
        with pytest.raises(httpx2.ReadTimeout):
            await client.get("/", timeout=None)
        await served.all_closed()
        assert records[0].problem


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\nx: ", STREAM])
async def test_a_server_that_drips_is_left_in_time(begun: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(begun)
        while True:
            await peer.say(chunk(b"x") if begun is STREAM else b"x")
            await asyncio.sleep(0.01)

    async with through(script, allowance=Allowance(total=0.3)) as (served, client, records):
        with pytest.raises(httpx2.ReadTimeout):
            await client.get("/")
        await served.all_closed()
        assert records[0].problem


async def test_who_stops_waiting_leaves_no_connection_behind() -> None:
    there = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        there.set()
        await peer.gone()

    async with through(script) as (served, client, records):
        asking = asyncio.create_task(client.get("/"))
        await there.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await served.all_closed()
        assert records[0].problem == "cut off"


async def test_an_answer_that_is_not_read_to_its_end_is_recorded_so() -> None:
    async with through(answering(STREAM, chunk(b"one"))) as (served, client, records):
        async with client.stream("GET", "/"):
            pass
        await served.all_closed()
        assert records[0].problem == "left before its end"


async def test_safe_requests_share_connections_and_others_never_do() -> None:
    async with through(answering(OK)) as (served, client, _):
        for _ in range(3):
            await client.get("/")
        assert served.connections == 1
        for _ in range(2):
            await client.post("/")
        assert served.connections == 3
