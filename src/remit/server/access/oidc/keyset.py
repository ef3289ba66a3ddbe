"""Key sets: the public keys of an issuer, fetched when they are needed, kept for a while, and bounded in every way."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

import httpx2
import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.server.access.oidc.settings import IssuerSettings, trustworthy
from remit.server.access.port import DeniedError
from remit.server.access.sites import is_loopback

FRESH = 600.0
"""Seconds for which keys are used without asking again."""

STALE = 21_600.0
"""Seconds for which they are used while their issuer does not answer."""

PAUSE = 30.0
"""Seconds between two questions: whoever makes up key ids must not make us ask for each."""

_LARGEST = 1 << 20
_MOST_KEYS = 100

Jwk = Mapping[str, JsonValue]


class KeySet:
    """The keys of one issuer by their ids."""

    def __init__(self, settings: IssuerSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Fetch nothing yet."""
        self._settings, self._clock = settings, clock
        self._keys: dict[str, Jwk] = {}
        self._fetched = self._asked = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, kid: str) -> Jwk | None:
        """Give a key, asking the issuer when it is unknown or the keys are old; raise `DeniedError` when it is down."""
        if self._due(kid):
            async with self._fetching:
                # Whoever waited here finds what the first has fetched.
                if self._due(kid):
                    await self._refresh()
        if self._clock() - self._fetched >= STALE:
            wait = max(PAUSE - (self._clock() - self._asked), 1.0)
            raise DeniedError(503, "the identity provider does not answer; try again later", retry_after=wait)
        return self._keys.get(kid)

    def _due(self, kid: str) -> bool:
        now = self._clock()
        if now - self._asked < PAUSE:
            return False
        return kid not in self._keys or now - self._fetched >= FRESH

    async def _refresh(self) -> None:
        self._asked = self._clock()
        try:
            async with asyncio.timeout(2 * self._settings.timeout):
                keys = await self._fetch()
        except (OSError, TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, msgspec.MsgspecError, ValueError):
            # What is known stays known until it is too old.
            return
        self._keys, self._fetched = keys, self._clock()

    async def _fetch(self) -> dict[str, Jwk]:
        settings = self._settings
        # No proxy of the environment knows the way to an issuer on this machine.
        outside = not is_loopback(urlsplit(settings.jwks or settings.issuer).hostname or "")
        async with httpx2.AsyncClient(timeout=settings.timeout, follow_redirects=False, trust_env=outside) as client:
            url = settings.jwks
            if not url:
                place = settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
                document = await _json(client, place)
                url = str(document.get("jwks_uri", ""))
                if document.get("issuer") != settings.issuer or not trustworthy(url):
                    raise ValueError("the document is of another issuer, or its keys are at no address to trust")
            found = (await _json(client, url)).get("keys")
        if not isinstance(found, list):
            raise ValueError("no list of keys")  # noqa: TRY004 - what a stranger sends is wrong, not our types
        keys = [cast("Jwk", key) for key in found[:_MOST_KEYS] if isinstance(key, dict)]
        return {str(key.get("kid", "")): key for key in keys if key.get("use", "sig") == "sig"}


async def _json(client: httpx2.AsyncClient, url: str) -> JsonObject:
    body = bytearray()
    async with client.stream(
        "GET", url, headers={"accept": "application/json", "accept-encoding": "identity"}
    ) as response:
        if response.status_code != 200:
            raise ValueError(f"status {response.status_code}")
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _LARGEST:
                raise ValueError("too long")
    return msgspec.json.decode(bytes(body), type=dict[str, JsonValue])
