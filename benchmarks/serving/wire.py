"""Wire: HTTP/1.1 as the driver speaks it: as little as it takes, so that the server is what is measured."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import httptools

Hear = Callable[[bytes, int], None]
"""Is given a piece of a body, and when it came, in nanoseconds of the monotonic clock."""


class LostError(Exception):
    """The other end closed a connection that was in use."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    method: str
    path: str
    body: bytes = b""
    media: str = "application/json"

    @classmethod
    def tell(cls, path: str, said: object) -> "Ask":
        """Make one that brings JSON."""
        return cls("POST", path, json.dumps(said).encode())

    def written(self) -> bytes:
        """Return it as it goes over the wire."""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n"
        if self.body:
            head += f"Content-Type: {self.media}\r\nContent-Length: {len(self.body)}\r\n"
        return f"{head}\r\n".encode() + self.body


class Line(asyncio.Protocol):
    """One connection, for one request after the other."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self.open = False
        self.status = 0
        self.at = 0
        """When something came last, in nanoseconds of the monotonic clock."""
        self._body = bytearray()
        self._hear: Hear | None = None
        self._begun: asyncio.Future[int] | None = None
        self._ended: asyncio.Future[bytes] | None = None

    @classmethod
    async def connect(cls, port: int) -> "Line":
        """Connect to a port of this machine."""
        _, line = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return line

    async def ask(self, ask: Ask, hear: Hear | None = None) -> bytes:
        """Ask and wait for the end of the answer; a body that is heard is not returned."""
        await self.begin(ask, hear)
        return await self.rest()

    async def begin(self, ask: Ask, hear: Hear | None = None) -> int:
        """Ask and wait for the status."""
        loop = asyncio.get_running_loop()
        self._begun, self._ended, self._hear = loop.create_future(), loop.create_future(), hear
        self._body.clear()
        self._parser = httptools.HttpResponseParser(self)
        if not self.open:
            raise LostError
        self._transport.write(ask.written())
        return await self._begun

    async def rest(self) -> bytes:
        """Wait for the end of the answer."""
        assert self._ended is not None
        return await self._ended

    def close(self) -> None:
        """Hang up."""
        self._transport.abort()

    # -- what asyncio and the parser say -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.open = transport, True

    def data_received(self, data: bytes) -> None:
        self.at = time.monotonic_ns()
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        for future in (self._begun, self._ended):
            if future is not None and not future.done():
                future.set_exception(LostError())
                # Nobody may be waiting.
                future.exception()

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self._begun is not None and not self._begun.done():
            self._begun.set_result(self.status)

    def on_body(self, body: bytes) -> None:
        if self._hear is None:
            self._body += body
        else:
            self._hear(body, self.at)

    def on_message_complete(self) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(bytes(self._body))
