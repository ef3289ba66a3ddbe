"""A hop: one request to an address that was checked, and its whole answer."""

import ssl
from collections.abc import Sequence

import httpcore2
import msgspec

from remit.tools.http.pinning import pinned
from remit.tools.http.port import Incoming
from remit.tools.http.progress import Progress
from remit.tools.http.reading import PACKED, Body
from remit.tools.http.redirects import Step

_OURS = frozenset(
    {
        "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""What frames a message is written here, or a header could make a server see two requests in one."""

TRIED = 4
"""Addresses of one name that are tried before it counts as unreachable."""


class Limits(msgspec.Struct, frozen=True):
    """What a hop may take."""

    largest: int
    connect: float


class Taken(msgspec.Struct):
    """What a hop came to so far."""

    address: str = ""
    status: int = 0
    received: int = 0


class Hop:
    """One request, with what is known of it."""

    def __init__(self, progress: Progress, limits: Limits) -> None:
        """Take where to write down how far it came."""
        self._progress, self._limits = progress, limits
        self.taken = Taken()

    async def over(self, pool: httpcore2.AsyncConnectionPool, step: Step, addresses: Sequence[str]) -> Incoming:
        """Try addresses until one can be connected to; raise `RejectedError` or `ToolError` when there is no answer."""
        origin, last = step.to.origin, ""
        tried = addresses[:TRIED]
        for address in tried:
            self.taken.address = address
            try:
                return await self._exchange(pool, step, address, self._limits.connect / len(tried))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = self._unreached(error, origin)
            except httpcore2.LocalProtocolError:
                # What is wrong is not repeated: it may be a credential.
                raise self._progress.error("not sent: a header holds what HTTP does not allow") from None
            except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError):
                raise self._progress.error(f"{origin} gave no whole answer") from None
            except ValueError as error:
                raise self._progress.error(f"{origin}: {error}") from None
        raise self._progress.error(last, retryable=True)

    def _unreached(self, error: Exception, origin: str) -> str:
        """Say why there is no connection; raise when there never will be one."""
        why = distrust(error, origin)
        if why:
            raise self._progress.error(why) from None
        return f"not sent: no connection to {origin}"

    async def _exchange(
        self, pool: httpcore2.AsyncConnectionPool, step: Step, address: str, connect: float
    ) -> Incoming:
        request = httpcore2.Request(
            step.method.encode(),
            pinned(step.to, address),
            headers=_headers(step),
            content=step.body,
            extensions={
                "timeout": {"connect": connect},
                "sni_hostname": step.to.host,
                "trace": self._progress.trace,
            },
        )
        response = await pool.handle_async_request(request)
        try:
            return await self._read(response, step.to.url)
        finally:
            await response.aclose()

    async def _read(self, response: httpcore2.Response, url: str) -> Incoming:
        self.taken.status = response.status
        headers = _joined(response.headers)
        coding = headers.get("content-encoding", "")
        body = Body(coding, self._limits.largest)
        async for piece in response.aiter_stream():
            try:
                body.feed(piece)
            finally:
                self.taken.received = body.came
        if coding.strip().lower() in PACKED:
            headers = {name: value for name, value in headers.items() if name not in _PACKING}
        return Incoming(response.status, headers, body.whole(), url)


def distrust(error: Exception, origin: str) -> str:
    """Say that a certificate is not trusted, when that is why there is no connection; empty when it is not."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"not sent: the certificate of {origin} is not trusted: {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    return ""


_PACKING = frozenset({"content-encoding", "content-length"})


def _headers(step: Step) -> list[tuple[bytes, bytes]]:
    ours = [("accept-encoding", "gzip")]
    if step.body or step.method not in {"GET", "HEAD", "OPTIONS", "DELETE"}:
        ours.append(("content-length", str(len(step.body))))
    return written(step, ours)


def written(step: Step, framing: Sequence[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Give all headers of a request, of which those that frame it are ours; raise httpcore's error for a bad one."""
    given = [pair for pair in step.headers if pair[0].lower() not in _OURS]
    pairs = (("host", step.to.authority), *framing, *given)
    try:
        return [(name.encode("ascii"), value.encode("latin-1")) for name, value in pairs]
    except UnicodeEncodeError:
        raise httpcore2.LocalProtocolError from None


def _joined(pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
