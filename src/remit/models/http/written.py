"""A request as bytes: where it goes and its head, into which nothing can be smuggled."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec

from remit.core.errors import ModelRequestError

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_OURS = frozenset(
    {
        "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "te",
        "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VISIBLE = re.compile(r"[!-~]+")
_PORTS = {"http": 80, "https": 443}


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request goes, read from a URL."""

    scheme: str
    host: str
    """Without the brackets of an IPv6 address."""
    port: int
    path: str
    """With the query."""

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """The host and the port, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """The URL without its path: what may be shown to people and logs."""
        return f"{self.scheme}://{self.authority}"


@lru_cache(maxsize=256)
def target(url: str) -> Target:
    """Read a URL; raise `ModelRequestError` when no request can go there."""
    # Python's parser drops line ends silently, so they are looked for before it sees them.
    if not _VISIBLE.fullmatch(url):
        raise ModelRequestError("a URL holds only visible ASCII characters; escape the others with %")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ModelRequestError(f"the URL cannot be read: {error}") from None
    if parts.scheme not in _PORTS or not host:
        raise ModelRequestError("a URL begins with http:// or https:// and a host")
    if "@" in parts.netloc:
        raise ModelRequestError(f"the URL of {host!r} holds credentials; give the key where the model is declared")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme=parts.scheme, host=host, port=port or _PORTS[parts.scheme], path=path)


def head(method: str, to: Target, headers: Mapping[str, str], size: int, *, proxy: str | None = None) -> bytes:
    """Write a request's head for a body of `size` bytes; `proxy` is the authorization of a proxy that forwards it.

    Raise `ModelRequestError` for what no head can hold; the message never shows a value, which may be a key.
    """
    if method not in _METHODS:
        raise ModelRequestError(f"the method {method!r} is not one of {', '.join(sorted(_METHODS))}")
    host = to.authority.removesuffix(f":{_PORTS[to.scheme]}")
    path = to.path if proxy is None else f"http://{to.authority}{to.path}"
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", "accept-encoding: identity"]
    if size or method != "GET":
        lines.append(f"content-length: {size}")
    if proxy:
        lines.append(f"proxy-authorization: {proxy}")
    for name, value in headers.items():
        _check(name)
        lines.append(f"{name}: {value}")
    text = "\r\n".join(lines)
    if text.count("\r") != len(lines) - 1 or text.count("\n") != len(lines) - 1 or "\0" in text:
        raise ModelRequestError(f"a line end in the value of the header {_broken(headers)!r}")
    try:
        return f"{text}\r\n\r\n".encode("latin-1")
    except UnicodeEncodeError:
        raise ModelRequestError(f"a character that no header can hold in {_broken(headers)!r}") from None


@lru_cache(maxsize=256)
def _check(name: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise ModelRequestError(f"no header can be called {name!r}")
    if name.lower() in _OURS:
        raise ModelRequestError(f"the header {name!r} is the transport's to write")


def _broken(headers: Mapping[str, str]) -> str:
    return next(name for name, value in headers.items() if re.search(r"[\r\n\0\u0100-\U0010ffff]", value))
