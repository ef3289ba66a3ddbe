"""Settings of an issuer: whose tokens are believed, and what their claims mean here. What is not mapped is nobody."""

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.server.access.port import MAY, ROLES, Role
from remit.server.access.sites import is_loopback

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]

ALGORITHMS: tuple[Algorithm, ...] = ("RS256", "ES256", "EdDSA")
"""What is accepted unless an issuer's settings say otherwise: signatures only, nothing with a shared secret."""


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a tenant is in a token: in a claim, as it is or mapped; or it is the same for all."""

    claim: str = ""
    map: Mapping[str, str] = {}
    """By what the claim says; with it, anything else is refused."""
    fixed: str = ""

    def __post_init__(self) -> None:
        """Refuse what says both or nothing."""
        if bool(self.claim) == bool(self.fixed):
            raise ValueError("say either `claim` or `fixed`")


class RoleClaim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where roles are in a token, and which of ours they are."""

    claim: str
    map: Mapping[str, Role]


class IssuerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose tokens are believed: one table `[[access.issuers]]`."""

    issuer: str
    """Exactly as in `iss`; HTTPS, unless it is on this machine."""
    audience: Annotated[str, msgspec.Meta(min_length=1)]
    tenant: Claim
    role: RoleClaim
    name: str = "sub"
    """The claim decisions are signed with: one that users cannot change; of `email`, only verified ones are taken."""
    algorithms: Annotated[tuple[Algorithm, ...], msgspec.Meta(min_length=1)] = ALGORITHMS
    leeway: Annotated[float, msgspec.Meta(ge=0, le=300)] = 30.0
    """Seconds by which clocks may differ."""
    jwks: str = ""
    """Where its keys are, if not where `/.well-known/openid-configuration` says."""
    timeout: Annotated[float, msgspec.Meta(gt=0)] = 5.0

    def __post_init__(self) -> None:
        """Refuse addresses that anybody on the way could answer for."""
        for url in (self.issuer, self.jwks):
            if url and not trustworthy(url):
                raise ValueError(f"{url!r} is no HTTPS address")


def trustworthy(url: str) -> bool:
    """Say whether what an address answers can be believed to come from it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def mapped(settings: IssuerSettings, claims: JsonObject) -> tuple[str, str, Role] | None:
    """Give name, tenant and role of claims that were verified; `None` when one of them is missing or not mapped."""
    name, tenant, role = claims.get(settings.name), _tenant(settings.tenant, claims), _role(settings.role, claims)
    if not isinstance(name, str) or not name.strip() or len(name) > 255 or not name.isprintable():
        return None
    # An address that nobody checked is whatever its owner wrote into a form.
    if settings.name == "email" and claims.get("email_verified") is not True:
        return None
    return (name, tenant, role) if tenant and role else None


def _tenant(said: Claim, claims: JsonObject) -> str:
    if said.fixed:
        return said.fixed
    value = _at(claims, said.claim)
    if not isinstance(value, str):
        return ""
    return said.map.get(value, "") if said.map else value


def _role(said: RoleClaim, claims: JsonObject) -> Role | None:
    """Give the role that may most, of all that are mapped; `developer` before `operator`."""
    value = _at(claims, said.claim)
    names = value if isinstance(value, list) else [value]
    found: list[Role] = [role for name, role in said.map.items() if name in names]
    return max(found, key=_weight, default=None)


def _weight(role: Role) -> tuple[int, int]:
    return len(MAY[role]), ROLES.index(role)


def _at(claims: JsonObject, path: str) -> JsonValue:
    """Give what stands at a claim, by its whole name or as a dotted path such as `realm_access.roles`."""
    if path in claims:
        return claims[path]
    found: JsonValue = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found
