"""A line to a provider's batch endpoints: requests as they are wanted there, answers as typed values."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from remit.core.errors import JournalError, ModelError, RemitError, UnreadableAnswerError
from remit.core.ports import Reply
from remit.models.batches.port import BatchItem, UnfitError
from remit.models.http.pooled import SHARED
from remit.models.http.port import Exchange, Timeouts, Transport
from remit.models.wires.fragments import Bodies
from remit.models.wires.port import Wire

T = TypeVar("T")

PATIENCE = Timeouts()
"""How long a provider is waited for by default."""

_ANSWER = 16 << 20
_REFUSAL = 1 << 20
_LINE = 64 << 20
"""Bytes that are read at most of an answer, of a refusal, of one line of a file."""


@dataclass(slots=True, repr=False, eq=False)
class Line:
    """Speaks to one provider with one key, which is in no error."""

    wire: Wire
    url: str
    """The base URL of the provider."""
    key: Callable[[], str]
    transport: Transport | None = None
    """`None` for the connections that all models of the process share."""
    timeouts: Timeouts = PATIENCE

    async def call(self, method: str, path: str, kind: type[T], body: bytes = b"", content: str = "") -> T:
        """Make one exchange and read its answer; raise `ModelError`."""
        async with self._exchange(method, path, body, content or "application/json") as exchange:
            answer = await exchange.read(_ANSWER)
        try:
            return msgspec.json.decode(answer, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UnreadableAnswerError(f"{method} {path} was not answered as expected: {error}") from error

    async def lines(self, path: str) -> AsyncGenerator[bytes]:
        """Give the lines of a file that may be larger than memory."""
        async with self._exchange("GET", path, b"", "") as exchange:
            rest = b""
            async for piece in exchange.pieces():
                *whole, rest = (rest + piece).split(b"\n")
                for line in whole:
                    if line.strip():
                        yield line
                if len(rest) > _LINE:
                    raise UnreadableAnswerError(f"a line of {path} is longer than {_LINE >> 20} MiB")
            if rest.strip():
                yield rest

    async def read(self, path: str, kind: type[T]) -> AsyncGenerator[T]:
        """Read the lines of a file; what is wrong with one is raised after all that can be read."""
        broken: UnreadableAnswerError | None = None
        async for line in self.lines(path):
            try:
                found = read_line(line, kind)
            except UnreadableAnswerError as error:
                broken = error
            else:
                yield found
        if broken is not None:
            raise broken

    async def written(self, items: Sequence[BatchItem]) -> list[bytes]:
        """Write requests as the wire writes them when they are not streamed; raise `UnfitError`."""
        bodies: list[bytes] = []
        errors: dict[str, RemitError] = {}
        for item in items:
            try:
                bodies.append(await Bodies(self.wire).body(item.request, stream=False))
            except (ModelError, JournalError) as error:
                errors[item.id] = error
        if errors:
            raise UnfitError(errors)
        return bodies

    def reply(self, body: bytes) -> Reply | ModelError:
        """Read one answer of a file; what cannot be read is an error of its own."""
        try:
            return self.wire.whole(body)
        except ModelError as error:
            return error

    @asynccontextmanager
    async def _exchange(self, method: str, path: str, body: bytes, content: str) -> AsyncGenerator[Exchange]:
        key = self.key()
        headers = self.wire.headers(key) | ({"content-type": content} if body else {})
        transport = self.transport or SHARED
        async with transport.send(method, f"{self.url.rstrip('/')}{path}", headers, body, self.timeouts) as exchange:
            if not 200 <= exchange.status < 300:
                raise await self._refused(exchange, key)
            yield exchange

    async def _refused(self, exchange: Exchange, key: str) -> ModelError:
        error = self.wire.error(exchange.status, exchange.headers, await exchange.read(_REFUSAL))
        error.args = (str(error).replace(key, "[key]") if key else str(error),)
        return error


def read_line(line: bytes, kind: type[T]) -> T:
    """Read one line of a file of results; raise `UnreadableAnswerError`."""
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableAnswerError(f"a line of the results cannot be read: {error}") from error


def joined(prefix: Mapping[str, str], field: str, body: bytes) -> bytes:
    """Write an object whose last field is JSON already."""
    head = b"".join(
        msgspec.json.encode(name) + b":" + msgspec.json.encode(said) + b"," for name, said in prefix.items()
    )
    return b"{" + head + msgspec.json.encode(field) + b":" + body + b"}"
