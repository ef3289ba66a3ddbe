"""Opening: the access of a server, from where it listens and what is configured. In doubt it does not open."""

import importlib
from collections.abc import Sequence
from typing import Literal, Protocol, cast

import msgspec

from remit.core.errors import ConfigError
from remit.server.access.chained import Chained
from remit.server.access.cookies import Cookies
from remit.server.access.keys import Keys
from remit.server.access.local import LocalAccess
from remit.server.access.oidc.settings import IssuerSettings
from remit.server.access.paces import Pace, SharedPace
from remit.server.access.port import Scheme
from remit.server.access.settings import AccessSettings, PaceSettings
from remit.server.access.sites import is_loopback
from remit.server.access.stores import AccessStore


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """How a server is come into."""

    host: str
    """Where it listens."""
    schemes: tuple[Literal["local", "cookie", "key", "token"], ...]
    """How somebody may show who they are; `local` is whoever is on the machine."""
    issuers: tuple[str, ...] = ()
    own_approvals: bool = False
    """Whether people may approve what they asked for themselves."""
    idle_minutes: float = 0.0
    """How long a login of the console lasts without a request; 0 where there is none."""
    login_hours: float = 0.0


class Opened(msgspec.Struct, frozen=True):
    """The access of a server, and what lets people in and out at its console, if they need to be."""

    access: LocalAccess | Chained
    cookies: Cookies | None
    keys: Keys
    facts: Facts


async def open_access(
    store: AccessStore, settings: AccessSettings, *, host: str, tenant: str = "default", name: str = "local"
) -> Opened:
    """Open it for a server that listens at an address.

    On loopback nobody needs a key, unless they are `required`. Anywhere else raise `ConfigError` when there is neither
    an issuer nor a key that is valid, for then nobody could come in, and a server without a lock must not be reached.
    """
    keys = Keys(store.keys, clock=store.now)
    loopback = is_loopback(host)
    if loopback and not settings.required:
        facts = Facts(host=host, schemes=("local",), own_approvals=settings.own_approvals)
        return Opened(LocalAccess(tenant, store.log, name=name), None, keys, facts)
    if not settings.issuers and not await keys.any():
        where = "with `required`" if loopback else f"at {host!r}, where others can reach it,"
        raise ConfigError(
            f"a server {where} needs to know who asks; make a key with `remit keys new`, or name an issuer in [access]"
        )
    cookies = Cookies(
        keys,
        store.logins,
        secure=not loopback,
        idle=settings.idle_minutes * 60,
        longest=settings.login_hours * 3600,
        clock=store.now,
    )
    schemes: list[Scheme] = [cookies, keys]
    if settings.issuers:
        schemes.append(_tokens().Tokens(settings.issuers))
    requests = _pace(settings.requests)
    access = Chained(
        schemes,
        store.log,
        # Failures slow who fails for the sake of this machine and its log, so each server counts its own.
        requests=requests if store.paces is None else SharedPace(requests, store.paces),
        failures=_pace(settings.failures),
    )
    facts = Facts(
        host=host,
        schemes=("cookie", "key", "token") if settings.issuers else ("cookie", "key"),
        issuers=tuple(one.issuer for one in settings.issuers),
        own_approvals=settings.own_approvals,
        idle_minutes=settings.idle_minutes,
        login_hours=settings.login_hours,
    )
    return Opened(access, cookies, keys, facts)


class _Tokens(Protocol):
    def Tokens(self, issuers: Sequence[IssuerSettings]) -> Scheme: ...  # noqa: N802 - a class, seen as a function


def _tokens() -> _Tokens:
    try:
        return cast("_Tokens", importlib.import_module("remit.server.access.oidc.tokens"))
    except ImportError as error:
        raise ConfigError(f"issuers need the extra `oidc`; pip install 'remit[oidc]' ({error})") from None


def _pace(said: PaceSettings) -> Pace:
    return Pace(said.per_second, said.burst)
