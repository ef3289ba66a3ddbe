"""Rules about hosts: one line each, such as `allow: *.example.com` or `block: 10.0.0.0/8`.

An allowing rule is narrow and a blocking one is wide: where they could be read in two ways, each errs to be safe.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Literal
from urllib.parse import unquote

import msgspec

from remit.core.errors import ConfigError
from remit.policy.hosts.addresses import METADATA, Address, Network, embedded, wholly_inside
from remit.policy.hosts.destinations import PORTS, Destination, destination, hostname

Kind = Literal["allow", "block"]

_RULE = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>\[[^\[\]]+\]|\*\.[^/:*]+|\*|[^/:*]+)(?P<bits>/\d{1,3}(?=$|:))?"
    r"(?::(?P<port>\d{1,5}|\*))?(?P<path>/.*)?"
)
_CLIMBS = re.compile(r"(?:^|/)\.\.(?:;[^/]*)?(?:/|$)|[\\\x00]")
_ESCAPES = 3
"""How often a path is unescaped before it is looked at: a proxy and a server may each do it."""

_FORM = "write [http://|https://]HOST[:PORT|:*][/PATH], with *.HOST for all below it, or a network such as 10.0.0.0/8"


class HostRule(msgspec.Struct, frozen=True):
    """One place that is allowed or blocked."""

    kind: Kind
    text: str
    """As it was written."""
    host: str = ""
    """A canonical name or address, `*.name` for all below it, `*` for all; empty for a network."""
    network: Network | None = None
    """Also of a single address."""
    scheme: str = ""
    port: int | None = None
    """`None` for those of the scheme when allowing and for all when blocking; 0 for all."""
    path: str = ""
    """With `*` for any text; empty for all."""

    def __str__(self) -> str:
        """Write it as a policy has it."""
        return f"{self.kind}: {self.text}"

    def covers(self, to: Destination, addresses: Iterable[Address] = ()) -> bool:
        """Say whether this rule is about a destination, as far as its name and the addresses behind it tell."""
        return self._hosts(to, addresses) and self._ports(to) and self._paths(to)

    def opens(self, address: Address, to: Destination) -> bool:
        """Say whether this rule names an address that leads inside, so that it is meant and no accident.

        A network must lie inside as a whole, and cloud metadata must be named alone.
        """
        network = self.network
        if self.kind != "allow" or network is None or not wholly_inside(network) or not self._ports(to):
            return False
        alone = network.num_addresses == 1
        return any(one in network and (alone or one not in METADATA) for one in embedded(address))

    def _hosts(self, to: Destination, addresses: Iterable[Address]) -> bool:
        if self.network is not None:
            literal = to.address
            found = [literal] if literal else list(addresses) if self.kind == "block" else []
            return any(one in self.network for address in found for one in embedded(address))
        if self.host == "*":
            return True
        if self.host.startswith("*."):
            return to.host.endswith(self.host[1:])
        # A resolver completes a name of one label with the domain of the machine.
        completed = self.kind == "block" and "." not in self.host and to.host.startswith(f"{self.host}.")
        return to.host == self.host or completed

    def _ports(self, to: Destination) -> bool:
        if self.scheme not in {"", to.scheme}:
            return self.kind == "block" and to.path is None
        if self.port is None:
            return self.kind == "block" or to.port == PORTS[to.scheme]
        return self.port in {0, to.port}

    def _paths(self, to: Destination) -> bool:
        if not self.path:
            return True
        forms = [] if to.path is None else _forms(to.path)
        if not forms:
            return self.kind == "block"
        if self.kind == "allow":
            return all(_glob(self.path, form, 0) for form in forms)
        # Some servers know no case.
        return any(_glob(self.path, form, re.IGNORECASE) for form in forms)


def host_rule(kind: Kind, text: str) -> HostRule:
    """Read a rule; raise `ConfigError` with what is wrong and how to write it."""
    written = text.strip()
    network = _network(written) if written.count(":") > 1 else None
    if network is not None:
        return HostRule(kind, written, network=network)
    found = _RULE.fullmatch(written)
    if found is None or int((found["port"] or "0").replace("*", "0")) > 65535 or found["port"] == "0":
        raise ConfigError(f"`{kind}: {written}` is not a rule about hosts; {_FORM}")
    try:
        host, network, path = _place(found["host"], found["bits"] or "", found["path"] or "")
    except ValueError as error:
        raise ConfigError(f"`{kind}: {written}`: {error}; {_FORM}") from None
    port = None if found["port"] is None else int(found["port"].replace("*", "0"))
    return HostRule(kind, written, host, network, found["scheme"] or "", port, path)


def _place(text: str, bits: str, path: str) -> tuple[str, Network | None, str]:
    if text == "*" or text.startswith("*."):
        return "*" if text == "*" else f"*.{hostname(text[2:])}", None, _path(bits + path)
    host = hostname(text)
    if _network(host) is None:
        return host, None, _path(bits + path)
    network = _network(host + bits)
    if network is None:
        raise ValueError(f"{host}{bits} is not a network; the bits of a network's address behind {bits} are 0")
    return "", network, _path(path)


def _network(text: str) -> Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None


def _path(text: str) -> str:
    if "?" in text or "#" in text:
        raise ValueError("a rule has no query")
    path = destination(f"http://x{text}").path or ""
    return "" if not text or path == "/*" else path


def _forms(path: str) -> list[str]:
    """Give a path in every way in which servers read it; none when one of these ways climbs up."""
    forms = [path]
    for _ in range(_ESCAPES):
        forms.append(unquote(forms[-1]))
    forms += [re.sub("/+", "/", form) for form in forms]
    return [] if any(_CLIMBS.search(form) for form in forms) else forms


def _glob(pattern: str, path: str, flags: int) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), path, flags | re.DOTALL) is not None
