"""Canned doubles: a transport that gives fixed answers, a wire that counts what it writes, and kept blobs."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType

from remit.core.errors import ModelError, UnreadableAnswerError
from remit.core.messages import Message
from remit.core.ports import Reply, Request
from remit.models.http.port import Exchange, Timeouts
from remit.models.wires.port import Blobs, Reader, Wire

STREAM: Mapping[str, str] = {"content-type": "text/event-stream; charset=utf-8", "x-request-id": "req_7"}


@dataclass
class Answered:
    """An answer: its pieces, and what goes wrong after the last of them."""

    body: Sequence[bytes] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: STREAM)
    error: BaseException | None = None
    hangs: bool = False
    """Whether nothing comes any more instead of an end."""
    read_to_end: bool = field(default=False, init=False)
    left: bool = field(default=False, init=False)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give one piece after another."""
        for piece in self.body:
            yield piece
        if self.error is not None:
            raise self.error
        if self.hangs:
            await asyncio.Event().wait()
        self.read_to_end = True

    async def read(self, limit: int) -> bytes:
        """Give all pieces."""
        whole = b"".join([piece async for piece in self.pieces()])
        if len(whole) > limit:
            raise UnreadableAnswerError(f"the answer is longer than {limit} bytes")
        return whole

    async def __aenter__(self) -> Exchange:
        """Begin."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Note that the exchange was left."""
        self.left = True


@dataclass(frozen=True)
class Sent:
    """A request as it was sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeouts: Timeouts


class Canned:
    """Gives answers in order, and the last one for ever."""

    def __init__(self, *answers: Answered | ModelError) -> None:
        """Begin with the first answer."""
        self._answers = list(answers)
        self.sent: list[Sent] = []

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Exchange]:
        """Give the next answer."""
        self.sent.append(Sent(method, url, headers, body, timeouts))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, ModelError):
            raise answer
        return answer

    async def close(self) -> None:
        """Close nothing."""


@dataclass
class Counting:
    """A wire around a wire, which counts what it is asked to write."""

    wire: Wire
    messages: int = 0
    turns: int = 0
    frames: int = 0

    @property
    def name(self) -> str:
        """The wire's own."""
        return self.wire.name

    @property
    def path(self) -> str:
        """The wire's own."""
        return self.wire.path

    def headers(self, key: str) -> dict[str, str]:
        """The wire's own."""
        return self.wire.headers(key)

    def head(self, request: Request) -> bytes:
        """Count a frame."""
        self.frames += 1
        return self.wire.head(request)

    def turn(self, messages: Sequence[Message], blobs: Blobs) -> bytes:
        """Count a turn and its messages."""
        self.turns += 1
        self.messages += len(messages)
        return self.wire.turn(messages, blobs)

    def tail(self, request: Request, *, stream: bool) -> bytes:
        """The wire's own."""
        return self.wire.tail(request, stream=stream)

    def reader(self) -> Reader:
        """The wire's own."""
        return self.wire.reader()

    def whole(self, body: bytes) -> Reply:
        """The wire's own."""
        return self.wire.whole(body)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ModelError:
        """The wire's own."""
        return self.wire.error(status, headers, body)


@dataclass
class Kept:
    """Blobs in memory, which note what was fetched and can be made to wait for each other."""

    bodies: Mapping[str, bytes]
    fetched: list[str] = field(default_factory=list[str])
    gate: asyncio.Barrier | None = None
    error: Exception | None = None

    async def put(self, body: bytes) -> str:
        """Keep nothing."""
        raise AssertionError("a wire keeps nothing")

    async def get(self, blob: str) -> bytes:
        """Give a body, once enough are asked for."""
        self.fetched.append(blob)
        if self.error is not None:
            raise self.error
        if self.gate is not None:
            await self.gate.wait()
        return self.bodies[blob]


def split(body: bytes, size: int) -> Iterable[bytes]:
    """Cut bytes into pieces."""
    return (body[start : start + size] for start in range(0, len(body), size))
