"""Forwarding: one plain HTTP request, read and written anew, so that nothing of its framing is passed on as it came."""

from collections.abc import AsyncIterator, Sequence

import h11
import httpcore2

from remit.tools.http.pinning import pinned
from remit.tools.http.proxy.access import RefusedError
from remit.tools.http.proxy.visit import Visit
from remit.tools.http.proxy.wanted import Wanted, passing


async def forwarded(
    visit: Visit, wanted: Wanted, pool: httpcore2.AsyncConnectionPool, addresses: Sequence[str]
) -> None:
    """Make the request and carry its answer back; raise `RefusedError` when there is none or it breaks off."""
    try:
        response = await _asked(visit, wanted, pool, addresses)
        try:
            await _answered(visit, response)
        finally:
            await response.aclose()
    except httpcore2.TimeoutException:
        raise RefusedError(504, "no answer in time") from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError, h11.LocalProtocolError):
        raise RefusedError(502, "no whole answer") from None


async def _asked(
    visit: Visit, wanted: Wanted, pool: httpcore2.AsyncConnectionPool, addresses: Sequence[str]
) -> httpcore2.Response:
    terms = visit.terms
    timeouts = {"connect": terms.connect, "read": terms.idle, "write": terms.idle, "pool": terms.connect}
    for address in addresses:
        visit.access.address = address
        request = httpcore2.Request(
            wanted.method,
            pinned(wanted.to, address),
            headers=wanted.headers,
            content=_body(visit),
            extensions={"timeout": timeouts},
        )
        try:
            return await pool.handle_async_request(request)
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
            continue
    raise RefusedError(502, "no connection")


async def _answered(visit: Visit, response: httpcore2.Response) -> None:
    framed = any(name.lower() == b"transfer-encoding" for name, _ in response.headers)
    lengths = [] if framed else [value for name, value in response.headers if name.lower() == b"content-length"]
    headers = [
        *passing(response.headers),
        *((b"content-length", value) for value in lengths),
        (b"connection", b"close"),
    ]
    await visit.caller.send(h11.Response(status_code=response.status, headers=headers))
    visit.access.status = response.status
    async for piece in response.aiter_stream():
        visit.meter.received(len(piece))
        await visit.caller.send(h11.Data(data=piece))
    await visit.caller.send(h11.EndOfMessage())


async def _body(visit: Visit) -> AsyncIterator[bytes]:
    async for piece in visit.caller.body():
        visit.meter.sent(len(piece))
        yield piece
