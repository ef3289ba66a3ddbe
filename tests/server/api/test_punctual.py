"""Who opens a connection and does not say what they want within the time is let go; who is punctual is not."""

import asyncio
import contextlib
import functools

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.server import ServerState

from remit.server.api.punctual import Punctual

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


async def hello(request: object) -> PlainTextResponse:
    return PlainTextResponse("hello")


class Served:
    """A server with so much patience, on loopback."""

    def __init__(self, seconds: float) -> None:
        app = Starlette(routes=[Route("/", hello)])
        config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_keep_alive=60)
        config.load()
        state = ServerState()
        self._make = functools.partial(Punctual, config, state, {}, seconds=seconds)

    async def __aenter__(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._server = await asyncio.get_running_loop().create_server(self._make, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self._reader, self._writer = await asyncio.open_connection(host, port)
        return self._reader, self._writer

    async def __aexit__(self, *exc: object) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        self._server.close()
        await self._server.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Read until the other end lets go, however."""
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionResetError:
        return b""


async def test_silence_is_not_waited_for() -> None:
    async with Served(0.05) as (reader, _):
        assert await ended(reader) == b""


async def test_headers_that_drip_do_not_begin_the_time_anew() -> None:
    async with Served(0.2) as (reader, writer):

        async def drip() -> None:
            for number in range(1000):
                writer.write(HEAD if not number else b"X-%d: a\r\n" % number)
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert await ended(reader) == b""
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)


async def test_a_request_that_came_in_time_is_answered_and_the_next_one_has_its_own_time() -> None:
    async with Served(0.2) as (reader, writer):
        for _ in range(2):
            writer.write(HEAD + b"\r\n")
            answer = await asyncio.wait_for(reader.readuntil(b"hello"), 20)
            assert answer.startswith(b"HTTP/1.1 200")
        writer.write(HEAD)
        assert await ended(reader) == b""
