"""Tokens: bearer tokens of an identity provider, believed only for what their signature covers."""

import time
from collections.abc import Callable, Sequence
from typing import cast

import jwt
from jwt import PyJWK

from remit.core.values import JsonObject
from remit.server.access.keys import PREFIX, bearer
from remit.server.access.oidc.keyset import Jwk, KeySet
from remit.server.access.oidc.settings import IssuerSettings, mapped
from remit.server.access.port import Asked, DeniedError, Principal

_LONGEST = 16_384
_WRONG = "this token is not valid here"
_REQUIRED = ("exp", "iat", "iss", "aud")
_TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
"""What a token may say it is: a logout token of the same issuer is none that lets anybody in."""

_SMALLEST_RSA = 2048


class Tokens:
    """The scheme `Authorization: Bearer` with a signed token (JWT, RFC 7519, OpenID Connect Core 3.1.3.7)."""

    def __init__(self, issuers: Sequence[IssuerSettings], *, clock: Callable[[], float] = time.monotonic) -> None:
        """Believe these issuers; the clock is for how old their keys are."""
        self._issuers = {one.issuer: (one, KeySet(one, clock=clock)) for one in issuers}

    async def recognise(self, asked: Asked) -> Principal | None:
        """See `Scheme.recognise`; raise `DeniedError` with 503 while the issuer's keys cannot be had."""
        text = bearer(asked)
        if not text or text.startswith(PREFIX):
            return None
        if len(text) > _LONGEST:
            raise DeniedError(401, _WRONG)
        settings, keys = self._issuer(text)
        key = await keys.find(_header(text, "kid"))
        claims = _verified(text, key, settings) if key is not None else None
        found = mapped(settings, claims) if claims is not None else None
        if found is None:
            raise DeniedError(401, _WRONG)
        name, tenant, role = found
        return Principal(name=name, tenant=tenant, role=role, how="token")

    def _issuer(self, text: str) -> tuple[IssuerSettings, KeySet]:
        # Not believed yet: it only says with whose keys to look.
        try:
            claims = cast("JsonObject", jwt.decode(text, options={"verify_signature": False}))
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise DeniedError(401, _WRONG) from None
        issuer = claims.get("iss")
        found = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if found is None or _header(text, "alg") not in found[0].algorithms:
            # Before anything is fetched for it.
            raise DeniedError(401, _WRONG)
        return found


def _header(text: str, name: str) -> str:
    value = cast("JsonObject", jwt.get_unverified_header(text)).get(name)
    return value if isinstance(value, str) else ""


def _verified(text: str, key: Jwk, settings: IssuerSettings) -> JsonObject | None:
    """Give the claims of a token whose signature, times, issuer and audience are right."""
    algorithm = _header(text, "alg")
    if key.get("alg", algorithm) != algorithm or _header(text, "typ").lower() not in _TYPES:
        return None
    try:
        made = PyJWK(dict(key), algorithm)
        if getattr(made.key, "key_size", _SMALLEST_RSA) < _SMALLEST_RSA and key.get("kty") == "RSA":
            return None
        return cast(
            "JsonObject",
            jwt.decode(
                text,
                made,
                algorithms=list(settings.algorithms),
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=settings.leeway,
                options={"require": list(_REQUIRED)},
            ),
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        return None
