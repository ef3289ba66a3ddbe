"""Pinning: connections that lead to the address that was checked, whatever DNS says by then.

A pool knows a connection by name and address together, so one that is kept serves nobody whom a check led elsewhere.
"""

import ssl
from collections.abc import Iterable
from typing import cast

import httpcore2

from remit.policy.hosts import Destination

_MARK = "|"


class PinnedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the address that a pinned URL holds, and to nothing by name."""

    def __init__(self) -> None:
        """Connect by asyncio."""
        # The library hides the real class from type checkers, because anyio may be missing.
        self._network = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the address behind the mark."""
        _, _, address = host.rpartition(_MARK)
        return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)


def pinned(to: Destination, address: str) -> httpcore2.URL:
    """Write a URL whose host is a name with the address to use for it."""
    host = f"{to.host}{_MARK}{address}"
    return httpcore2.URL(
        scheme=to.scheme.encode(), host=host.encode("ascii"), port=to.port, target=to.target.encode("ascii")
    )


def pool(tls: ssl.SSLContext | None, connections: int, kept: int) -> httpcore2.AsyncConnectionPool:
    """Make a pool of pinned connections that keeps so many of them for a while."""
    return httpcore2.AsyncConnectionPool(
        ssl_context=tls,
        max_connections=connections,
        max_keepalive_connections=kept,
        keepalive_expiry=5.0,
        network_backend=PinnedBackend(),
    )
