"""The proxy itself: takes connections, and for each asks who, where to and how much before anything leaves."""

import asyncio
import contextlib
import time
from urllib.parse import quote

import h11
import httpcore2

from remit.core.errors import ConfigError
from remit.policy.hosts import Destination, HostPolicy
from remit.tools.http.pinning import pool
from remit.tools.http.proxy.access import Admit, Log, RefusedError, Terms, everybody
from remit.tools.http.proxy.caller import Caller
from remit.tools.http.proxy.forwarding import forwarded
from remit.tools.http.proxy.tunnels import tunnelled
from remit.tools.http.proxy.visit import Visit
from remit.tools.http.proxy.wanted import shown_token, wanted
from remit.tools.http.resolving import ForbiddenError, Resolver, SystemResolver, checked

_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_EVERYWHERE = {"NO_PROXY": "", "no_proxy": "", "NODE_USE_ENV_PROXY": "1"}
"""Nothing goes around it. Node heeds such variables only when it is told to."""
_WHO = (("proxy-authenticate", 'Basic realm="remit"'),)


class ForwardProxy:
    """An HTTP proxy (absolute URLs and `CONNECT`) that connects only where a policy allows, to checked addresses.

    Each connection to it carries one request or one tunnel.
    """

    def __init__(
        self,
        policy: HostPolicy,
        *,
        log: Log,
        admit: Admit = everybody,
        resolver: Resolver | None = None,
        terms: Terms | None = None,
    ) -> None:
        """Take the policy, who is told of each access, who may come in, and for how much."""
        self._policy, self._log, self._admit = policy, log, admit
        self._resolver, self._terms = resolver or SystemResolver(), terms or Terms()
        self._server: asyncio.Server | None = None
        self._url = ""
        self._pool: httpcore2.AsyncConnectionPool | None = None
        self._visits: set[asyncio.Task[None]] = set()

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, on a free port if it is 0, and give the proxy's URL; raise `ConfigError` when that cannot be."""
        # A request for plain HTTP needs no certificates, and its connection serves no second one.
        self._pool = pool(None, self._terms.connections, 0)
        try:
            self._server = await asyncio.start_server(self._accept, host, port)
        except OSError as error:
            raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror or error}; choose another") from None
        bound = self._server.sockets[0].getsockname()
        self._url = Destination("http", bound[0], bound[1]).origin
        return self._url

    def environ(self, token: str = "") -> dict[str, str]:
        """Give the environment by which a child process uses this proxy for all its HTTP, and the token that it shows.

        Also requests to its own machine go through it. Raise `ConfigError` unless it is open.
        """
        if not self._server:
            raise ConfigError("a proxy that is not open has no address; call `open()` first")
        shown = f"http://remit:{quote(token, safe='')}@" if token else "http://"
        url = self._url.replace("http://", shown, 1)
        return {name: url for upper in _NAMES for name in (upper, upper.lower())} | _EVERYWHERE

    async def close(self, grace: float = 5.0) -> None:
        """Take no new connections, give those that are open so many seconds, then cut them."""
        if self._server is None or self._pool is None:
            return
        self._server.close()
        if self._visits:
            await asyncio.wait(self._visits, timeout=grace)
        for visit in self._visits:
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)
        await self._server.wait_closed()
        await self._pool.aclose()
        self._server = self._pool = None

    # -- within --------------------------------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = Visit(Caller(reader, writer, self._terms), self._terms)
        task = asyncio.get_running_loop().create_task(self._receive(visit))
        self._visits.add(task)
        task.add_done_callback(self._visits.discard)

    async def _receive(self, visit: Visit) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._terms.total):
                await self._carry_out(visit)
        except TimeoutError:
            visit.access.problem = f"cut: it took longer than {self._terms.total:g} s"
        except OSError:
            visit.access.problem = "the program broke off"
        except asyncio.CancelledError:
            visit.access.problem = "cut: the proxy stops"
        except Exception as error:  # noqa: BLE001 - whatever one connection does must not end the proxy
            visit.access.problem = f"cut: {type(error).__name__}"
        finally:
            visit.caller.writer.close()
            visit.access.seconds = round(time.monotonic() - began, 6)
            if visit.access.method or visit.access.problem:
                self._log(visit.access)

    async def _carry_out(self, visit: Visit) -> None:
        try:
            self._check_room()
            request = await visit.caller.request()
            if request is not None:
                await self._serve(visit, request)
        except RefusedError as refused:
            visit.access.problem = refused.reason
            if not visit.access.status:
                visit.access.status = refused.status
            with contextlib.suppress(TimeoutError):
                await visit.caller.tell(refused.status, refused.reason, _WHO if refused.status == 407 else ())

    def _check_room(self) -> None:
        if len(self._visits) > self._terms.connections:
            raise RefusedError(503, f"more than {self._terms.connections} connections")

    async def _serve(self, visit: Visit, request: h11.Request) -> None:
        access = visit.access
        access.method = request.method[:20].decode("ascii")
        who = self._admit(shown_token(request))
        if who is None:
            raise RefusedError(407, "this proxy lets in only who shows a token that it knows")
        access.who = who
        asked = wanted(request)
        access.url = asked.to.authority if asked.to.path is None else f"{asked.to.origin}{asked.to.path}"
        try:
            # DNS may be as slow as who runs it wants; it has no more time than the connection that follows.
            async with asyncio.timeout(self._terms.connect):
                addresses = await checked(self._policy, self._resolver, asked.to)
        except TimeoutError:
            raise RefusedError(504, f"{asked.to.host} was not found within {self._terms.connect:g} s") from None
        except ForbiddenError as error:
            raise RefusedError(403, str(error)) from None
        except OSError:
            raise RefusedError(502, f"nobody knows where {asked.to.host} is") from None
        if asked.to.path is None:
            await tunnelled(visit, addresses, asked.to.port)
        else:
            assert self._pool is not None
            await forwarded(visit, asked, self._pool, addresses)
