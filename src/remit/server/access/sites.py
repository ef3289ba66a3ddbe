"""Sites: which website a request comes from, so that no other one can act through a browser that is let in here."""

import ipaddress
from urllib.parse import urlsplit

from remit.server.access.port import Asked, DeniedError

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods without side effects."""

_OURS = frozenset({"same-origin", "none"})
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


def refuse_other_sites(asked: Asked) -> None:
    """Raise `DeniedError` for what a page of another website makes a browser send, other than a link to a page.

    Browsers say it with `Sec-Fetch-Site` and `Origin`, which no script can set; programs send neither and pass.
    Another port of this host is another website too.
    """
    site = asked.headers.get("sec-fetch-site")
    if site is not None and site not in _OURS and not _follows_link(asked):
        raise DeniedError(403, "this request comes from another website")
    if asked.method in SAFE:
        return
    origin = asked.headers.get("origin")
    if origin is not None and _authority(origin) != asked.headers.get("host", "").lower():
        raise DeniedError(403, "this request comes from another website")


def refuse_elsewhere(asked: Asked) -> None:
    """Raise `DeniedError` unless a request was made on this machine, to a name that only this machine can have.

    A name of somebody's own that resolves to 127.0.0.1 (DNS rebinding) is none of them, and what was forwarded from
    elsewhere was not made here.
    """
    if not is_loopback(_host(asked.headers.get("host", ""))):
        raise DeniedError(403, "this server answers only to localhost, 127.0.0.1 and [::1]")
    if asked.peer and not is_loopback(asked.peer):
        raise DeniedError(403, "this server answers only to this machine")
    if any(name in asked.headers for name in _FORWARDED):
        raise DeniedError(
            403, "this server answers nothing that was forwarded; give it keys to be reached from elsewhere"
        )


def is_loopback(host: str) -> bool:
    """Say whether a name or an address, without brackets or port, can only be this machine."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # 127.0.0.1 written as an IPv6 address, as a socket of both kinds gives its peers.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _follows_link(asked: Asked) -> bool:
    headers = asked.headers
    return (
        asked.method == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _authority(origin: str) -> str:
    """Give host and port of an origin, as `Host` would; nothing for `null` and what is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _host(header: str) -> str:
    """Give a `Host` header without its port and brackets; nothing for what is none."""
    if any(sign in header for sign in "/@?# \\"):
        return ""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
