"""Pinning: connections that lead to the address that was checked, whatever DNS says by then.

A pool knows a connection by name and address together, so one that is kept serves nobody whom a check led elsewhere.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from typing import cast

import httpcore2
import msgspec

from remit.policy.hosts import Destination
from remit.tools.http.progress import SAFE

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


class _Pair(msgspec.Struct, frozen=True):
    loop: asyncio.AbstractEventLoop
    kept: httpcore2.AsyncConnectionPool
    fresh: httpcore2.AsyncConnectionPool


class Pools:
    """The connections of one client: some that are kept for safe requests, and new ones for all others."""

    __slots__ = ("_most", "_pair", "_tls")

    def __init__(self, tls: Callable[[], ssl.SSLContext], connections: int) -> None:
        """Take what is trusted, and how many connections of either kind there may be at the same time."""
        self._tls, self._most = tls, connections
        self._pair: _Pair | None = None

    def of(self, method: str) -> httpcore2.AsyncConnectionPool:
        """Give the pool for a method, in the running event loop."""
        loop = asyncio.get_running_loop()
        if self._pair is None or self._pair.loop is not loop:
            tls = self._tls()
            self._pair = _Pair(loop, pool(tls, self._most, self._most), pool(tls, self._most, 0))
        # A kept connection may be closing just now, and then nobody knows whether a request on it arrived. What may not
        # be made twice never depends on that.
        return self._pair.kept if method in SAFE else self._pair.fresh

    async def close(self) -> None:
        """Let go of all connections; a request after this opens new ones."""
        pair, self._pair = self._pair, None
        if pair is not None and pair.loop is asyncio.get_running_loop():
            await pair.kept.aclose()
            await pair.fresh.aclose()
