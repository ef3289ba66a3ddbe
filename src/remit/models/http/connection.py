"""A connection: one exchange at a time over one socket, with its time limits and its back-pressure."""

import asyncio
import select
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Self

from remit.core.errors import (
    CutStreamError,
    ModelError,
    ModelTimeoutError,
    OverloadedError,
    UnreadableAnswerError,
)
from remit.models.http.answer import Answer
from remit.models.http.port import Timeouts

HIGH_WATER = 256 * 1024
"""Bytes of a body that may wait for a slow reader before the server is made to wait."""

_JOINED = 64 * 1024
"""Bytes of a body that are copied behind its head, to save a system call and a packet."""
_NEVER = float("inf")


class Connection(asyncio.BufferedProtocol):
    """A socket to one server. When it is idle, whatever happens on it ends it.

    It has one timer for its whole life, which looks when it rings what the limit is by then: an exchange that ends in
    time costs no timer at all.
    """

    def __init__(self, name: str, buffer: bytearray, lost: Callable[[Self], None]) -> None:
        """Call `lost` when it has ended; the buffer may be shared by all connections of a loop."""
        self._name = name
        self._view = memoryview(buffer)
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._answer: Answer | None = None
        self._error: ModelError | None = None
        self._limits = Timeouts()
        self._began = self._ends = self._last = 0.0
        self._expires = _NEVER
        self._bodied = self._paused = self._unsent = False

    # -- what the event loop calls -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, over which bytes go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # With next to no reserve, `resume_writing` says when the whole request has left; with none at all, an
        # encrypted transport would say it and take it back by turns.
        transport.set_write_buffer_limits(high=1, low=0)
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give the place for the next bytes."""
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        """Take in bytes."""
        answer = self._answer
        if answer is None or self._error is not None:
            self.abort()
            return
        self._last = self._loop.time()
        try:
            answer.feed(self._view[:nbytes])
        except UnreadableAnswerError as error:
            self._fail(error)
            return
        if answer.size and not self._bodied:
            self._bodied = True
            self._arm()
        if answer.size > HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def pause_writing(self) -> None:
        """Note that a part of the request has not left yet."""
        self._unsent = True

    def resume_writing(self) -> None:
        """Note that the whole request has left."""
        self._unsent = False

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is under way."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        answer = self._answer
        # That we gave up on a server is not the end it may give a body by closing the connection.
        ended = exc is None and self._error is None
        if answer is not None and not (ended and answer.closed()) and not answer.complete:
            how = f": {exc}" if exc is not None else ""
            if self._unsent:
                self._fail(OverloadedError(f"{self._name} ended the connection before it had the request{how}"))
            else:
                self._fail(CutStreamError(f"{self._name} ended the connection before the answer's end{how}"))
        self._wake()
        self._lost(self)

    # -- what the pool calls -------------------------------------------------------------------------------------------

    def fresh(self) -> bool:
        """Say whether an idle connection can carry a request: nothing has come in, not even its end."""
        transport, poll = self._transport, self._poll
        # The loop may not have looked at the socket for a while, so the system is asked.
        return transport is not None and poll is not None and not transport.is_closing() and not poll.poll(0)

    async def begin(self, head: bytes, body: bytes, limits: Timeouts, ends: float) -> "Stream":
        """Send a request and wait for the head of its answer; `ends` is the loop's time of the total limit."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise OverloadedError(f"{self._name} ended the connection before it had the request")
        answer = self._answer = Answer()
        self._error = None
        self._bodied = False
        self._limits = limits
        self._began = self._loop.time()
        self._ends = ends
        self._arm()
        if len(body) <= _JOINED:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        while not answer.headed:
            await self._more(answer)
        refuse_coding(answer.status, answer.headers)
        return Stream(self, answer)

    def finish(self, keep: float) -> bool:
        """End the exchange; say whether the connection can carry another within `keep` seconds, else it is closed."""
        answer, transport = self._answer, self._transport
        self._answer = None
        usable = answer is not None and answer.complete and answer.keeps and not answer.spoilt and self._error is None
        if answer is None or transport is None or not usable or transport.get_write_buffer_size():
            self.abort()
            return False
        wait = min(keep, _hint(answer.headers) - 1.0)
        if wait <= 0.0 or transport.is_closing():
            self.abort()
            return False
        if self._paused:
            self._paused = False
            transport.resume_reading()
        self._expires = self._loop.time() + wait
        self._arm()
        return True

    def abort(self) -> None:
        """Close the socket at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- what a stream calls -------------------------------------------------------------------------------------------

    async def piece(self, answer: Answer) -> bytes:
        """Give what has come of the body; nothing at its end."""
        while not answer.size:
            if answer.complete:
                return b""
            await self._more(answer)
        body = answer.take()
        if self._paused and self._transport is not None:
            self._paused = False
            self._last = self._loop.time()
            self._transport.resume_reading()
            self._arm()
        return body

    # -- within --------------------------------------------------------------------------------------------------------

    async def _more(self, answer: Answer) -> None:
        if self._error is not None:
            raise self._error
        if self._answer is not answer:
            raise CutStreamError(f"the exchange with {self._name} is over")
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, error: ModelError) -> None:
        if self._error is None:
            self._error = error
        self.abort()
        self._wake()

    def _due(self) -> float:
        answer = self._answer
        if answer is None:
            return self._expires
        if answer.complete:
            return _NEVER
        if self._paused:
            return self._ends
        limit = self._last + self._limits.idle if self._bodied else self._began + self._limits.first
        return min(limit, self._ends)

    def _arm(self) -> None:
        due = self._due()
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = None if due == _NEVER else self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        due, now = self._due(), self._loop.time()
        if now < due:
            self._arm()
        elif self._answer is None:
            self.abort()
        elif now >= self._ends:
            self._fail(ModelTimeoutError(f"the answer of {self._name} took longer than {self._limits.total:g} s"))
        elif self._bodied:
            self._fail(ModelTimeoutError(f"{self._name} sent nothing more for {self._limits.idle:g} s"))
        else:
            self._fail(ModelTimeoutError(f"{self._name} did not begin to answer within {self._limits.first:g} s"))


class Stream:
    """An answer under way on a connection."""

    __slots__ = ("_answer", "_connection", "headers", "status")

    def __init__(self, connection: Connection, answer: Answer) -> None:
        """Read an answer whose head is whole."""
        self._connection = connection
        self._answer = answer
        self.status = answer.status
        self.headers: Mapping[str, str] = answer.headers

    def pieces(self) -> AsyncIterator[bytes]:
        """Give the body as it comes."""
        return self

    def __aiter__(self) -> Self:
        """Be the iterator: a generator would cost more and close later."""
        return self

    async def __anext__(self) -> bytes:
        """Give the next piece of the body."""
        piece = await self._connection.piece(self._answer)
        if not piece:
            raise StopAsyncIteration
        return piece

    async def read(self, limit: int) -> bytes:
        """Give the rest of the body, of at most `limit` bytes."""
        return await joined(self, limit)


def refuse_coding(status: int, headers: Mapping[str, str]) -> None:
    """Raise `UnreadableAnswerError` for an answer that came compressed; of a refusal the status matters more."""
    coding = headers.get("content-encoding", "identity")
    if status < 400 and coding.lower() != "identity":
        raise UnreadableAnswerError(f"the answer is compressed with {coding!r}, which nobody asked for")


async def joined(pieces: AsyncIterator[bytes], limit: int) -> bytes:
    """Give a whole body; raise `UnreadableAnswerError` when it is longer than `limit` bytes."""
    parts: list[bytes] = []
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > limit:
            raise UnreadableAnswerError(f"the answer is longer than {limit} bytes")
        parts.append(piece)
    return b"".join(parts)


def _hint(headers: Mapping[str, str]) -> float:
    """Give the seconds that a server says it keeps an idle connection; infinite when it does not say."""
    for field in headers.get("keep-alive", "").split(","):
        name, _, value = field.partition("=")
        if name.strip().lower() == "timeout" and value.strip().isdecimal():
            return float(value)
    return _NEVER
