"""Egress: the one client by which tools reach HTTP. It goes only where a policy allows, to addresses it has checked.

It sends a request once: whether to try again is for the gateway to say.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import httpcore2
import msgspec
from msgspec.structs import replace

from remit.core.errors import RejectedError
from remit.core.values import now_ms
from remit.policy.hosts import Destination, HostPolicy, destination
from remit.tools.http.credentials import Credentials, nobody, scrubbed
from remit.tools.http.hop import Hop, Limits
from remit.tools.http.pinning import pool
from remit.tools.http.port import Incoming, Outgoing, Sender
from remit.tools.http.progress import SAFE, Progress
from remit.tools.http.records import Exchange, Record, forgotten
from remit.tools.http.redirects import Step, after
from remit.tools.http.resolving import ForbiddenError, Resolver, SystemResolver, checked

_METHOD = re.compile(r"[A-Z]{1,20}")
_NEVER = frozenset({"CONNECT", "TRACE"})


class Bounds(msgspec.Struct, frozen=True):
    """How far an `Egress` goes."""

    redirects: int = 5
    """Followed at most; with 0 the redirecting answer is given."""
    connect: float = 10.0
    """Seconds for a connection, those to all addresses of a name together."""
    connections: int = 100
    """At the same time; more requests wait within their own time."""


class Egress:
    """Sends requests of tools, for one tenant or another, within a host policy.

    Share one: it keeps connections. `send` is on behalf of the tenant `default`.
    """

    def __init__(
        self,
        policy: HostPolicy,
        *,
        credentials: Credentials = nobody,
        record: Record = forgotten,
        resolver: Resolver | None = None,
        trust: Callable[[], ssl.SSLContext] = httpcore2.default_ssl_context,
        bounds: Bounds | None = None,
    ) -> None:
        """Take the policy, who gives credentials, who records, and how names and certificates are looked up."""
        self._policy, self._credentials, self._record = policy, credentials, record
        self._resolver, self._trust = resolver or SystemResolver(), trust
        self._bounds = bounds or Bounds()
        self._pools: _Pools | None = None

    async def send(self, request: Outgoing) -> Incoming:
        """Send for the tenant `default`; see `Sender` for what it raises."""
        return await self.send_for("default", request)

    def on_behalf_of(self, tenant: str) -> Sender:
        """Give a sender that uses the credentials of a tenant."""
        return _OnBehalf(self, tenant)

    async def send_for(self, tenant: str, request: Outgoing) -> Incoming:
        """Send with the credentials of a tenant; see `Sender` for what it raises."""
        try:
            to = _readable(request)
        except ValueError as error:
            self._record(Exchange(at=now_ms(), tenant=tenant, method=request.method, url="", problem=str(error)))
            raise RejectedError(f"not sent: {error}") from None
        step = Step(request.method, to, request.headers, request.body)
        journey = _Journey(tenant, Limits(request.largest, self._bounds.connect))
        try:
            async with asyncio.timeout(request.timeout):
                return await self._follow(step, journey)
        except TimeoutError:
            why = f"no whole answer of {to.origin} within {request.timeout:g} s"
            raise journey.progress.error(why, retryable=True, landing=True) from None

    async def close(self) -> None:
        """Let go of all connections; a request after this opens new ones."""
        pools, self._pools = self._pools, None
        if pools is not None and pools.loop is asyncio.get_running_loop():
            await pools.kept.aclose()
            await pools.fresh.aclose()

    async def __aenter__(self) -> Self:
        """Give itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    # -- within --------------------------------------------------------------------------------------------------------

    async def _follow(self, step: Step, journey: "_Journey") -> Incoming:
        for _ in range(self._bounds.redirects):
            answer = await self._take(step, journey)
            try:
                following = after(step, answer)
            except ValueError as error:
                journey.progress.answered(step.method)
                raise journey.progress.error(f"not followed: {error}") from None
            if following is None:
                return answer
            journey.progress.answered(step.method)
            step = following
        answer = await self._take(step, journey)
        if self._bounds.redirects and after(step, answer) is not None:
            journey.progress.answered(step.method)
            raise journey.progress.error(f"not followed: more than {self._bounds.redirects} redirects")
        return answer

    async def _take(self, step: Step, journey: "_Journey") -> Incoming:
        """Make one request of a chain, and record it however it ends."""
        hop = Hop(journey.progress, journey.limits)
        at, began, problem = now_ms(), time.monotonic(), "cut off"
        try:
            answer = await self._checked(step, journey, hop)
            problem = ""
        except Exception as error:
            problem = str(error)
            raise
        finally:
            self._record(
                Exchange(
                    at=at,
                    tenant=journey.tenant,
                    method=step.method,
                    url=replace(step.to, query="").url,
                    address=hop.taken.address,
                    status=hop.taken.status,
                    sent=len(step.body),
                    received=hop.taken.received,
                    seconds=round(time.monotonic() - began, 6),
                    problem=problem,
                )
            )
        return answer

    async def _checked(self, step: Step, journey: "_Journey", hop: Hop) -> Incoming:
        progress = journey.progress
        try:
            addresses = await checked(self._policy, self._resolver, step.to)
        except ForbiddenError as error:
            raise progress.error(f"not sent: {error}") from None
        except OSError:
            raise progress.error(f"not sent: nobody knows where {step.to.host} is", retryable=True) from None
        added = await self._added(step.to, journey)
        ours = {name.lower() for name in added}
        kept = tuple(pair for pair in step.headers if pair[0].lower() not in ours)
        signed = replace(step, headers=(*kept, *added.items()))
        return scrubbed(await hop.over(self._pool(step.method), signed, addresses), added)

    async def _added(self, to: Destination, journey: "_Journey") -> dict[str, str]:
        try:
            return dict(await self._credentials(to.origin, journey.tenant))
        except Exception as error:  # noqa: BLE001 - a provider is a stranger's code, and its words may hold a secret
            kind = type(error).__name__
            raise journey.progress.error(f"not sent: no credentials for {to.origin} ({kind})", retryable=True) from None

    def _pool(self, method: str) -> httpcore2.AsyncConnectionPool:
        loop = asyncio.get_running_loop()
        if self._pools is None or self._pools.loop is not loop:
            tls, most = self._trust(), self._bounds.connections
            self._pools = _Pools(loop, pool(tls, most, most), pool(tls, most, 0))
        # A kept connection may be closing just now, and then nobody knows whether a request on it arrived. What may not
        # be made twice never depends on that.
        return self._pools.kept if method in SAFE else self._pools.fresh


def _readable(request: Outgoing) -> Destination:
    if not _METHOD.fullmatch(request.method) or request.method in _NEVER:
        raise ValueError(f"there is no method {request.method[:20]!r} for this")
    return destination(request.url)


class _Pools(msgspec.Struct, frozen=True):
    loop: asyncio.AbstractEventLoop
    kept: httpcore2.AsyncConnectionPool
    fresh: httpcore2.AsyncConnectionPool


class _Journey:
    """What all requests of a chain have in common."""

    __slots__ = ("limits", "progress", "tenant")

    def __init__(self, tenant: str, limits: Limits) -> None:
        self.tenant, self.limits, self.progress = tenant, limits, Progress()


class _OnBehalf:
    """An egress for one tenant."""

    __slots__ = ("_egress", "_tenant")

    def __init__(self, egress: Egress, tenant: str) -> None:
        self._egress, self._tenant = egress, tenant

    async def send(self, request: Outgoing) -> Incoming:
        """Send with this tenant's credentials."""
        return await self._egress.send_for(self._tenant, request)
