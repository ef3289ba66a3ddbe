"""HTTP/1.1 as a server speaks it: connections that know at once when their client goes away."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import httptools
import msgspec

from remit.core.values import JsonObject, JsonValue

LARGEST = 64 * 1024 * 1024
"""Bytes of a request's body that are taken."""

Ending = Literal["answered", "cut", "closed_early", "stopped"]
"""How an exchange ended: with the whole answer, by a fault, because the client or because the server went away."""


def _unsettled() -> Future[Ending]:
    future: Future[Ending] = Future()
    # Running, so that whoever gives up waiting for it cannot cancel it for others.
    future.set_running_or_notify_cancel()
    return future


@dataclass(eq=False)
class Received:
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Their names in lower case."""
    body: bytes
    too_large: bool = False
    """Whether the body was longer than the server takes; then it is not whole."""
    lasting: bool = True
    """Whether the connection may serve another request after it."""
    _ending: Future[Ending] = field(default_factory=_unsettled, repr=False)

    @cached_property
    def json(self) -> JsonObject:
        """The body as a JSON object; empty when it is none."""
        try:
            value: JsonValue = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def ending(self) -> Ending | None:
        """How the exchange ended; `None` while it is under way."""
        return self._ending.result() if self._ending.done() else None

    @property
    def closed_early(self) -> bool:
        """Whether the client closed the connection before it had the whole answer."""
        return self.ending == "closed_early"

    async def end(self) -> Ending:
        """Wait until the exchange has ended and say how; from any event loop."""
        return await asyncio.wrap_future(self._ending)

    def settle(self, ending: Ending) -> None:
        """Say how the exchange ended; the first word counts."""
        if not self._ending.done():
            self._ending.set_result(ending)


class Outlet(Protocol):
    """Where the bytes of an answer go."""

    async def send(self, data: bytes) -> None:
        """Send bytes; wait while the client is slow to take them."""
        ...


Answerer = Callable[[Received, Outlet], Awaitable[Ending]]


class _Assembler:
    """Puts requests together from what the parser calls out."""

    def __init__(self, done: Callable[[Received], None]) -> None:
        """`done` gets each request."""
        self._done = done
        self._parser = httptools.HttpRequestParser(self)
        self.on_message_begin()

    def feed(self, data: bytes) -> None:
        """Take in bytes; raise `HttpParserError` or `HttpParserUpgrade`."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body = b"", dict[str, str](), bytearray()
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= LARGEST:
            self._body += body

    def on_message_complete(self) -> None:
        parts = urlsplit(self._url.decode("latin-1"))
        received = Received(
            self._parser.get_method().decode(),
            unquote(parts.path),
            dict(parse_qsl(parts.query)),
            self._headers,
            bytes(self._body),
            self._size > LARGEST,
            self._parser.should_keep_alive(),
        )
        self._done(received)


class Connection(asyncio.Protocol):
    """One client: its requests are answered one after the other, each as soon as it is whole."""

    def __init__(self, answer: Answerer) -> None:
        """`answer` gets each request and where to send to; it is cancelled when the client goes away."""
        self._answer = answer
        self._assembler = _Assembler(self._received)
        self._waiting: deque[Received] = deque()
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._why: Ending = "closed_early"
        self._transport: asyncio.Transport | None = None
        self.lost = asyncio.Event()
        """Set when nothing of this connection is left."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take in a piece of a request."""
        try:
            self._assembler.feed(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self._shut()

    def eof_received(self) -> None:
        """Stop what is under way: whoever closes their half waits for nothing."""
        self._abandon()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop what is under way."""
        self._transport = None
        self._writable.set()
        self._abandon()
        self._rest()

    def pause_writing(self) -> None:
        """Hold back: the client is slow."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()

    async def send(self, data: bytes) -> None:
        """Send bytes; raise `ConnectionError` when the client has gone."""
        self._write(data)
        await self._writable.wait()

    def stop(self) -> None:
        """Close at once, because the server closes."""
        self._why = "stopped"
        self._abandon()
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the client has gone")
        self._transport.write(data)

    def _shut(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _abandon(self) -> None:
        if self._task is not None:
            self._task.cancel()
        for received in self._waiting:
            received.settle(self._why)
        self._waiting.clear()

    def _received(self, received: Received) -> None:
        self._waiting.append(received)
        self._rest()

    def _rest(self) -> None:
        """Go on with the next request, if nothing is under way; say so when there will be none."""
        if self._task is not None:
            return
        if self._transport is None:
            self.lost.set()
        elif self._waiting:
            self._task = asyncio.create_task(self._serve(self._waiting[0]))
            self._task.add_done_callback(self._served)

    def _served(self, _: asyncio.Task[None]) -> None:
        self._task = None
        self._rest()

    async def _serve(self, received: Received) -> None:
        # Whoever cancels this settles the request and forgets it: a task may be cancelled before it begins.
        try:
            ending = await self._answer(received, self)
        except ConnectionError:
            ending = self._why
        received.settle(ending)
        self._waiting.popleft()
        if ending != "answered" or not received.lasting:
            self._shut()
