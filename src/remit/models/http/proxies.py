"""Proxies: which one leads to a host, as the environment says: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.

HTTP proxies forward what is not encrypted and tunnel the rest; SOCKS5 ones tunnel all, and look up names themselves.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from remit.core.errors import ConfigError
from remit.models.http.written import Target

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy. Its representation shows no password."""

    kind: Literal["http", "socks5"] = "http"
    host: str
    port: int
    tls: bool = False
    """Whether the way to the proxy itself is encrypted."""
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """Show the address alone."""
        return f"Proxy({self.name!r})"

    @property
    def name(self) -> str:
        """The host and the port, for messages."""
        return f"{self.host}:{self.port}"

    @property
    def authorization(self) -> str:
        """What its `proxy-authorization` header says; empty for none."""
        if not self.user and not self.password:
            return ""
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"

    def forwards(self, target: Target) -> bool:
        """Say whether it is told every request to the target, and does not only lead there."""
        return self.kind == "http" and not target.tls


Proxies = Callable[[Target], Proxy | None]
"""Says which proxy leads to a target; `None` for none."""


def environment_proxy(target: Target) -> Proxy | None:
    """Say what the environment wants; raise `ConfigError` for a proxy that cannot be used."""
    return chosen(target, getproxies())


def chosen(target: Target, known: Mapping[str, str]) -> Proxy | None:
    """Say which of the known proxies, by scheme, leads to a target; `known["no"]` lists where none does."""
    url = known.get(target.scheme) or known.get("all")
    host = target.host if ":" in target.host else target.authority
    if not url or proxy_bypass(host, known):
        return None
    return proxy(url)


def proxy(url: str) -> Proxy:
    """Read a proxy's URL; raise `ConfigError` for one that cannot be used."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError("the URL of the proxy in the environment cannot be read; see HTTPS_PROXY") from None
    if parts.scheme not in _PORTS or not host:
        raise ConfigError(
            f"a proxy of the kind {parts.scheme!r} cannot be used; known: {', '.join(_PORTS)}; see HTTPS_PROXY"
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    # The lengths are what SOCKS can say.
    if len(user.encode()) > 255 or len(password.encode()) > 255 or len(host) > 255:
        raise ConfigError("the URL of the proxy in the environment is too long; see HTTPS_PROXY")
    return Proxy(
        kind="socks5" if parts.scheme.startswith("socks5") else "http",
        host=host,
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "https",
        user=user,
        password=password,
    )
