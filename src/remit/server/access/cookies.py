"""Cookies: people in a browser paste a key once and are known by a cookie until they leave or stay away too long.

What is kept of a cookie is its hash. A request with side effects must also show a token that only pages of this server
can know, bound to the cookie, and come from no other website.
"""

import hmac
import secrets
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Protocol

import msgspec

from remit.core.values import now_ms
from remit.server.access.keys import Keys
from remit.server.access.port import Asked, DeniedError, Principal
from remit.server.access.sites import SAFE, refuse_other_sites

CSRF_HEADER = "x-remit-csrf"
"""Where a request with side effects shows the token of its page."""

CSRF_COOKIE = "remit-csrf"
"""The cookie with the token, which scripts of our pages may read."""

_COARSE_MS = 60_000


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A cookie as it is kept. Times are milliseconds since the epoch."""

    digest: bytes
    key: str
    """The id of the key that was pasted: the login ends with it."""
    made: int
    seen: int


class LoginStore(Protocol):
    """Where logins are kept."""

    async def begin(self, login: Login, *, before: int) -> None:
        """Keep a login, and forget those made before a time."""
        ...

    async def find(self, digest: bytes) -> Login | None:
        """Give a login."""
        ...

    async def seen(self, digest: bytes, at: int) -> None:
        """Note that somebody was here."""
        ...

    async def leave(self, digest: bytes) -> None:
        """Forget a login; one that does not exist is forgotten already."""
        ...


class Entered(msgspec.Struct, frozen=True):
    """Somebody came in."""

    principal: Principal
    cookies: Sequence[str]
    """Values of `Set-Cookie`."""
    csrf: str


class Cookies:
    """Lets people in and out with cookies, and knows them again. `secure` unless the server is on loopback."""

    def __init__(
        self,
        keys: Keys,
        store: LoginStore,
        *,
        secure: bool = True,
        idle: float = 3600.0,
        longest: float = 43_200.0,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """Take how long somebody may stay away and how long they may stay at all, in seconds."""
        self._keys, self._store, self._clock = keys, store, clock
        self._secure, self._idle, self._longest = secure, round(idle * 1000), round(longest * 1000)
        # A name with `__Host-` cannot be set by another host of the domain, nor without TLS.
        self.name = "__Host-remit" if secure else "remit-session"
        self._csrf_name = f"__Host-{CSRF_COOKIE}" if secure else CSRF_COOKIE

    async def enter(self, asked: Asked, text: str) -> Entered:
        """Let in who has a key; raise `DeniedError` for a wrong one, or when another website sends it."""
        refuse_other_sites(asked)
        key = await self._keys.open(text.strip())
        # Whatever cookie was there before is no longer good, so that nobody can leave one of theirs behind.
        await self._forget(asked)
        token, at = secrets.token_hex(32), self._clock()
        login = Login(digest=_digest(token), key=key.id, made=at, seen=at)
        await self._store.begin(login, before=at - self._longest)
        csrf, life = _csrf(token), self._longest // 1000
        given = (
            self._cookie(self.name, token, life, "; HttpOnly"),
            self._cookie(self._csrf_name, csrf, life),
        )
        return Entered(key.principal("cookie"), given, csrf)

    async def leave(self, asked: Asked) -> Sequence[str]:
        """Let somebody out: forget their cookie, here and in their browser. Ask `recognise` first, for their token."""
        await self._forget(asked)
        return (self._cookie(self.name, "", 0, "; HttpOnly"), self._cookie(self._csrf_name, "", 0))

    async def recognise(self, asked: Asked) -> Principal | None:
        """See `Scheme.recognise`; raise `DeniedError` when a good cookie comes without the token of a page."""
        token = self._token(asked)
        if not token:
            return None
        digest, at = _digest(token), self._clock()
        login = await self._store.find(digest)
        if login is None:
            return None
        key = await self._keys.by_id(login.key)
        if key is None or at - login.seen >= self._idle or at - login.made >= self._longest:
            await self._store.leave(digest)
            return None
        refuse_other_sites(asked)
        shown = asked.headers.get(CSRF_HEADER, "")
        if asked.method not in SAFE and not hmac.compare_digest(shown.encode(), _csrf(token).encode()):
            raise DeniedError(403, f"a change from the console needs the header {CSRF_HEADER}; load the page again")
        if at - login.seen >= min(_COARSE_MS, self._idle // 4):
            await self._store.seen(digest, at)
        return key.principal("cookie")

    def csrf(self, asked: Asked) -> str:
        """Give the token that pages shown to this request must send back; nothing without a cookie."""
        token = self._token(asked)
        return _csrf(token) if token else ""

    async def _forget(self, asked: Asked) -> None:
        token = self._token(asked)
        if token:
            await self._store.leave(_digest(token))

    def _token(self, asked: Asked) -> str:
        # Not read by the standard library, which drops every cookie after one of somebody else's that is malformed.
        pairs = (part.strip().partition("=") for part in asked.headers.get("cookie", "").split(";"))
        return next((value for name, _, value in pairs if name == self.name), "")

    def _cookie(self, name: str, value: str, life: int, more: str = "") -> str:
        secure = "; Secure" if self._secure else ""
        return f"{name}={value}; Path=/; Max-Age={life}; SameSite=Strict{secure}{more}"


def _digest(token: str) -> bytes:
    return sha256(f"remit login\0{token}".encode()).digest()


def _csrf(token: str) -> str:
    # Made from the cookie itself: one that somebody plants beside a cookie they do not know never fits.
    return hmac.new(token.encode(), b"remit csrf", sha256).hexdigest()
