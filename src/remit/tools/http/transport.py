"""Guarded transport: the same policy for libraries that bring an `httpx2` client of their own. Answers are streamed.

A redirect is a new request of the client, so it is checked anew; that it crossed to another origin is remembered here.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import cast

import h11
import httpcore2
import httpx2
import msgspec
from msgspec.structs import replace

from remit.core.values import now_ms
from remit.policy.hosts import Destination, HostPolicy, destination
from remit.tools.http.border import Border, Clearance, StoppedError
from remit.tools.http.credentials import Scrubbing
from remit.tools.http.hop import TRIED, distrust, written
from remit.tools.http.pinning import Pools, pinned
from remit.tools.http.progress import Progress
from remit.tools.http.reading import Unpacking
from remit.tools.http.records import Exchange, Record
from remit.tools.http.redirects import Step, bare, crossing, traced

_METHOD = re.compile(r"[A-Z]{1,20}")
_NEVER = frozenset({"CONNECT", "TRACE"})
_CHAIN = "remit.chain"
"""Where a request carries its chain; the client gives it on to the request that follows a redirect."""


class Allowance(msgspec.Struct, frozen=True):
    """What one request over a transport may take."""

    largest: int = 1_000_000_000
    """Bytes of its answer, unpacked."""
    idle: float = 300.0
    """Seconds without a byte; a client may want less."""
    total: float = 86_400.0
    """Seconds from its beginning to the end of its answer."""


class Way(msgspec.Struct, frozen=True):
    """How a request gets out, and who records it."""

    border: Border
    pools: Pools
    record: Record
    connect: float
    """Seconds for a connection."""
    trace: str = ""
    """The W3C `traceparent` of the call it serves."""
    traced: HostPolicy | None = None
    """The hosts that are told it; `None` for all."""


class _Chain(msgspec.Struct, frozen=True):
    """What is known of the requests that redirected to this one."""

    last: Destination
    crossed: bool = False
    """Whether another origin than the first was among them: then headers are not for this one."""


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends the requests of an `httpx2.AsyncClient` within a host policy, to addresses it has checked.

    What is refused, and all else that surely was not sent, is an `httpx2.ConnectError` or `ConnectTimeout`.
    """

    def __init__(
        self, way: Way, allowance: Allowance, *, tenant: str = "default", session: str = "", call: str = ""
    ) -> None:
        """Take on whose behalf; `Egress.transport` makes one."""
        self._way, self._allowance = way, allowance
        self._blank = Exchange(at=0, tenant=tenant, method="", url="", session=session, call=call)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it and give its answer, whose body is still to come; it is recorded when that is closed."""
        trip = _Trip(replace(self._blank, at=now_ms(), method=request.method[:20]), self._way.record, self._allowance)
        try:
            async with asyncio.timeout_at(trip.until):
                return await self._sent(request, trip)
        except TimeoutError:
            trip.over(f"no answer within {self._allowance.total:g} s")
            raise httpx2.ReadTimeout(trip.problem, request=request) from None
        except httpx2.TransportError as error:
            trip.over(str(error))
            error.request = request
            raise
        except BaseException:
            trip.over("cut off")
            raise

    async def aclose(self) -> None:
        """Let go of all connections."""
        await self._way.pools.close()

    async def _sent(self, request: httpx2.Request, trip: "_Trip") -> httpx2.Response:
        step = self._step(request)
        trip.exchange = replace(trip.exchange, url=replace(step.to, query="").url)
        clearance = await self._cleared(step.to, self._timeouts(request)["connect"])
        signed = replace(step, headers=clearance.signed(step.headers))
        answer = await self._answer(request, signed, clearance.addresses, trip)
        trip.exchange = replace(trip.exchange, status=answer.status)
        try:
            stream = _Answer(answer, clearance, trip, self._allowance.largest)
        except ValueError as error:
            await answer.aclose()
            raise httpx2.ReadError(f"{step.to.origin}: {error}") from None
        # Nothing else of the answer is told: the stream beneath it would lead around the limits.
        return httpx2.Response(answer.status, headers=stream.headers, stream=stream)

    def _step(self, request: httpx2.Request) -> Step:
        step, crossed = _step(request)
        if crossed:
            return step
        return replace(step, headers=traced(step.headers, step.to, self._way.trace, self._way.traced))

    async def _cleared(self, to: Destination, seconds: float) -> Clearance:
        try:
            async with asyncio.timeout(seconds):
                return await self._way.border.clear(to, self._blank.tenant)
        except StoppedError as error:
            raise httpx2.ConnectError(str(error)) from None
        except TimeoutError:
            raise httpx2.ConnectTimeout(f"not sent: {to.host} was not found in time") from None

    async def _answer(
        self, request: httpx2.Request, step: Step, addresses: Sequence[str], trip: "_Trip"
    ) -> httpcore2.Response:
        progress = Progress()
        last: httpx2.TransportError = httpx2.ConnectError("not sent")
        tried, timeouts = addresses[:TRIED], self._timeouts(request)
        extensions = {
            "timeout": timeouts | {"connect": timeouts["connect"] / len(tried)},
            "sni_hostname": step.to.host,
            "trace": progress.trace,
        }
        for address in tried:
            trip.exchange = replace(trip.exchange, address=address)
            try:
                made = httpcore2.Request(
                    step.method.encode(),
                    pinned(step.to, address),
                    headers=written(step, _framing(request)),
                    content=trip.body(request),
                    extensions=extensions,
                )
                return await self._way.pools.of(step.method).handle_async_request(made)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                why = distrust(error, step.to.origin) or f"not sent: no connection to {step.to.origin}"
                last = httpx2.ConnectError(why)
            except (httpcore2.LocalProtocolError, h11.LocalProtocolError):
                # What is wrong is not repeated: it may be a credential.
                if progress.sent:
                    raise httpx2.LocalProtocolError("the body is not as long as its header says") from None
                raise httpx2.ConnectError("not sent: a header holds what HTTP does not allow") from None
            except _BROKEN as error:
                raise _translated(error, step.to.origin) from None
        raise last

    def _timeouts(self, request: httpx2.Request) -> dict[str, float]:
        """Give what a client wants, as far as it is allowed."""
        wanted = cast("Mapping[str, float | None]", request.extensions.get("timeout", {}))
        most = {"connect": self._way.connect} | dict.fromkeys(("read", "write", "pool"), self._allowance.idle)
        return {name: min(wanted.get(name) or limit, limit) for name, limit in most.items()}


_BROKEN = (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError)


def _step(request: httpx2.Request) -> tuple[Step, bool]:
    """Read a request, and whether a redirect led it here from elsewhere; raise `ConnectError` for a forbidden one."""
    try:
        if not _METHOD.fullmatch(request.method) or request.method in _NEVER:
            raise ValueError(f"there is no method {request.method[:20]!r} for this")  # noqa: TRY301 - one way out
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        step = Step(request.method, destination(str(request.url)), tuple(pairs))
        return _chained(request, step)
    except ValueError as error:
        raise httpx2.ConnectError(f"not sent: {error}") from None


def _chained(request: httpx2.Request, step: Step) -> tuple[Step, bool]:
    """Take from a request what is not for this origin, if a redirect led here."""
    chain = request.extensions.get(_CHAIN)
    crossed = False
    if isinstance(chain, _Chain):
        crossed = chain.crossed or chain.last.origin != step.to.origin
        if chain.last.origin != step.to.origin:
            crossing(chain.last, replace(step, body=b"x" if _has_body(request) else b""))
    request.extensions[_CHAIN] = _Chain(step.to, crossed)
    return bare(step) if crossed else step, crossed


def _has_body(request: httpx2.Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _framing(request: httpx2.Request) -> list[tuple[str, str]]:
    # An answer that is listened to is not to be packed, if that is what was asked for: it would come in heaps.
    plain = request.headers.get("accept-encoding", "").strip().lower() == "identity"
    framing = [("accept-encoding", "identity" if plain else "gzip")]
    if "transfer-encoding" in request.headers:
        framing.append(("transfer-encoding", "chunked"))
    elif "content-length" in request.headers:
        framing.append(("content-length", request.headers["content-length"]))
    return framing


def _translated(error: Exception, origin: str) -> httpx2.TransportError:
    why = f"{origin} gave no whole answer"
    match error:
        case httpcore2.PoolTimeout():
            return httpx2.PoolTimeout(f"not sent: too many requests to {origin} at the same time")
        case httpcore2.TimeoutException():
            return httpx2.ReadTimeout(why)
        case httpcore2.ProtocolError():
            return httpx2.RemoteProtocolError(why)
        case _:
            return httpx2.ReadError(why)


class _Trip:
    """One request and its answer, until it is recorded."""

    def __init__(self, exchange: Exchange, record: Record, allowance: Allowance) -> None:
        self.exchange, self.problem = exchange, ""
        self._record, self._began, self._recorded = record, time.monotonic(), False
        self.until = asyncio.get_running_loop().time() + allowance.total

    async def body(self, request: httpx2.Request) -> AsyncGenerator[bytes]:
        """Give the body of a request, and count it."""
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        async for piece in request.stream:
            self.exchange = replace(self.exchange, sent=self.exchange.sent + len(piece))
            yield piece

    def came(self, size: int) -> None:
        """Take in how many more bytes of the answer there are."""
        self.exchange = replace(self.exchange, received=self.exchange.received + size)

    def over(self, problem: str) -> None:
        """Record it; only the first time counts."""
        if self._recorded:
            return
        self._recorded, self.problem = True, problem
        seconds = round(time.monotonic() - self._began, 6)
        self._record(replace(self.exchange, seconds=seconds, problem=problem))


class _Answer(httpx2.AsyncByteStream):
    """The body of an answer as it comes: unpacked, without credentials, and within what it may take."""

    def __init__(self, answer: httpcore2.Response, clearance: Clearance, trip: _Trip, largest: int) -> None:
        """Take an answer; raise `ValueError` when nobody here can read it."""
        self._answer, self._trip = answer, trip
        self._scrubbing = Scrubbing(clearance.added)
        coding = b", ".join(value for name, value in answer.headers if name.lower() == b"content-encoding")
        self._unpacking = Unpacking(coding.decode("latin-1"), largest)
        framing = {b"content-length", b"content-encoding"} if coding.strip() else set[bytes]()
        kept = [(name, value) for name, value in answer.headers if name.lower() not in framing]
        self.headers = [(name, self._scrubbing.redact(value)) for name, value in kept]
        self._problem = "left before its end"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give what comes; raise `ReadError` or `ReadTimeout` when there is too much or nothing more."""
        pieces = aiter(self._answer.aiter_stream())
        try:
            while (piece := await self._next(pieces)) is not None:
                self._trip.came(len(piece))
                for plain in self._unpacking.feed(piece):
                    if clean := self._scrubbing.feed(plain):
                        yield clean
            self._unpacking.end()
        except ValueError as error:
            raise self._failed(httpx2.ReadError(str(error))) from None
        if rest := self._scrubbing.end():
            yield rest
        self._problem = ""

    async def aclose(self) -> None:
        """Close, and record."""
        try:
            await self._answer.aclose()
        finally:
            self._trip.over(self._problem)

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        try:
            async with asyncio.timeout_at(self._trip.until):
                return await anext(pieces, None)
        except TimeoutError:
            raise self._failed(httpx2.ReadTimeout("the answer took too long")) from None
        except _BROKEN as error:
            raise self._failed(_translated(error, "the server")) from None

    def _failed(self, error: httpx2.TransportError) -> httpx2.TransportError:
        self._problem = str(error)
        return error
