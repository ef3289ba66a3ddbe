"""Host policy: which places programs may reach. What is blocked stays blocked, and nothing leads inside by accident."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Literal

import msgspec

from remit.core.errors import ConfigError
from remit.policy.hosts.addresses import Address, inside
from remit.policy.hosts.destinations import Destination, destination
from remit.policy.hosts.rules import HostRule, host_rule

Otherwise = Literal["allow", "deny"]


class HostVerdict(msgspec.Struct, frozen=True):
    """What a policy says of a destination."""

    granted: bool
    reason: str
    """For a model and a person; it names no address that they did not name themselves."""


class HostPolicy:
    """Allowed and blocked places. A blocking rule wins over every allowing one, whatever their order.

    Loopback, private, link-local, multicast and reserved addresses and those of cloud metadata are refused, whatever
    name leads there, unless an allowing rule names the address or its network; a name must be allowed as well.
    """

    __slots__ = ("_allowing", "_blocking", "otherwise")

    def __init__(self, *, allow: Iterable[str] = (), block: Iterable[str] = (), otherwise: Otherwise = "deny") -> None:
        """Take rules, and what happens to what none covers; raise `ConfigError` for a rule that cannot be read."""
        if otherwise not in {"allow", "deny"}:
            raise ConfigError(f"otherwise={otherwise!r} is neither 'allow' nor 'deny'")
        self._allowing = tuple(host_rule("allow", text) for text in allow)
        self._blocking = tuple(host_rule("block", text) for text in block)
        self.otherwise: Otherwise = otherwise

    @classmethod
    def read(cls, text: str, name: str = "policy") -> "HostPolicy":
        """Read lines `allow: PLACE`, `block: PLACE` and at most one `default: deny|allow`; `#` begins a comment.

        Raise `ConfigError` with the line and what to write instead. `name` is what the text is called there.
        """
        rules: dict[str, list[str]] = {"allow": [], "block": [], "default": []}
        for number, line in enumerate(text.splitlines(), 1):
            word, colon, rest = line.partition("#")[0].strip().partition(":")
            key, place = word.strip(), rest.strip()
            if not key and not colon:
                continue
            if key not in rules or not place:
                raise ConfigError(f"{name}:{number}: write `allow: PLACE`, `block: PLACE` or `default: deny`")
            _check_line(f"{name}:{number}", key, place, rules["default"])
            rules[key].append(place)
        otherwise: Otherwise = "allow" if rules["default"] == ["allow"] else "deny"
        return cls(allow=rules["allow"], block=rules["block"], otherwise=otherwise)

    @property
    def rules(self) -> tuple[HostRule, ...]:
        """The rules, those that block first."""
        return (*self._blocking, *self._allowing)

    def why(self, to: str | Destination, addresses: Sequence[str] = ()) -> HostVerdict:
        """Judge a URL or destination: before DNS without addresses, after it with all that its name leads to."""
        try:
            place = destination(to) if isinstance(to, str) else to
            found = _found(place, addresses)
        except ValueError as error:
            return HostVerdict(granted=False, reason=str(error))
        refusal = self._refusal(place, found)
        return HostVerdict(granted=not refusal, reason=refusal or f"{place.origin} is allowed")

    def _refusal(self, to: Destination, addresses: Sequence[Address]) -> str:
        for rule in self._blocking:
            if rule.covers(to, addresses):
                return f"{to.origin} is blocked by the rule `{rule}`"
        if self.otherwise == "deny" and not any(rule.covers(to) for rule in self._allowing):
            return f"no rule allows {to.origin}{self._nearly(to)}"
        for address in addresses:
            kind = inside(address)
            if kind and not any(rule.opens(address, to) for rule in self._allowing):
                what = "is" if to.address else "leads to"
                return f"{to.origin} {what} a {kind} address, and no rule allows that address by number"
        return ""

    def _nearly(self, to: Destination) -> str:
        """Say why a rule for this host does not help."""
        if to.path is None:
            if any(
                rule.path and rule.covers(Destination(to.scheme, to.host, to.port, rule.path)) for rule in self.rules
            ):
                return ": only some of its paths are allowed, and a tunnel hides them"
            return ""
        return " with this path" if any(rule.covers(_whole(to, rule)) for rule in self._allowing) else ""


def _whole(to: Destination, rule: HostRule) -> Destination:
    """Give the destination with a path that a rule surely covers."""
    return Destination(to.scheme, to.host, to.port, rule.path or "/")


def _found(to: Destination, addresses: Sequence[str]) -> list[Address]:
    """Read what a resolver gave; a host that is an address leads to itself, whatever a resolver says."""
    literal = to.address
    return [literal] if literal else [ip_address(text) for text in addresses]


def _check_line(where: str, key: str, place: str, defaults: Sequence[str]) -> None:
    if key == "default":
        if place not in {"allow", "deny"} or defaults:
            raise ConfigError(f"{where}: write `default: deny` or `default: allow`, and only once")
        return
    try:
        host_rule("allow" if key == "allow" else "block", place)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
