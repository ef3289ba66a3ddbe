"""Destinations: a URL in its one canonical form, so that what is judged is what is connected to.

Making a destination of what a destination says gives it again. What readers of URLs disagree about is refused.
Source: the URL standard of the WHATWG (hosts, IPv4 numbers), RFC 3986 (6.2.2), UTS 46.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import quote

import idna
import msgspec

from remit.policy.hosts.addresses import Address

PORTS = {"http": 80, "https": 443}

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?")
_STRANGE = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff\u2028\u2029\ufeff]")
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]+)(?::(?P<port>[0-9]{0,5}))?")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_KEPT = "%/:@!$&'()*+,;=-._~"
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Destination(msgspec.Struct, frozen=True):
    """Where a connection leads to, and what is asked for there."""

    scheme: str
    host: str
    """A name in ASCII without a dot at its end, or an address without brackets."""
    port: int
    path: str | None = "/"
    """`None` in a tunnel, which hides it."""
    query: str = ""
    """With its question mark, if there is one."""

    @property
    def address(self) -> Address | None:
        """The address, when the host is one."""
        return _address(self.host)

    @property
    def authority(self) -> str:
        """Host and port as a `Host` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    @property
    def target(self) -> str:
        """Path and query, as a request line has them."""
        return f"{self.path or '/'}{self.query}"

    @property
    def url(self) -> str:
        """All of it."""
        return f"{self.origin}{self.target}"


def destination(url: str) -> Destination:
    """Read an `http` or `https` URL; raise `ValueError` with what is wrong with it."""
    if _STRANGE.search(url):
        raise ValueError("the URL holds a space, a backslash or a control character")
    found = _URL.match(url)
    scheme = found["scheme"].lower() if found else ""
    if found is None or scheme not in PORTS:
        raise ValueError("the URL does not begin with http:// or https://")
    host, port = _place(found["authority"])
    query = found["query"] or ""
    return Destination(scheme, host, port or PORTS[scheme], _path(found["path"]), _escaped(query, f"{_KEPT}?"))


def tunnel(authority: str) -> Destination:
    """Read what `CONNECT` names, which must have a port; raise `ValueError` with what is wrong with it."""
    if _STRANGE.search(authority):
        raise ValueError("the host holds a space, a backslash or a control character")
    host, port = _place(authority)
    if not port:
        raise ValueError("a tunnel needs a host and a port, such as example.com:443")
    return Destination("https", host, port, None)


def hostname(text: str) -> str:
    """Give the canonical form of a host; raise `ValueError` with what is wrong with it."""
    if text.startswith("["):
        return _ipv6(text[1:-1])
    host = _ascii(text)
    last = host.rpartition(".")[2]
    if _NUMBER.fullmatch(last):
        return _ipv4(host)
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise ValueError(f"{_shown(text)} is not the name of a host")
    return host


def _place(authority: str) -> tuple[str, int]:
    if "@" in authority:
        raise ValueError("the URL holds a user or a password")
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise ValueError(f"{_shown(authority)} is not a host and a port")
    port = int(found["port"] or 0)
    if port > 65535 or (found["port"] and port == 0):
        raise ValueError(f"{found['port']} is not a port")
    return hostname(found["host"]), port


def _ascii(text: str) -> str:
    if not text.isascii():
        try:
            text = idna.encode(text, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            raise ValueError(f"{_shown(text)} is not the name of a host") from None
    host = text.lower().removesuffix(".")
    for label in host.split("."):
        if label.startswith("xn--") and not _whole(label):
            raise ValueError(f"{_shown(label)} is not the encoded form of a name")
    return host


def _whole(label: str) -> bool:
    try:
        return idna.encode(idna.decode(label)).decode() == label
    except (idna.IDNAError, UnicodeError):
        return False


def _ipv4(host: str) -> str:
    """Read the numbers that a C library takes for an address: 127.1, 0x7f000001, 017700000001, 2130706433."""
    parts = [_number(part) for part in host.split(".")]
    room = 5 - len(parts)
    if room < 1 or any(not 0 <= part <= 255 for part in parts[:-1]) or not 0 <= parts[-1] < 256**room:
        raise ValueError(f"{_shown(host)} is not an address")
    return str(IPv4Address(int.from_bytes(bytes(parts[:-1])) * 256**room + parts[-1]))


def _number(text: str) -> int:
    """Read a decimal, octal or hexadecimal number; -1 for what is none."""
    digits, radix = (text[2:] or "0", 16) if text.startswith("0x") else (text, 8 if text.startswith("0") else 10)
    if not _NUMBER.fullmatch(text) or len(text) > 16 or (radix == 8 and {"8", "9"} & set(text)):
        return -1
    return int(digits, radix)


def _ipv6(text: str) -> str:
    address = None if "%" in text else _address(text)
    if not isinstance(address, IPv6Address):
        raise ValueError(f"{_shown(text)} is not an IPv6 address")  # noqa: TRY004 - it is text of the wrong form
    return str(address)


def _address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _escaped(text: str, kept: str = _KEPT) -> str:
    return _ESCAPE.sub(_escape, quote(text, safe=kept))


def _escape(found: re.Match[str]) -> str:
    if found[1] is None:
        return "%25"
    letter = chr(int(found[1], 16))
    return letter if letter in _UNRESERVED else found[0].upper()


def _path(text: str) -> str:
    """Escape what must be and nothing else, and walk every `.` and `..`."""
    walked: list[str] = []
    parts = _escaped(text or "/").split("/")[1:]
    for part in parts:
        if part == "..":
            del walked[-1:]
        elif part != ".":
            walked.append(part)
    if parts[-1] in {".", ".."}:
        walked.append("")
    return "/" + "/".join(walked)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
