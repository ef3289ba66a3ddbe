"""A channel: one exchange among many on an HTTP/2 connection."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Self

from remit.core.errors import ModelError, ModelTimeoutError, UnreadableAnswerError
from remit.models.http.connection import joined, refuse_coding
from remit.models.http.port import Timeouts

_Headers = Sequence[tuple[bytes, bytes]]


class Channel:
    """What has come of one answer, and what has not left yet of its request."""

    def __init__(self, name: str, number: int, body: bytes, limits: Timeouts, ends: float) -> None:
        """`ends` is the loop's time of the total limit."""
        self.number = number
        self.rest = memoryview(body)
        """What has not left yet; the server lets through only so much at a time."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.complete = False
        self.owed = 0
        """Bytes that came and have not been read: the server is told of them when they are."""
        self.eaten: Callable[[Self], None] = _nobody
        self._name = name
        self._pieces: list[bytes] = []
        self._error: ModelError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._began = self._last = self._loop.time()
        self._ends = ends
        self._bodied = False

    def pieces(self) -> AsyncIterator[bytes]:
        """Give the body as it comes."""
        return self

    def __aiter__(self) -> Self:
        """Be the iterator."""
        return self

    async def __anext__(self) -> bytes:
        """Give what has come of the body."""
        while not self._pieces:
            if self.complete:
                raise StopAsyncIteration
            await self._more()
        body = b"".join(self._pieces)
        self._pieces.clear()
        self._last = self._loop.time()
        self.eaten(self)
        return body

    async def read(self, limit: int) -> bytes:
        """Give the rest of the body, of at most `limit` bytes."""
        return await joined(self, limit)

    async def headed(self) -> Self:
        """Wait for the head."""
        while not self.status:
            await self._more()
        refuse_coding(self.status, self.headers)
        return self

    def head(self, headers: _Headers) -> None:
        """Take in the head."""
        for raw, value in headers:
            name, text = raw.decode("latin-1"), value.decode("latin-1")
            if name == ":status":
                self.status = int(text) if text.isdecimal() else 0
            elif not name.startswith(":"):
                self.headers[name] = f"{self.headers[name]}, {text}" if name in self.headers else text
        if not self.status:
            self.fail(UnreadableAnswerError(f"the answer of {self._name} has no status"))
        self._wake()

    def feed(self, data: bytes, size: int) -> None:
        """Take in a piece of the body, for which the server counts `size` bytes."""
        self.owed += size
        if data:
            self._bodied = True
            self._last = self._loop.time()
            self._pieces.append(data)
            self._wake()

    def end(self) -> None:
        """Take in the end of the body."""
        self.complete = True
        self._wake()

    def fail(self, error: ModelError) -> None:
        """End the answer before its end."""
        if not self.complete and self._error is None:
            self._error = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _more(self) -> None:
        if self._error is not None:
            raise self._error
        limits = self._limits
        due = self._last + limits.idle if self._bodied else self._began + limits.first
        self._waiter = self._loop.create_future()
        try:
            async with asyncio.timeout_at(min(due, self._ends)):
                await self._waiter
        except TimeoutError:
            raise ModelTimeoutError(self._late(due)) from None
        finally:
            self._waiter = None

    def _late(self, due: float) -> str:
        if self._ends <= due:
            return f"the answer of {self._name} took longer than {self._limits.total:g} s"
        if self._bodied:
            return f"{self._name} sent nothing more for {self._limits.idle:g} s"
        return f"{self._name} did not begin to answer within {self._limits.first:g} s"


def _nobody(_: Channel) -> None:
    """Tell nobody."""
