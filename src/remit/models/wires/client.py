"""Client: a language model reached over one of the wires. One `complete` is one request; nothing is tried again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import KW_ONLY, dataclass, field

from msgspec.structs import replace

from remit.core.errors import (
    AuthenticationError,
    CutStreamError,
    ModelError,
    ModelTimeoutError,
    UnreadableAnswerError,
)
from remit.core.ports import Delta, Emit, ModelSpec, Price, Reply, Request
from remit.models.http.pooled import SHARED
from remit.models.http.port import Exchange, Timeouts, Transport
from remit.models.http.sse import EventStream, ServerSentEvent
from remit.models.wires.fragments import Bodies
from remit.models.wires.port import Reader, Wire
from remit.models.wires.statuses import short
from remit.models.wrappers.lost import worst

LONGEST = 32 * 1024 * 1024
"""Bytes of one answer."""

_COMPLAINT = 64 * 1024
"""Bytes of a refusal that are read; no provider says more that matters."""

_FAREWELL = 0.25
"""Seconds that a server has to end a stream after it said that this is all, for the connection to be kept."""

_SECRET = 6
"""Characters that make a key a secret; a shorter one, such as `none`, turns up in messages by chance."""

_TIMEOUTS = Timeouts()


@dataclass(eq=False, repr=False)
class WireModel:
    """A model at a provider. The answer is streamed; its key is in no message, no error and no `repr`."""

    wire: Wire
    _: KW_ONLY
    name: str
    url: str
    """The base URL, which the wire's path follows."""
    key: Callable[[], str]
    """Gives the key for each call; an empty one is not sent."""
    price: Price | None = None
    transport: Transport | None = None
    """`None` for the connections that the whole process shares."""
    timeouts: Timeouts = _TIMEOUTS
    variant: str = ""
    """What tells it apart from the same model with other options."""
    variable: str = ""
    """Where its key is looked up, for who did not give one."""
    longest: int = LONGEST
    """Bytes of one answer; more is no answer."""
    _spec: ModelSpec = field(init=False)
    _bodies: Bodies = field(init=False)
    _transport: Transport = field(init=False)
    _target: str = field(init=False)

    def __post_init__(self) -> None:
        """Work out what every call needs."""
        self._spec = ModelSpec(self.name, self.price, variant=self.variant)
        self._bodies = Bodies(self.wire)
        self._transport = self.transport or SHARED
        self._target = self.url.rstrip("/") + self.wire.path

    def __repr__(self) -> str:
        """Name the model and where it is."""
        return f"WireModel({self.name!r}, {self.wire.name!r}, {self.url!r})"

    @property
    def spec(self) -> ModelSpec:
        """Name, price and variant."""
        return self._spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer in one request; raise `ModelError`, whose message names the provider's id of the request."""
        key = self.key()
        said_by = ""
        try:
            headers = self._headers(key)
            body = await self._bodies.body(request, stream=True)
            async with self._transport.send("POST", self._target, headers, body, self.timeouts) as exchange:
                said_by = exchange.headers.get("x-request-id") or exchange.headers.get("request-id") or ""
                reply = await self._read(exchange, emit)
        except ModelError as error:
            _amend(error, key, said_by, self._advice(error, key))
            raise
        if _uncounted(reply) and self.price is not None and reply.cost is None:
            # A server that does not say what it used, or only half of it, may have used all that was held.
            return replace(reply, cost=worst(self._spec, request))
        return reply

    def _advice(self, error: ModelError, key: str) -> str:
        """Say what may be wrong on this side of the line."""
        if isinstance(error, AuthenticationError) and not key and self.variable:
            return f"; no key was sent: set {self.variable}"
        if "HTTP 404" in str(error) and not self.url.rstrip("/").endswith("/v1"):
            return f"; does the address {short(self.url, 200)} lack its /v1?"
        return ""

    def _headers(self, key: str) -> dict[str, str]:
        if not key.isascii() or not key.isprintable():
            raise AuthenticationError(f"the key of {self.name!r} holds a character that no key has, such as a line end")
        headers = self.wire.headers(key)
        headers["accept"] = "text/event-stream, application/json"
        return headers

    async def _read(self, exchange: Exchange, emit: Emit) -> Reply:
        if exchange.status != 200:
            raise self.wire.error(exchange.status, exchange.headers, await _beginning(exchange, _COMPLAINT))
        media = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media in {"text/event-stream", ""}:
            return await self._streamed(exchange, emit)
        if media == "application/json":
            reply = self.wire.whole(await exchange.read(self.longest))
            if reply.text:
                emit(Delta(reply.text))
            return reply
        begins = (await _beginning(exchange, 4096)).decode("utf-8", "replace")
        raise UnreadableAnswerError(
            f"the server answered with {media}, which is no model's answer: {short(begins, 200)}"
        )

    async def _streamed(self, exchange: Exchange, emit: Emit) -> Reply:
        reader = self.wire.reader()
        try:
            await self._listen(exchange, reader, emit)
        except (CutStreamError, ModelTimeoutError) as error:
            return _whole(reader, error)
        return reader.reply()

    async def _listen(self, exchange: Exchange, reader: Reader, emit: Emit) -> None:
        events = EventStream()
        size = 0
        pieces = exchange.pieces()
        async for piece in pieces:
            size += len(piece)
            if size > self.longest:
                raise UnreadableAnswerError(f"the answer is longer than {self.longest} bytes")
            begun = size > len(piece)
            for event in events.feed(piece):
                text = _fed(reader, event, begun=begun)
                begun = True
                if text:
                    emit(Delta(text))
            if reader.done:
                await _end(pieces)
                return


def _uncounted(reply: Reply) -> bool:
    """Say whether the usage misses a side: no request is empty, and no words and no calls come of nothing."""
    usage = reply.usage
    return not usage.input or (not usage.output and bool(reply.text or reply.calls))


def _fed(reader: Reader, event: ServerSentEvent, *, begun: bool) -> str:
    try:
        return reader.feed(event)
    except ModelError as error:
        # What a provider had begun it may bill, though nothing of it was shown: it may have been thoughts.
        error.free = error.free and not begun
        raise


def _whole(reader: Reader, error: ModelError) -> Reply:
    """Give the answer of a stream that broke off, if it had come to its end before."""
    try:
        return reader.reply()
    except ModelError:
        raise error from None


async def _end(pieces: AsyncIterator[bytes]) -> None:
    """Let a stream end, so that its connection can be used again."""
    try:
        async with asyncio.timeout(_FAREWELL):
            async for _ in pieces:
                pass
    except (TimeoutError, ModelError):
        pass


async def _beginning(exchange: Exchange, limit: int) -> bytes:
    """Read a body up to a limit; what breaks it off does not matter beside what it says."""
    found = bytearray()
    try:
        async for piece in exchange.pieces():
            found += piece
            if len(found) >= limit:
                break
    except ModelError:
        pass
    return bytes(found[:limit])


def _amend(error: ModelError, key: str, request: str, advice: str) -> None:
    """Name the request in an error's message and take the key out, also out of what it was raised from."""
    message = f"{error}{advice}"
    if request and request not in message:
        message = f"{message} (request {short(request, 100)})"
    if len(key) >= _SECRET:
        message = message.replace(key, "[key]")
        for size in range(len(key) - 1, _SECRET - 1, -1):  # where a message was cut within the key
            message = message.replace(f"{key[:size]}\u2026", "[key]\u2026")
        if any(key in text for text in _causes(error)):
            error.__cause__ = error.__context__ = None
    error.args = (message,)


def _causes(error: BaseException) -> list[str]:
    """Give what the errors say that an error was raised from."""
    said: list[str] = []
    seen: set[int] = set()
    ahead = [error.__cause__, error.__context__]
    while ahead:
        cause = ahead.pop()
        if cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            said.append(repr(cause))
            said.append(str(cause))
            ahead += [cause.__cause__, cause.__context__]
    return said
