"""Multiplexed: HTTP/2, where many exchanges share one connection. Needs the extra `http2`.

It saves handshakes and sockets where hundreds of agents talk to one provider; alone, `Pooled` costs less.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from remit.core.errors import OverloadedError
from remit.models.http.channel import Channel
from remit.models.http.loops import PerLoop
from remit.models.http.multiplex import Multiplex
from remit.models.http.opening import Route, opened
from remit.models.http.pooled import Pooled
from remit.models.http.port import Exchange, Timeouts, Transport
from remit.models.http.proxies import Proxies, environment_proxy
from remit.models.http.trust import system_trust
from remit.models.http.written import Target, head, target

_Asked = tuple[str, str, Mapping[str, str], bytes]


class Origin:
    """The connections to one origin: one, and more only while the server allows no more exchanges on it."""

    def __init__(self, route: Route, keep: float) -> None:
        """Begin without a connection."""
        self.route = route
        self.multiplexes = True
        """Whether the server speaks HTTP/2, as far as we know."""
        self._keep = keep
        self._connections: list[Multiplex] = []
        self._opening = asyncio.Lock()

    async def take(self, seconds: float) -> Multiplex | None:
        """Give a connection with room for an exchange; `None` when the server does not speak HTTP/2."""
        found = self._roomy()
        if found is not None or not self.multiplexes:
            return found
        try:
            # Who comes while a connection is being opened waits for it, for it has room for many.
            async with asyncio.timeout(seconds), self._opening:
                return self._roomy() or await self._open(seconds)
        except TimeoutError:
            raise OverloadedError(f"no connection to {self.route.target.origin} within {seconds:g} s") from None

    def abort(self) -> None:
        """Close the idle connections."""
        for connection in self._connections:
            if connection.idle():
                connection.abort()

    async def _open(self, seconds: float) -> Multiplex | None:
        if not self.multiplexes:
            return None
        made = await opened(self.route, self._made, seconds)
        if not made.speaks():
            made.abort()
            self.multiplexes = False
            return None
        try:
            await made.settled()
        except BaseException:
            made.abort()
            raise
        self._connections.append(made)
        return made

    def _roomy(self) -> Multiplex | None:
        return next((one for one in self._connections if one.room()), None)

    def _made(self) -> Multiplex:
        return Multiplex(self.route.target.origin, self._keep, self._lost)

    def _lost(self, connection: Multiplex) -> None:
        if connection in self._connections:
            self._connections.remove(connection)


class _Origins:
    """The origins of one event loop."""

    def __init__(self) -> None:
        self.by_target: dict[tuple[str, int], Origin] = {}

    async def close(self) -> None:
        """Close the idle connections, and see them closed."""
        for origin in self.by_target.values():
            origin.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


class Multiplexed:
    """A transport over HTTP/2 where a server speaks it, and over another transport where it does not.

    Leaving an exchange early resets its stream, so the server stops at once, and leaves the others alone.
    """

    def __init__(
        self,
        *,
        keep: float = 60.0,
        trust: Callable[[], ssl.SSLContext] = system_trust,
        proxies: Proxies = environment_proxy,
        otherwise: Transport | None = None,
    ) -> None:
        """Keep an idle connection for `keep` seconds; `trust` makes a context, to which the protocols are added."""
        self._keep = keep
        self._trust = trust
        self._proxies = proxies
        self._context: ssl.SSLContext | None = None
        self._otherwise = otherwise or Pooled(trust=trust, proxies=proxies)
        self._loops: PerLoop[_Origins] = PerLoop(_Origins, _Origins.close)

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Exchange]:
        """Send a request; leaving the context before the body's end ends the exchange at once."""
        return _Sending(self._origin, self._otherwise, (method, url, headers, body), timeouts)

    async def close(self) -> None:
        """Close the idle connections of the running loop."""
        origins = self._loops.peek()
        if origins is not None:
            await origins.close()
        await self._otherwise.close()

    async def _origin(self, to: Target) -> Origin:
        origins = self._loops.peek() or await self._loops.get()
        origin = origins.by_target.get((to.host, to.port))
        if origin is None:
            if self._context is None:
                self._context = self._trust()
                self._context.set_alpn_protocols(["h2", "http/1.1"])
            route = Route(to, self._proxies(to), self._context)
            origin = origins.by_target[to.host, to.port] = Origin(route, self._keep)
        return origin


class _Sending:
    """One exchange: a channel of a connection, or an exchange of the other transport."""

    def __init__(
        self, find: Callable[[Target], Awaitable[Origin]], otherwise: Transport, request: _Asked, timeouts: Timeouts
    ) -> None:
        self._find = find
        self._otherwise = otherwise
        self._request = request
        self._timeouts = timeouts
        self._other: AbstractAsyncContextManager[Exchange] | None = None
        self._connection: Multiplex | None = None
        self._channel: Channel | None = None

    async def __aenter__(self) -> Exchange:
        method, url, headers, body = self._request
        timeouts = self._timeouts
        to = target(url)
        ends = asyncio.get_running_loop().time() + timeouts.total
        # What HTTP/1.1 would not let through is let through here no more.
        head(method, to, headers, len(body))
        connection = None
        if to.tls:
            origin = await self._find(to)
            connection = await origin.take(min(timeouts.connect, timeouts.total))
        if connection is None:
            self._other = self._otherwise.send(method, url, headers, body, timeouts)
            return await self._other.__aenter__()
        self._connection = connection
        channel = self._channel = connection.begin(method, to, (headers, body), timeouts, ends)
        try:
            return await channel.headed()
        except BaseException:
            connection.end(channel)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._other is not None:
            await self._other.__aexit__(kind, error, trace)
        elif self._connection is not None and self._channel is not None:
            self._connection.end(self._channel)
