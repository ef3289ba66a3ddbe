"""Pooled: HTTP/1.1 over connections that are kept and used again, made to cost next to nothing beside a model."""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from remit.core.errors import OverloadedError
from remit.models.http.connection import Connection, Stream
from remit.models.http.loops import PerLoop
from remit.models.http.opening import Route, opened
from remit.models.http.port import Exchange, Timeouts
from remit.models.http.proxies import Proxies, environment_proxy
from remit.models.http.trust import system_trust
from remit.models.http.written import Target, head, target

_Asked = tuple[str, str, Mapping[str, str], bytes]
_BUFFER = 64 * 1024


class Lane:
    """The connections to one origin: the last used is used next, and who waits first is served first."""

    def __init__(self, route: Route, limit: int, buffer: bytearray) -> None:
        """Begin without a connection; a limit of 0 is none."""
        self.route = route
        self._limit = limit
        self._buffer = buffer
        self._idle: list[Connection] = []
        self._taken = 0
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()

    def take(self) -> Connection | None:
        """Give an idle connection that still stands."""
        while self._idle:
            connection = self._idle.pop()
            if connection.fresh():
                self._taken += 1
                return connection
            connection.abort()
        return None

    async def open(self, seconds: float, ends: float) -> Connection:
        """Open a connection within so many seconds, or wait for a free one until the loop's time is `ends`."""
        if self._limit and self._taken >= self._limit:
            connection = await self._turn(ends)
            if connection is not None:
                return connection
        else:
            self._taken += 1
        left = ends - asyncio.get_running_loop().time()
        try:
            return await opened(self.route, self._made, min(seconds, left))
        except BaseException:
            self._pass(None)
            raise

    def give(self, connection: Connection, keep: float) -> None:
        """Take back a connection after an exchange."""
        self._pass(connection if connection.finish(keep) else None)

    def abort(self) -> None:
        """Close the idle connections."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.abort()

    async def _turn(self, ends: float) -> Connection | None:
        """Wait for a connection, or for the right to open one."""
        turn: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(ends):
                connection = await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._pass(turn.result())
            if isinstance(error, TimeoutError):
                raise OverloadedError(
                    f"no connection to {self.route.target.origin} came free: {self._limit} are in use"
                ) from None
            raise
        if connection is None or connection.fresh():
            return connection
        connection.abort()
        return None

    def _pass(self, connection: Connection | None) -> None:
        """Hand a place, and a connection if one is left in it, to the next who waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        self._taken -= 1
        if connection is not None:
            self._idle.append(connection)

    def _made(self) -> Connection:
        return Connection(self.route.target.origin, self._buffer, self._lost)

    def _lost(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)


class _Lanes:
    """The lanes of one event loop."""

    def __init__(self) -> None:
        self.buffer = bytearray(_BUFFER)
        self.by_target: dict[tuple[str, str, int], Lane] = {}

    async def close(self) -> None:
        """Close the idle connections, and see them closed."""
        for lane in self.by_target.values():
            lane.abort()
        # A transport closes its socket in the next round of the loop, an encrypted one in the round after.
        await asyncio.sleep(0)
        await asyncio.sleep(0)


class Pooled:
    """A transport over HTTP/1.1. One may serve a whole process: every event loop has its own connections.

    A connection on which anything was left over, or that its server has ended, is never used again. Nothing is sent
    twice: a request that meets the end of an old connection is an error, and the wrappers decide.
    """

    def __init__(
        self,
        *,
        limit: int = 256,
        keep: float = 15.0,
        trust: Callable[[], ssl.SSLContext] = system_trust,
        proxies: Proxies = environment_proxy,
    ) -> None:
        """Keep at most `limit` connections to an origin (0 for any number), an idle one for `keep` seconds.

        What is trusted and which proxy leads to an origin are asked once.
        """
        self._limit = limit
        self._keep = keep
        self._trust = trust
        self._proxies = proxies
        self._context: ssl.SSLContext | None = None
        self._routes: dict[tuple[str, str, int], Route] = {}
        self._loops: PerLoop[_Lanes] = PerLoop(_Lanes, _Lanes.close)

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Exchange]:
        """Send a request; leaving the context before the body's end closes the connection at once."""
        return _Sending(self._lane, self._keep, (method, url, headers, body), timeouts)

    async def close(self) -> None:
        """Close the idle connections of the running loop."""
        lanes = self._loops.peek()
        if lanes is not None:
            await lanes.close()

    async def _lane(self, to: Target) -> Lane:
        """Give the running loop's lane to a target; raise `ConfigError` when its proxy cannot be used."""
        lanes = self._loops.peek() or await self._loops.get()
        key = (to.scheme, to.host, to.port)
        lane = lanes.by_target.get(key)
        if lane is None:
            lane = lanes.by_target[key] = Lane(self._route(key, to), self._limit, lanes.buffer)
        return lane

    def _route(self, key: tuple[str, str, int], to: Target) -> Route:
        route = self._routes.get(key)
        if route is None:
            proxy = self._proxies(to)
            if self._context is None and (to.tls or (proxy is not None and proxy.tls)):
                self._context = self._trust()
            route = self._routes[key] = Route(to, proxy, self._context)
        return route


class _Sending:
    """One exchange: its connection is taken at the beginning and given back or closed at the end."""

    __slots__ = ("_connection", "_find", "_keep", "_lane", "_request", "_timeouts")

    def __init__(
        self, find: Callable[[Target], Awaitable[Lane]], keep: float, request: _Asked, timeouts: Timeouts
    ) -> None:
        self._find = find
        self._keep = keep
        self._request = request
        self._timeouts = timeouts
        self._lane: Lane | None = None
        self._connection: Connection | None = None

    async def __aenter__(self) -> Stream:
        method, url, headers, body = self._request
        timeouts = self._timeouts
        to = target(url)
        lane = self._lane = await self._find(to)
        proxy = lane.route.proxy
        forwarded = proxy.authorization if proxy is not None and proxy.forwards(to) else None
        start = head(method, to, headers, len(body), proxy=forwarded)
        ends = asyncio.get_running_loop().time() + timeouts.total
        connection = self._connection = lane.take() or await lane.open(timeouts.connect, ends)
        try:
            return await connection.begin(start, body, timeouts, ends)
        except BaseException:
            lane.give(connection, self._keep)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._lane is not None
        assert self._connection is not None
        self._lane.give(self._connection, self._keep)


SHARED = Pooled()
"""The process-wide transport."""
