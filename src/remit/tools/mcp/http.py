"""HTTP: an MCP server at a URL, over streamable HTTP. A connection that fails fails one request, not all of them."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2
import msgspec
from mcp.client._transport import TransportStreams
from mcp.client.auth import OAuthFlowError
from mcp.client.streamable_http import streamable_http_client

from remit.core.errors import ConfigError, RemitError
from remit.tools.mcp.faults import GONE, LOST, REFUSED, UNSENT
from remit.tools.mcp.stdio import LARGEST, Died

_SESSION = "mcp-session-id"
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_HANDSHAKE = frozenset({"initialize", "server/discover"})
_UNSIGNED = "remit.unsigned"
"""Marks, within this process, a request that could not be signed, with the reason."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def direct() -> httpx2.AsyncBaseTransport:
    """Make a transport that goes anywhere."""
    # Each request on a connection of its own: one that had idled may be dead, and then nobody knows what arrived.
    return httpx2.AsyncHTTPTransport(limits=httpx2.Limits(max_keepalive_connections=0))


@dataclass(frozen=True, slots=True)
class Http:
    """A server at a URL that speaks streamable HTTP."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Sent with every request, such as `Authorization`."""
    auth: httpx2.Auth | None = field(default=None, repr=False)
    """Signs requests; `sign_in` makes one for OAuth."""
    largest: int = LARGEST
    """Bytes of the longest message that it may send."""
    connect_timeout: float = 10.0
    """Seconds for a connection; how long a call may take is the tool's own affair."""
    transport: Callable[[], httpx2.AsyncBaseTransport] = direct
    """Makes what all its requests go over, those of `auth` too, anew for each connection: with `egress.transport` they
    keep to a host policy."""

    def __post_init__(self) -> None:
        """Refuse an address over which secrets would travel in the clear."""
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError(f"{self.url!r} is no address of an MCP server; write https://host/path")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK and (self.headers or self.auth is not None):
            raise ConfigError(f"{self.url!r} is plain HTTP, and credentials would be sent with it; use https")

    @asynccontextmanager
    async def connect(self, died: Died) -> AsyncGenerator[TransportStreams]:
        """Give streams that post to the server; it cannot be seen to die, so `died` is never called."""
        timeout = httpx2.Timeout(self.connect_timeout, read=None, pool=None)
        headers = {**self.headers, "Accept-Encoding": "identity"}
        transport = _Bounded(self.transport(), self.largest)
        async with (
            httpx2.AsyncClient(
                headers=headers, auth=self.auth and _Signed(self.auth), timeout=timeout, transport=transport
            ) as client,
            streamable_http_client(self.url, http_client=client, max_sse_event_size=self.largest) as streams,
        ):
            yield streams


class _Head(msgspec.Struct):
    method: str = ""
    id: str | int | None = None


class _Signed(httpx2.Auth):
    """Has a request that cannot be signed answered here: an exception would end all other requests too."""

    requires_response_body = True

    def __init__(self, inner: httpx2.Auth) -> None:
        """Wrap what signs."""
        self._inner = inner

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Sign, and never raise."""
        try:
            async with aclosing(self._inner.async_auth_flow(request)) as flow:
                response = yield await anext(flow)
                with suppress(StopAsyncIteration):
                    while True:
                        response = yield await flow.asend(response)
        except (OAuthFlowError, RemitError) as error:
            request.extensions = {**request.extensions, _UNSIGNED: str(error)}
            yield request


class _Bounded(httpx2.AsyncBaseTransport):
    """Caps what is read, and answers a request that failed with a JSON-RPC error that says what is known of it."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, largest: int) -> None:
        """Wrap a transport."""
        self._inner, self._largest = inner, largest

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it; never raise for a connection that failed, since that would end all other requests too."""
        unsigned = request.extensions.get(_UNSIGNED)
        if unsigned:
            return _failed(request, REFUSED, str(unsigned), status=403)
        try:
            response = await self._inner.handle_async_request(request)
            kind = response.headers.get("content-type", "").lower()
            if response.status_code < 400 and not kind.startswith("application/json"):
                return response
            return await self._read(request, response, kind)
        except _UNSENT as error:
            return _failed(request, UNSENT, f"no connection to {request.url.host}: {_said(error)}")
        except httpx2.TransportError as error:
            return _failed(request, LOST, f"the connection to {request.url.host} failed: {_said(error)}")

    async def aclose(self) -> None:
        """Close what is wrapped."""
        await self._inner.aclose()

    async def _read(self, request: httpx2.Request, response: httpx2.Response, kind: str) -> httpx2.Response:
        body = bytearray()
        try:
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            async for chunk in response.stream:
                body += chunk
                if len(body) > self._largest:
                    return _failed(request, LOST, f"it answered with more than {self._largest} bytes")
        finally:
            await response.aclose()
        head = _head(request)
        if response.status_code >= 400 and head.method not in _HANDSHAKE and not kind.startswith("application/json"):
            return _refused(request, response)
        kept = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-length"]
        return httpx2.Response(response.status_code, headers=kept, content=bytes(body), request=request)


def _refused(request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
    """Say in the server's place what a bare status means for the call."""
    status = response.status_code
    after = response.headers.get("retry-after", "")
    if status == 404 and _SESSION in request.headers:
        code, why = GONE, "it has forgotten this session"
    elif status < 500 or (status == 503 and after):
        code, why = REFUSED, f"it answered with status {status}"
    else:
        code, why = LOST, f"it answered with status {status}"
    data: dict[str, object] = {"status": status}
    if after.isdigit():
        data["retry_after"] = int(after)
    kept = {name: value for name, value in response.headers.items() if name == "www-authenticate"}
    return _failed(request, code, why, data=data, status=status, headers=kept)


def _failed(
    request: httpx2.Request,
    code: int,
    why: str,
    *,
    data: dict[str, object] | None = None,
    status: int = 502,
    headers: Mapping[str, str] | None = None,
) -> httpx2.Response:
    error = {"code": code, "message": why, **({"data": data} if data else {})}
    body = {"jsonrpc": "2.0", "id": _head(request).id, "error": error}
    kept = {**(headers or {}), "content-type": "application/json"}
    return httpx2.Response(status, headers=kept, content=msgspec.json.encode(body), request=request)


def _head(request: httpx2.Request) -> _Head:
    try:
        return msgspec.json.decode(request.content, type=_Head)
    except (msgspec.MsgspecError, httpx2.RequestNotRead):
        return _Head()


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
