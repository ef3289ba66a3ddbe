"""The port to HTTP: one exchange with a provider, its body in pieces as they come."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for a provider, in seconds."""

    connect: float = 10.0
    """Until a connection stands, with TLS and whatever a proxy wants; not the wait for a free one."""
    first: float = 120.0
    """From the request until the first byte of the answer's body."""
    idle: float = 60.0
    """Between two pieces of the body."""
    total: float = 600.0
    """For the whole exchange."""


PATIENCE = Timeouts()
"""How long a provider is waited for by default."""


class Exchange(Protocol):
    """An answer under way: its status and headers are here, its body is coming."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, their names in lower case."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """Give the body as it comes, without its transfer encoding; raise `CutStreamError` when it breaks off."""
        ...

    async def read(self, limit: int) -> bytes:
        """Give the whole rest of the body; raise `UnreadableAnswerError` when it is longer than `limit` bytes."""
        ...


class Transport(Protocol):
    """Sends requests. What is raised is always a `ModelError`, and `free` only when surely nothing was computed."""

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Exchange]:
        """Send a request; leaving the context before the body's end really closes the connection.

        Raise `OverloadedError` when no connection comes about, comes free in time, or lasts until the whole request has
        left; `ModelTimeoutError` when a limit is passed after the request went out; `CutStreamError` when the
        connection ends before the answer does; `UnreadableAnswerError` for what is not HTTP; `ModelRequestError` for a
        request that cannot be written, or a certificate that is not trusted; `ConfigError` for an unusable proxy.
        """
        ...

    async def close(self) -> None:
        """Close all connections that nobody uses."""
        ...
