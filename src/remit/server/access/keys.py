"""API keys: `remit_ID_SECRET`, of which only a hash is kept. A key is for one tenant and one role, and it ends.

The hash is one round of SHA-256: a secret is 256 random bits, so nobody can try them out and a slow hash would only
slow us. There is no pepper: it would lie beside the hashes, protect nothing that has no pattern, and losing it would
lose every key.
"""

import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Protocol

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import now_ms
from remit.server.access.port import Asked, DeniedError, Principal, Role

PREFIX = "remit_"
"""How keys begin, so that scanners of secrets know them."""

COARSE_MS = 600_000
"""How exactly it is known when a key was last used."""

_KEY = re.compile(r"remit_([0-9a-f]{12})_([0-9a-f]{64})")
_WRONG = "this key is not known, or no longer valid"
_NOBODY = bytes(32)


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is kept: without its secret. Times are milliseconds since the epoch, 0 for never."""

    id: str
    digest: bytes
    tenant: str
    role: Role
    name: str
    """What decisions made with it are signed with: the name a person's tokens have, or a program's."""
    made: int
    by: str = ""
    expires: int = 0
    ends: int = 0
    """When it was revoked, or when a key that was rotated stops being valid."""
    used: int = 0
    """When it was last used, to ten minutes."""
    heir: str = ""
    """The id of the key that takes its place."""

    def valid(self, at: int) -> bool:
        """Say whether it opens anything at a time."""
        return not any(0 < end <= at for end in (self.expires, self.ends))

    def principal(self, how: str = "key") -> Principal:
        """Give whom it stands for."""
        return Principal(
            name=self.name, tenant=self.tenant, role=self.role, key=self.id, how="cookie" if how == "cookie" else "key"
        )


class KeyStore(Protocol):
    """Where keys are kept."""

    async def add(self, key: Key) -> None:
        """Keep a new key."""
        ...

    async def get(self, name: str) -> Key | None:
        """Give a key by its id."""
        ...

    async def all(self, tenant: str | None = None) -> Sequence[Key]:
        """Give the keys of a tenant, or of all, oldest first."""
        ...

    async def end(self, name: str, at: int) -> bool:
        """Let a key end at a time, unless it ends sooner already; say whether there is one."""
        ...

    async def rotate(self, name: str, heir: Key, at: int) -> bool:
        """Keep a new key and let the old one end at a time, both or neither; not when it has an heir already."""
        ...

    async def touch(self, name: str, at: int) -> None:
        """Note when a key was used; a time before the one that is known changes nothing."""
        ...


class Keys:
    """Makes keys, ends them, and knows them again: the scheme `Authorization: Bearer remit_...`."""

    def __init__(self, store: KeyStore, *, clock: Callable[[], int] = now_ms) -> None:
        """Keep them in a store; the clock counts milliseconds."""
        self.store, self._clock = store, clock

    async def new(self, *, tenant: str, role: Role, name: str, by: str = "", lives: int = 0) -> tuple[Key, str]:
        """Make a key that lives for so many milliseconds (0: for ever); the text is given only here."""
        key, text = _mint(_named(tenant, "tenant"), role, _named(name, "name"), by, self._clock(), lives)
        await self.store.add(key)
        return key, text

    async def rotate(self, name: str, *, grace: int, by: str = "", lives: int | None = None) -> tuple[Key, str]:
        """Make a key like an old one, which stays valid for `grace` milliseconds; raise `ConfigError` if it is not.

        The new one lives as long as the old one was to, unless told otherwise.
        """
        old, at = await self._known(name), self._clock()
        if old.heir or not old.valid(at):
            why = f"was rotated already, to {old.heir}" if old.heir else "is no longer valid; make a new one"
            raise ConfigError(f"key {name!r} {why}")
        if lives is None:
            lives = old.expires - old.made if old.expires else 0
        key, text = _mint(old.tenant, old.role, old.name, by, at, lives)
        if not await self.store.rotate(name, key, at + grace):
            raise ConfigError(f"key {name!r} was rotated or revoked meanwhile; `remit keys list` shows by what")
        return key, text

    async def revoke(self, name: str) -> Key:
        """End a key now, and what was opened with it; raise `ConfigError` when there is none."""
        await self.store.end((await self._known(name)).id, self._clock())
        return await self._known(name)

    async def recognise(self, asked: Asked) -> Principal | None:
        """See `Scheme.recognise`."""
        text = bearer(asked)
        if not text.startswith(PREFIX):
            return None
        return (await self.open(text)).principal()

    async def open(self, text: str) -> Key:
        """Give the key that a text is; raise `DeniedError` for what is none, always in the same words."""
        found = _KEY.fullmatch(text)
        if found is None:
            raise DeniedError(401, _WRONG)
        key = await self.store.get(found[1])
        # Compared though there is no such key, so that the time taken does not say which ids there are.
        same = hmac.compare_digest(_digest(text), key.digest if key else _NOBODY)
        at = self._clock()
        if key is None or not same or not key.valid(at):
            raise DeniedError(401, _WRONG)
        await self._touch(key, at)
        return key

    async def any(self) -> bool:
        """Say whether any key is valid."""
        at = self._clock()
        return any(key.valid(at) for key in await self.store.all())

    async def by_id(self, name: str) -> Key | None:
        """Give a key that is still valid, and note that it was used."""
        key, at = await self.store.get(name), self._clock()
        if key is None or not key.valid(at):
            return None
        await self._touch(key, at)
        return key

    async def _touch(self, key: Key, at: int) -> None:
        if at - key.used >= COARSE_MS:
            # Nobody has used a key before it was made.
            await self.store.touch(key.id, max(key.made, at // COARSE_MS * COARSE_MS))

    async def _known(self, name: str) -> Key:
        key = await self.store.get(name)
        if key is None:
            raise ConfigError(f"no key {name!r}; `remit keys list` lists them")
        return key


def bearer(asked: Asked) -> str:
    """Give the token of `Authorization: Bearer`; nothing without one."""
    scheme, _, text = asked.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def _mint(tenant: str, role: Role, name: str, by: str, at: int, lives: int) -> tuple[Key, str]:
    number = secrets.token_hex(6)
    text = f"{PREFIX}{number}_{secrets.token_hex(32)}"
    expires = at + lives if lives else 0
    return Key(
        id=number, digest=_digest(text), tenant=tenant, role=role, name=name, made=at, by=by, expires=expires
    ), text


def _digest(text: str) -> bytes:
    # The id is within, so that the hash of one key is never taken for that of another.
    return sha256(f"remit key\0{text}".encode()).digest()


def _named(text: str, what: str) -> str:
    if not text or len(text) > 100 or text != text.strip() or not text.isprintable():
        raise ConfigError(f"{text!r} cannot be the {what} of a key; use 1 to 100 printable characters")
    return text
