"""Multiplexed: many exchanges over one HTTP/2 connection."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.certificates import Certificate
from tests.models.http.multiplexing import Asking, Multiplexing, Script
from tests.models.http.served import Peer, serving, tunnelling
from tests.models.http.served import Script as PeerScript

from remit.core.errors import (
    CutStreamError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    OverloadedError,
    UnreadableAnswerError,
)
from remit.models.http.multiplex import WINDOW
from remit.models.http.multiplexed import Multiplexed
from remit.models.http.port import Timeouts
from remit.models.http.proxies import chosen

LIMITS = Timeouts(connect=5.0, first=10.0, idle=10.0, total=20.0)


@pytest.fixture
async def transport(localhost: Certificate) -> AsyncIterator[Multiplexed]:
    made = Multiplexed(trust=localhost.trusted, proxies=lambda _: None)
    yield made
    await made.close()


async def post(transport: Multiplexed, url: str, body: bytes = b"{}", limits: Timeouts = LIMITS) -> bytes:
    async with transport.send("POST", url, {"X-Key": "k"}, body, limits) as exchange:
        assert exchange.status == 200
        return await exchange.read(1 << 26)


async def ok(asking: Asking) -> None:
    await asking.ok()


async def begun(asking: Asking) -> None:
    """Say a piece and nothing more."""
    asking.head()
    await asking.say(b"hello")


async def test_a_request_says_what_it_was_given(transport: Multiplexed, localhost: Certificate) -> None:
    async with Multiplexing(ok).run_on(localhost.server("h2")) as served:
        assert await post(transport, f"{served.url}/v1?a=b", b"x" * 3_000_000) == b"ok"
        asked = served.asked[0]
        assert asked.headers[":method"] == "POST"
        assert asked.headers[":path"] == "/v1?a=b"
        assert asked.headers[":authority"] == served.url.removeprefix("https://")
        assert asked.headers["x-key"] == "k"
        assert asked.headers["content-length"] == "3000000"
        assert asked.body == b"x" * 3_000_000
        async with transport.send("GET", served.url, {}, b"", LIMITS) as exchange:
            assert await exchange.read(10) == b"ok"
        assert "content-length" not in served.asked[1].headers


async def test_an_answer_has_a_status_and_headers(transport: Multiplexed, localhost: Certificate) -> None:
    async def script(asking: Asking) -> None:
        asking.peer.h2.send_headers(asking.number, [(":status", "103"), ("link", "</x>")])
        asking.peer.h2.send_headers(asking.number, [(":status", "429"), ("x-a", "1"), ("x-a", "2")], end_stream=True)
        asking.peer.flush()

    async with (
        Multiplexing(script).run_on(localhost.server("h2")) as served,
        transport.send("POST", served.url, {}, b"", LIMITS) as exchange,
    ):
        assert (exchange.status, exchange.headers) == (429, {"x-a": "1, 2"})
        assert await exchange.read(0) == b""


async def test_a_hundred_at_once_share_a_connection(transport: Multiplexed, localhost: Certificate) -> None:
    async with Multiplexing(ok).run_on(localhost.server("h2")) as served:
        for _ in range(2):
            assert await asyncio.gather(*(post(transport, served.url) for _ in range(100))) == [b"ok"] * 100
        assert len(served.peers) == 1


async def test_no_more_at_once_than_the_server_allows_on_a_connection(
    transport: Multiplexed, localhost: Certificate
) -> None:
    all_here = asyncio.Event()

    async def script(asking: Asking) -> None:
        if len(served.asked) == 5:
            all_here.set()
        await all_here.wait()
        await asking.ok()

    async with Multiplexing(script, streams=2).run_on(localhost.server("h2")) as served:
        assert await asyncio.gather(*(post(transport, served.url) for _ in range(5))) == [b"ok"] * 5
        assert sorted(len(peer.asking) for peer in served.peers) == [1, 2, 2]


async def test_a_server_that_allows_no_exchange_is_free_and_no_connection_stays(
    transport: Multiplexed, localhost: Certificate
) -> None:
    async with Multiplexing(ok, streams=0).run_on(localhost.server("h2")) as served:
        for number in range(1, 4):
            with pytest.raises(OverloadedError, match="allows no"):
                await post(transport, served.url)
            await served.lost.wait()
            served.lost.clear()
            assert len(served.peers) == number


async def test_a_slow_reader_makes_the_server_wait_and_nobody_else(
    transport: Multiplexed, localhost: Certificate
) -> None:
    size = 3_000_000

    async def script(asking: Asking) -> None:
        if asking.headers[":path"] == "/small":
            await asking.ok()
            return
        asking.head()
        await asking.say(b"x" * size, end=True)

    async with (
        Multiplexing(script).run_on(localhost.server("h2")) as served,
        transport.send("POST", served.url, {}, b"", LIMITS) as exchange,
    ):
        for _ in range(5):
            assert await post(transport, f"{served.url}/small") == b"ok"
        assert not served.tasks[0].done()
        assert await exchange.read(size) == b"x" * size
        assert len(served.peers) == 1


async def test_leaving_early_resets_the_stream_and_leaves_the_connection(
    transport: Multiplexed, localhost: Certificate
) -> None:
    async def script(asking: Asking) -> None:
        if asking.headers[":path"] == "/long":
            asking.head()
            await asking.say(b"x" * 100_000)
        else:
            await asking.ok()

    async with Multiplexing(script).run_on(localhost.server("h2")) as served:
        for _ in range(300):
            async with transport.send("POST", f"{served.url}/long", {}, b"", LIMITS) as exchange:
                await anext(exchange.pieces())
        await asyncio.wait_for(served.asked[-1].reset.wait(), 5)
        assert await post(transport, served.url) == b"ok"
        assert len(served.peers) == 1


async def test_what_came_and_was_never_read_holds_up_nobody(transport: Multiplexed, localhost: Certificate) -> None:
    async def script(asking: Asking) -> None:
        if asking.headers[":path"] == "/unread":
            asking.head()
            await asking.say(b"x" * 200_000)
        else:
            await asking.ok()

    async with Multiplexing(script).run_on(localhost.server("h2")) as served:
        # More than the whole connection may have under way.
        for _ in range(WINDOW // 200_000 + 10):
            async with transport.send("POST", f"{served.url}/unread", {}, b"", LIMITS):
                assert await post(transport, served.url) == b"ok"
        assert len(served.peers) == 1


async def test_the_server_sees_a_cancellation_at_once(transport: Multiplexed, localhost: Certificate) -> None:
    here = asyncio.Event()

    async def script(_: Asking) -> None:
        here.set()

    async with Multiplexing(script).run_on(localhost.server("h2")) as served:
        task = asyncio.create_task(post(transport, served.url))
        await here.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(served.asked[0].reset.wait(), 5)


async def test_an_answer_may_come_before_the_whole_request_is_sent(
    transport: Multiplexed, localhost: Certificate
) -> None:
    async def script(asking: Asking) -> None:
        asking.head(413, end=True)

    async with Multiplexing(script, takes=False).run_on(localhost.server("h2")) as served:
        async with transport.send("POST", served.url, {}, b"x" * 1_000_000, LIMITS) as exchange:
            assert (exchange.status, await exchange.read(10)) == (413, b"")
        await asyncio.wait_for(served.asked[0].reset.wait(), 5)


async def refusing(asking: Asking) -> None:
    asking.peer.h2.reset_stream(asking.number, 7)
    asking.peer.flush()


async def resetting(asking: Asking) -> None:
    await begun(asking)
    asking.peer.h2.reset_stream(asking.number, 2)
    asking.peer.flush()


async def cutting(asking: Asking) -> None:
    await begun(asking)
    assert asking.peer.transport is not None
    asking.peer.transport.abort()


async def rubbish(asking: Asking) -> None:
    assert asking.peer.transport is not None
    asking.peer.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


async def leaving(asking: Asking) -> None:
    asking.peer.farewell(0)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (refusing, OverloadedError),
        (resetting, CutStreamError),
        (cutting, CutStreamError),
        (rubbish, UnreadableAnswerError),
        (leaving, OverloadedError),
    ],
)
async def test_what_a_server_does_to_an_answer(
    transport: Multiplexed, localhost: Certificate, script: Script, error: type[ModelError]
) -> None:
    async with Multiplexing(script).run_on(localhost.server("h2")) as served:
        with pytest.raises(error):
            await post(transport, served.url)


async def test_a_connection_that_ends_before_the_whole_request_left_is_free(
    transport: Multiplexed, localhost: Certificate
) -> None:
    async with Multiplexing(cutting, takes=False).run_on(localhost.server("h2")) as served:
        with pytest.raises(OverloadedError, match="before it had the request"):
            await post(transport, served.url, b"x" * 1_000_000)


async def silent(_: Asking) -> None:
    """Say nothing."""


@pytest.mark.parametrize(
    ("script", "limits", "says"),
    [
        (silent, Timeouts(first=0.05), "did not begin to answer within"),
        (begun, Timeouts(idle=0.05), "nothing more for"),
        (begun, Timeouts(total=0.1), "longer than"),
    ],
)
async def test_a_limit_that_is_passed_ends_the_exchange_alone(
    transport: Multiplexed, localhost: Certificate, script: Script, limits: Timeouts, says: str
) -> None:
    async def either(asking: Asking) -> None:
        await (asking.ok() if asking.headers[":path"] == "/ok" else script(asking))

    async with Multiplexing(either).run_on(localhost.server("h2")) as served:
        # The connection stands before the clock runs.
        assert await post(transport, f"{served.url}/ok") == b"ok"
        with pytest.raises(ModelTimeoutError, match=says):
            await post(transport, served.url, limits=limits)
        await asyncio.wait_for(served.asked[1].reset.wait(), 5)
        assert await post(transport, f"{served.url}/ok") == b"ok"
        assert len(served.peers) == 1


async def test_a_server_that_says_farewell_finishes_what_it_began(
    transport: Multiplexed, localhost: Certificate
) -> None:
    async def script(asking: Asking) -> None:
        if asking.headers[":path"] != "/long":
            await asking.ok()
            return
        await begun(asking)
        asking.peer.farewell(asking.number)
        # The second connection's answer comes first.
        await second.wait()
        await asking.say(b" world", end=True)

    second = asyncio.Event()
    async with Multiplexing(script).run_on(localhost.server("h2")) as served:
        async with transport.send("POST", f"{served.url}/long", {}, b"", LIMITS) as exchange:
            assert await anext(exchange.pieces()) == b"hello"
            assert await post(transport, served.url) == b"ok"
            assert await post(transport, served.url) == b"ok"
            second.set()
            assert await exchange.read(10) == b" world"
        await asyncio.wait_for(served.lost.wait(), 5)
        assert len(served.peers) == 2


async def test_an_idle_connection_is_closed_after_a_while(localhost: Certificate) -> None:
    transport = Multiplexed(keep=0.05, trust=localhost.trusted, proxies=lambda _: None)
    async with Multiplexing(ok).run_on(localhost.server("h2")) as served:
        assert await post(transport, served.url) == b"ok"
        await asyncio.wait_for(served.lost.wait(), 5)
        assert await post(transport, served.url) == b"ok"
        assert len(served.peers) == 2
        await transport.close()


async def test_a_farewell_to_an_idle_connection_closes_it(transport: Multiplexed, localhost: Certificate) -> None:
    async with Multiplexing(ok).run_on(localhost.server("h2")) as served:
        assert await post(transport, served.url) == b"ok"
        served.peers[0].farewell(2**31 - 1)
        await asyncio.wait_for(served.lost.wait(), 5)
        assert await post(transport, served.url) == b"ok"
        assert len(served.peers) == 2


async def mute(peer: Peer) -> None:
    await peer.gone()


async def gone(peer: Peer) -> None:
    peer.cut()


@pytest.mark.parametrize(("script", "says"), [(mute, "no connection .* within"), (gone, "connection")])
async def test_a_server_that_does_not_greet_is_free(
    transport: Multiplexed, localhost: Certificate, script: PeerScript, says: str
) -> None:
    async with serving(script, localhost.server("h2")) as served:
        with pytest.raises(OverloadedError, match=says):
            await post(transport, served.url, limits=Timeouts(connect=0.5))


async def test_a_proxy_tunnels_it(localhost: Certificate) -> None:
    async with Multiplexing(ok).run_on(localhost.server("h2")) as served, serving(tunnelling()) as proxy:
        known = {"all": f"http://127.0.0.1:{proxy.port}"}
        transport = Multiplexed(trust=localhost.trusted, proxies=lambda target: chosen(target, known))
        assert await post(transport, served.url, b"x" * 200_000) == b"ok"
        assert proxy.connections == 1
        await transport.close()


async def test_nothing_can_be_smuggled_into_a_request(transport: Multiplexed, localhost: Certificate) -> None:
    async with Multiplexing(ok).run_on(localhost.server("h2")) as served:
        with pytest.raises(ModelRequestError):
            async with transport.send("POST", served.url, {"x": "y\r\nz: 1"}, b"", LIMITS):
                pass
        assert not served.asked


async def test_reading_after_the_exchange_is_over_gives_what_came_and_an_error(
    transport: Multiplexed, localhost: Certificate
) -> None:
    async with Multiplexing(begun).run_on(localhost.server("h2")) as served:
        async with transport.send("POST", served.url, {}, b"", LIMITS) as exchange:
            assert await anext(exchange.pieces()) == b"hello"
        with pytest.raises(CutStreamError, match="is over"):
            await anext(exchange.pieces())
