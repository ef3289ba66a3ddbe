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
from remit.tools.http.border import Border, StoppedError
from remit.tools.http.credentials import Credentials, nobody, scrubbed
from remit.tools.http.hop import Hop, Limits
from remit.tools.http.pinning import Pools
from remit.tools.http.port import Incoming, Outgoing
from remit.tools.http.progress import Progress
from remit.tools.http.records import Exchange, Record, forgotten
from remit.tools.http.redirects import Step, after, traced
from remit.tools.http.resolving import Resolver, SystemResolver
from remit.tools.http.transport import Allowance, GuardedTransport, Way

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
    traced: HostPolicy | None = None
    """The hosts that are told in which trace a request is; `None` for all of them. Only the first of a redirect is."""


class Egress:
    """Sends requests of tools within a host policy, each with the credentials of its tenant.

    Share one: it keeps connections.
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
        self._border = Border(policy, credentials, resolver or SystemResolver(), trust)
        self._record, self._bounds = record, bounds or Bounds()
        self._pools = Pools(lambda: self._border.tls, self._bounds.connections)

    async def send(self, request: Outgoing) -> Incoming:
        """Send with the credentials of the request's tenant; see `Sender` for what it raises."""
        try:
            to = _readable(request)
        except ValueError as error:
            self._record(_exchange(request, problem=str(error)))
            raise RejectedError(f"not sent: {error}") from None
        step = Step(request.method, to, traced(request.headers, to, request.trace, self._bounds.traced), request.body)
        journey = _Journey(request, Limits(request.largest, self._bounds.connect))
        try:
            async with asyncio.timeout(request.timeout):
                return await self._follow(step, journey)
        except TimeoutError:
            why = f"no whole answer of {to.origin} within {request.timeout:g} s"
            raise journey.progress.error(why, retryable=True, landing=True) from None

    def transport(
        self,
        *,
        tenant: str = "default",
        session: str = "",
        call: str = "",
        trace: str = "",
        allowance: Allowance | None = None,
    ) -> GuardedTransport:
        """Make a transport for an `httpx2.AsyncClient` of a library: the same policy, credentials and record.

        It has connections of its own, which the client closes with itself.
        """
        pools = Pools(lambda: self._border.tls, self._bounds.connections)
        way = Way(self._border, pools, self._record, self._bounds.connect, trace, self._bounds.traced)
        return GuardedTransport(way, allowance or Allowance(), tenant=tenant, session=session, call=call)

    async def close(self) -> None:
        """Let go of all connections; a request after this opens new ones."""
        await self._pools.close()

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
            answer = await self._cleared(step, journey, hop)
            problem = ""
        except Exception as error:
            problem = str(error)
            raise
        finally:
            made = replace(
                _exchange(journey.request, problem=problem),
                at=at,
                method=step.method,
                url=replace(step.to, query="").url,
                address=hop.taken.address,
                status=hop.taken.status,
                sent=len(step.body),
                received=hop.taken.received,
                seconds=round(time.monotonic() - began, 6),
            )
            self._record(made)
        return answer

    async def _cleared(self, step: Step, journey: "_Journey", hop: Hop) -> Incoming:
        try:
            clearance = await self._border.clear(step.to, journey.request.tenant)
        except StoppedError as error:
            raise journey.progress.error(str(error), retryable=error.retryable) from None
        signed = replace(step, headers=clearance.signed(step.headers))
        answer = await hop.over(self._pools.of(step.method), signed, clearance.addresses)
        return scrubbed(answer, clearance.added)


def _readable(request: Outgoing) -> Destination:
    if not _METHOD.fullmatch(request.method) or request.method in _NEVER:
        raise ValueError(f"there is no method {request.method[:20]!r} for this")
    return destination(request.url)


def _exchange(request: Outgoing, problem: str) -> Exchange:
    return Exchange(
        at=now_ms(),
        tenant=request.tenant,
        method=request.method[:20],
        url="",
        problem=problem,
        session=request.session,
        call=request.call,
    )


class _Journey:
    """What all requests of a chain have in common."""

    __slots__ = ("limits", "progress", "request")

    def __init__(self, request: Outgoing, limits: Limits) -> None:
        self.request, self.limits, self.progress = request, limits, Progress()
