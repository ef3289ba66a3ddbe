"""What every transport does about time, about connections, and about who is at the other end."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest
from tests.certificates import Certificate
from tests.models.http.conftest import Trust
from tests.models.http.served import OK, STREAM, Peer, answering, chunk, serving

from remit.core.errors import (
    ModelRequestError,
    ModelTimeoutError,
    OverloadedError,
)
from remit.models.http.port import Timeouts, Transport

LIMITS = Timeouts(connect=5.0, first=10.0, idle=10.0, total=20.0)


class Got(NamedTuple):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def post(transport: Transport, url: str, body: bytes = b"{}", limits: Timeouts = LIMITS) -> Got:
    async with transport.send("POST", url, {"content-type": "application/json"}, body, limits) as exchange:
        return Got(exchange.status, exchange.headers, await exchange.read(1 << 20))


async def silent(peer: Peer) -> None:
    """Read the request and say nothing."""
    await peer.request()
    await peer.gone()


async def headed(peer: Peer) -> None:
    """Say a head and nothing more."""
    await peer.request()
    await peer.say(STREAM)
    await peer.gone()


async def begun(peer: Peer) -> None:
    """Say a head and a piece and nothing more."""
    await peer.request()
    await peer.say(STREAM, chunk(b"hello"))
    await peer.gone()


async def dripping(peer: Peer) -> None:
    """Say a piece every moment, for ever."""
    await peer.request()
    await peer.say(STREAM)
    while not peer.reader.at_eof():
        await peer.say(chunk(b"x"))
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("script", "limits", "says"),
    [
        (silent, Timeouts(first=0.05), "did not begin to answer within 0.05 s"),
        (headed, Timeouts(first=0.05), "did not begin to answer within 0.05 s"),
        (begun, Timeouts(idle=0.05), "nothing more for 0.05 s"),
        (silent, Timeouts(total=0.05), "longer than 0.05 s"),
        (begun, Timeouts(total=0.05), "longer than 0.05 s"),
        (dripping, Timeouts(idle=5.0, total=0.2), "longer than 0.2 s"),
    ],
)
async def test_a_limit_that_is_passed_after_the_request_went_out(
    transport: Transport, script: Callable[[Peer], asyncio.Future[None]], limits: Timeouts, says: str
) -> None:
    ended = asyncio.Event()

    async def watched(peer: Peer) -> None:
        try:
            await script(peer)
        finally:
            ended.set()

    async with serving(watched) as served:
        with pytest.raises(ModelTimeoutError, match=says) as error:
            await post(transport, served.url, limits=limits)
        assert not error.value.free
        await asyncio.wait_for(ended.wait(), 5)


async def test_a_slow_answer_within_its_limits_is_no_error(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.say(STREAM)
            for _ in range(10):
                await peer.say(chunk(b"x"))
                await asyncio.sleep(0.02)
            await peer.say(chunk(b""))

    async with serving(script) as served:
        for _ in range(2):
            assert (await post(transport, served.url, limits=Timeouts(first=0.15, idle=0.15))).body == b"x" * 10
        assert served.connections == 1


async def test_a_connection_that_does_not_come_about_in_time_is_free(transport: Transport) -> None:
    # A full backlog: the system neither accepts nor refuses.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        host, port = full.getsockname()
        fillers: list[socket.socket] = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)  # noqa: FBT003  the socket module takes it so
            filler.connect_ex((host, port))
            fillers.append(filler)
        with pytest.raises(OverloadedError, match=r"within 0\.05 s") as error:
            await post(transport, f"http://{host}:{port}/", limits=Timeouts(connect=0.05))
        assert error.value.free
        for filler in fillers:
            filler.close()


async def test_a_refused_connection_is_free(transport: Transport) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(OverloadedError, match=f"no connection to http://127.0.0.1:{port}") as error:
            await post(transport, f"http://127.0.0.1:{port}/")
        assert error.value.free


@pytest.mark.parametrize("host", ["[::1%nowhere]", "x" * 70 + ".invalid"])
async def test_an_unknown_host_is_free(transport: Transport, host: str) -> None:
    with pytest.raises(OverloadedError, match="no connection to"):
        await post(transport, f"http://{host}/")


@pytest.mark.parametrize(
    ("method", "url", "headers"),
    [
        ("POST", "http://127.0.0.1:1/\r\nx: y", {}),
        ("POST", "http://127.0.0.1:1/a b", {}),
        ("POST", "http://127.0.0.1:1/ü", {}),
        ("POST", "ftp://127.0.0.1/", {}),
        ("POST", "/v1/chat", {}),
        ("POST", "http://127.0.0.1:port/", {}),
        ("POST", "http://user:secret@127.0.0.1/", {}),
        ("POST", "http://127.0.0.1:1/", {"authorization": "secret\r\nx: y"}),
        ("POST", "http://127.0.0.1:1/", {"authorization": "secret\n"}),
        ("POST", "http://127.0.0.1:1/", {"authorization": "secret\0"}),
        ("POST", "http://127.0.0.1:1/", {"authorization": "secret€"}),
        ("POST", "http://127.0.0.1:1/", {"x y": "1"}),
        ("POST", "http://127.0.0.1:1/", {"x\r\ny": "1"}),
        ("POST", "http://127.0.0.1:1/", {"Content-Length": "5"}),
        ("POST", "http://127.0.0.1:1/", {"transfer-encoding": "chunked"}),
        ("CONNECT", "http://127.0.0.1:1/", {}),
        ("GET / HTTP/1.1\r\nx", "http://127.0.0.1:1/", {}),
    ],
)
async def test_nothing_can_be_smuggled_into_a_request(
    transport: Transport, method: str, url: str, headers: dict[str, str]
) -> None:
    async def send() -> None:
        async with transport.send(method, url, headers, b"", LIMITS):
            pass

    with pytest.raises(ModelRequestError) as error:
        await send()
    assert "secret" not in str(error.value)


async def test_the_server_sees_a_cancellation_at_once(transport: Transport) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await peer.gone()
        gone.set()

    async with serving(script) as served:
        task = asyncio.create_task(post(transport, served.url))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 5)


async def test_leaving_before_the_end_closes_the_connection(transport: Transport) -> None:
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await begun(peer)
        gone.set()

    async with serving(script) as served:
        async with transport.send("POST", served.url, {}, b"", LIMITS) as exchange:
            assert await anext(exchange.pieces()) == b"hello"
        await asyncio.wait_for(gone.wait(), 5)


async def test_an_answer_may_come_before_the_whole_request_is_sent(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.say(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
        await peer.gone()

    async with serving(script) as served:
        got = await post(transport, served.url, b"x" * 20_000_000)
        assert (got.status, got.body) == (413, b"no")


async def test_a_slow_reader_makes_the_server_wait(transport: Transport) -> None:
    sent = 0
    size = 64 * 1024 * 1024

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        block = b"x" * 65536
        while sent < size:
            await peer.say(block)
            sent += len(block)

    async with serving(script) as served, transport.send("POST", served.url, {}, b"", LIMITS) as exchange:
        pieces = exchange.pieces()
        count = len(await anext(pieces))
        before = -1
        while before != sent:
            before = sent
            for _ in range(1000):
                await asyncio.sleep(0)
        assert sent < size // 2
        async for piece in pieces:
            count += len(piece)
        assert count == size


async def test_a_connection_that_the_server_ended_while_idle_is_not_used_again(transport: Transport) -> None:
    async with serving(answering(OK, count=1)) as served:
        for turn in range(3):
            assert (await post(transport, served.url)).body == b"ok"
            assert served.connections == turn + 1
            await served.all_closed()


async def test_a_connection_with_bytes_nobody_asked_for_is_not_used_again(transport: Transport) -> None:
    async with serving(answering(OK + OK)) as served:
        for _ in range(2):
            assert (await post(transport, served.url)).body == b"ok"
        assert served.connections == 2


async def test_a_connection_on_which_something_comes_while_idle_is_closed(transport: Transport) -> None:
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await idle.wait()
        await peer.say(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await peer.gone()
        gone.set()

    idle = asyncio.Event()
    async with serving(script) as served:
        for turn in range(2):
            assert (await post(transport, served.url)).body == b"ok"
            idle.set()
            await asyncio.wait_for(gone.wait(), 5)
            assert served.connections == turn + 1


async def test_a_pause_of_a_slow_reader_is_no_pause_of_the_server(transport: Transport) -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n" + b"x" * 2_000_000)) as served:
        limits = Timeouts(first=5.0, idle=0.15, total=20.0)
        for _ in range(2):
            async with transport.send("POST", served.url, {}, b"", limits) as exchange:
                pieces = exchange.pieces()
                count = len(await anext(pieces))
                await asyncio.sleep(0.4)
                count += sum([len(piece) async for piece in pieces])
                assert count == 2_000_000


async def test_a_whole_answer_may_be_read_when_its_limits_are_over(transport: Transport) -> None:
    async with serving(answering(OK)) as served:
        for _ in range(2):
            limits = Timeouts(first=0.1, idle=0.1, total=0.2)
            async with transport.send("POST", served.url, {}, b"", limits) as exchange:
                await asyncio.sleep(0.4)
                assert await exchange.read(10) == b"ok"
        assert served.connections == 1


async def test_a_server_that_wants_the_connection_closed_gets_it_closed(transport: Transport) -> None:
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
        await peer.gone()
        gone.set()

    async with serving(script) as served:
        assert (await post(transport, served.url)).body == b"ok"
        await asyncio.wait_for(gone.wait(), 5)


async def test_a_hundred_at_once(transport: Transport) -> None:
    async with serving(answering(STREAM, chunk(b"ok"), chunk(b""))) as served:
        for _ in range(2):
            all_of_them = await asyncio.gather(*(post(transport, served.url) for _ in range(100)))
            assert [got.body for got in all_of_them] == [b"ok"] * 100
        assert served.connections <= 100


def test_one_transport_serves_one_event_loop_after_another(kind: Callable[[Trust], Transport]) -> None:
    transport = kind(lambda: pytest.fail("nothing is encrypted here"))

    async def life() -> None:
        async with serving(answering(OK)) as served:
            assert (await post(transport, served.url)).body == b"ok"
            assert (await post(transport, served.url)).body == b"ok"
            assert served.connections == 1

    for _ in range(3):
        asyncio.run(life())


async def test_closing_closes_idle_connections_and_leaves_the_transport_usable(transport: Transport) -> None:
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await peer.gone()
        gone.set()

    await transport.close()
    async with serving(script) as served:
        assert (await post(transport, served.url)).body == b"ok"
        await transport.close()
        await asyncio.wait_for(gone.wait(), 5)
        assert (await post(transport, served.url)).body == b"ok"


async def test_an_address_of_six(transport: Transport) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        async with serving(answering(OK), host="::1") as served:
            assert (await post(transport, served.url)).body == b"ok"
    except OSError:
        pytest.skip("no IPv6 here")


async def test_leaving_an_encrypted_connection_closes_it_too(
    kind: Callable[[Trust], Transport], localhost: Certificate
) -> None:
    transport = kind(localhost.trusted)
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await begun(peer)
        gone.set()

    async with serving(script, localhost.server("http/1.1")) as served:
        async with transport.send("POST", served.url, {}, b"", LIMITS) as exchange:
            assert await anext(exchange.pieces()) == b"hello"
        await asyncio.wait_for(gone.wait(), 5)
    await transport.close()
