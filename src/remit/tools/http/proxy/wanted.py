"""Wanted: what a program asks the proxy for. What two readers could take for two different requests is refused.

Source: RFC 9110, 7.6.1 (headers of one hop); RFC 9112, 3.2 (forms of a target) and 6.3 (length of a body).
"""

import base64
from collections.abc import Callable, Iterable

import h11
import msgspec

from remit.policy.hosts import Destination, destination, tunnel
from remit.tools.http.proxy.access import RefusedError

Pairs = list[tuple[bytes, bytes]]

_HOP = frozenset(
    {
        b"connection", b"expect", b"host", b"keep-alive", b"proxy-authenticate", b"proxy-authorization",
        b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip


class Wanted(msgspec.Struct, frozen=True):
    """A request as it will be made."""

    method: bytes
    to: Destination
    headers: Pairs
    """Those that go on, with the framing of the body."""


def wanted(request: h11.Request) -> Wanted:
    """Read a request; raise `RefusedError` for one that is none of a proxy's, or not clear."""
    if request.method == b"CONNECT":
        return Wanted(request.method, _read(tunnel, request.target), [])
    if not request.target.lower().startswith(b"http://"):
        raise RefusedError(400, "this is a proxy: ask for a whole http:// URL, or for a tunnel with CONNECT")
    to = _read(destination, request.target)
    framing = _framing(request)
    headers = [(b"host", to.authority.encode()), *passing(request.headers), *framing]
    return Wanted(request.method, to, headers)


def passing(headers: Iterable[tuple[bytes, bytes]]) -> Pairs:
    """Give the headers that go on to the next hop; those that frame a body do not."""
    pairs = [(name.lower(), value) for name, value in headers]
    named = {word.strip().lower() for name, value in pairs if name == b"connection" for word in value.split(b",")}
    return [(name, value) for name, value in pairs if name not in _HOP | named and name != b"content-length"]


def shown_token(request: h11.Request) -> str:
    """Give the token that a request shows, as a password, a user or a bearer; empty when it shows none."""
    for name, value in request.headers:
        if name != b"proxy-authorization":
            continue
        scheme, _, rest = value.decode("latin-1").strip().partition(" ")
        if scheme.lower() == "bearer":
            return rest.strip()
        if scheme.lower() == "basic":
            return _password(rest.strip())
    return ""


def _password(text: str) -> str:
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError:
        return ""
    return password or user


def _framing(request: h11.Request) -> Pairs:
    lengths = [value for name, value in request.headers if name == b"content-length"]
    codings = [value for name, value in request.headers if name == b"transfer-encoding"]
    if lengths and codings:
        raise RefusedError(400, "a body has a length or is chunked, not both")
    if codings and request.http_version != b"1.1":
        raise RefusedError(400, "HTTP/1.0 knows no chunks")
    if codings:
        return [(b"transfer-encoding", b"chunked")]
    return [(b"content-length", lengths[0])] if lengths else []


def _read(how: Callable[[str], Destination], target: bytes) -> Destination:
    try:
        return how(target.decode("ascii"))
    except ValueError as error:
        raise RefusedError(400, str(error)) from None
