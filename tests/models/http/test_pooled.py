"""Pooled: which connection a request gets, and when one ends."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
from tests.models.http.served import OK, STREAM, Peer, answering, chunk, serving

from remit.core.errors import CutStreamError, ModelTimeoutError, OverloadedError
from remit.models.http.pooled import SHARED, Pooled
from remit.models.http.port import Timeouts

LIMITS = Timeouts(connect=5.0, first=10.0, idle=10.0, total=20.0)


def pooled(limit: int = 256, keep: float = 15.0) -> Pooled:
    return Pooled(limit=limit, keep=keep, proxies=lambda _: None)


async def post(pool: Pooled, url: str, body: bytes = b"", limits: Timeouts = LIMITS) -> bytes:
    async with pool.send("POST", url, {}, body, limits) as exchange:
        return await exchange.read(1 << 20)


async def expect(pool: Pooled, url: str) -> None:
    assert await post(pool, url) == b"ok"


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0)


async def test_no_more_connections_than_the_limit_and_who_waits_first_is_served_first() -> None:
    turns = asyncio.Queue[None]()
    served_in_order: list[str] = []

    async def script(peer: Peer) -> None:
        while True:
            served_in_order.append((await peer.request()).body.decode())
            await turns.get()
            await peer.say(OK)

    pool = pooled(limit=2)
    async with serving(script) as served:
        tasks = [asyncio.create_task(post(pool, served.url, str(n).encode())) for n in range(8)]
        for n in range(8):
            await until(lambda n=n: len(served_in_order) >= min(n + 2, 8))
            turns.put_nowait(None)
        await asyncio.gather(*tasks)
        assert served.most == 2
        assert sorted(served_in_order[:2]) == ["0", "1"]
        assert served_in_order[2:] == ["2", "3", "4", "5", "6", "7"]
    await pool.close()


async def test_a_place_goes_on_when_its_connection_is_closed_or_was_never_opened() -> None:
    async with serving(answering(OK, count=1)) as served:
        pool = pooled(limit=1)
        assert await asyncio.gather(*(post(pool, served.url) for _ in range(5))) == [b"ok"] * 5
        assert served.most == 1
        url = served.url
    results = await asyncio.gather(*(post(pool, url) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(result, OverloadedError) for result in results)


async def test_who_stops_waiting_does_not_keep_the_place() -> None:
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await go.wait()
            await peer.say(OK)

    pool = pooled(limit=1)

    async def first() -> None:
        assert await post(pool, served.url) == b"ok"
        # It is the third one's turn now, but it has not run yet.
        tasks[2].cancel()

    async with serving(script) as served:
        tasks = [asyncio.create_task(first())]
        tasks += [asyncio.create_task(expect(pool, served.url)) for _ in range(3)]
        await until(lambda: served.connections == 1)
        tasks[1].cancel()
        go.set()
        await tasks[3]
        await expect(pool, served.url)
        assert served.connections == 1
        for task in tasks[1:3]:
            with pytest.raises(asyncio.CancelledError):
                await task
    await pool.close()


async def test_a_turn_that_does_not_come_in_time_is_free() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.gone()

    pool = pooled(limit=1)
    async with serving(script) as served:
        holder = asyncio.create_task(post(pool, served.url))
        await until(lambda: served.connections == 1)
        with pytest.raises(OverloadedError, match="came free: 1 are in use"):
            await post(pool, served.url, limits=Timeouts(total=0.05))
        holder.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holder


async def test_no_limit_is_none() -> None:
    async with serving(answering(OK)) as served, AsyncExitStack() as stack:
        pool = pooled(limit=0)
        for _ in range(300):
            await stack.enter_async_context(pool.send("POST", served.url, {}, b"", LIMITS))
        assert served.connections == 300
    await pool.close()


async def test_an_idle_connection_is_closed_after_a_while() -> None:
    async with serving(answering(OK)) as served:
        pool = pooled(keep=0.05)
        assert await post(pool, served.url) == b"ok"
        await asyncio.wait_for(served.all_closed(), 5)
        assert await post(pool, served.url) == b"ok"
        assert served.connections == 2
        await pool.close()


@pytest.mark.parametrize(
    ("hint", "connections"),
    [("timeout=1", 2), ("timeout=0, max=5", 2), ("timeout=30, max=5", 1), ("max=5", 1), ("timeout=soon", 1)],
)
async def test_a_servers_hint_of_how_long_it_waits_is_honoured(hint: str, connections: int) -> None:
    answer = f"HTTP/1.1 200 OK\r\nkeep-alive: {hint}\r\ncontent-length: 2\r\n\r\nok".encode()
    async with serving(answering(answer)) as served:
        pool = pooled()
        for _ in range(2):
            assert await post(pool, served.url) == b"ok"
        assert served.connections == connections
        await pool.close()


async def test_an_end_the_loop_has_not_seen_yet_is_seen_before_a_connection_is_used() -> None:
    # The server is in another process, so the loop of this one need not run for the end to arrive.
    program = (
        "import socket\n"
        "listener = socket.create_server(('127.0.0.1', 0))\n"
        "print(listener.getsockname()[1], flush=True)\n"
        "for _ in range(2):\n"
        "    peer, _ = listener.accept()\n"
        "    peer.recv(65536)\n"
        "    peer.sendall(b'HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok')\n"
        "    input()\n"
        "    peer.close()\n"
        "    print('closed', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:  # noqa: ASYNC220
        assert server.stdout is not None
        assert server.stdin is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/"
        pool = pooled()
        for _ in range(2):
            assert await post(pool, url) == b"ok"
            server.stdin.write(b"\n")
            server.stdin.flush()
            assert server.stdout.readline() == b"closed\n"
        await pool.close()


async def test_a_connection_that_ends_before_the_whole_request_left_is_free() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readexactly(10)
        peer.cut()

    async with serving(script) as served:
        with pytest.raises(OverloadedError, match="before it had the request") as error:
            await post(pooled(), served.url, b"x" * 50_000_000)
        assert error.value.free


async def test_nothing_is_read_after_the_exchange_is_over() -> None:
    async with serving(answering(STREAM, chunk(b"hello"))) as served:
        async with pooled().send("POST", served.url, {}, b"", LIMITS) as exchange:
            assert await anext(exchange.pieces()) == b"hello"
        with pytest.raises(CutStreamError, match="is over"):
            await anext(exchange.pieces())


def test_a_program_that_closes_nothing_ends_without_a_word() -> None:
    program = """
import asyncio
from remit.models.http.pooled import SHARED
from remit.models.http.port import Timeouts

class Answering(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok")

async def main():
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with SHARED.send("POST", url, {}, b"", Timeouts()) as exchange:
        assert await exchange.read(10) == b"ok"
    server.close()

asyncio.run(main())
asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program], capture_output=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


async def test_closing_what_was_never_used_does_nothing() -> None:
    await SHARED.close()
    await pooled().close()


@pytest.mark.parametrize("limits", [Timeouts(idle=0.05), Timeouts(idle=5.0, total=0.1)])
async def test_a_body_that_only_a_close_can_end_is_not_ended_by_our_giving_up(limits: Timeouts) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\n\r\nhalf an answ")
        await peer.gone()

    pool = pooled()
    async with serving(script) as served:
        with pytest.raises(ModelTimeoutError):
            await post(pool, served.url, limits=limits)
        await served.all_closed()
