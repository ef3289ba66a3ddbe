"""Access over HTTP: who asks, the keys of a tenant, and the log of what was done and refused."""

from typing import Annotated

import msgspec

from remit.server.access.port import MAY, Role
from remit.server.administration import KeyView, Known, Lines, Made, Register, Wanted
from remit.server.api.declaring import Answer, Endpoint, Heard
from remit.server.service import RefusedError

_KEY = "/v1/keys/{key}"

Signed = Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[\w.@+:/',()-]([\w.@+:/',() -]{0,98}[\w.@+:/',()-])?$")]
"""What a key signs with."""


class MeView(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as authentication found out."""

    name: str
    tenant: str
    role: Role
    may: tuple[str, ...]
    how: str
    """By a `key`, a `cookie` or a `token`, or as somebody on the machine: `local`."""
    key: str
    """The id of the key; empty for none."""
    expires: int | None
    """When that ends, in milliseconds since the epoch."""


class KeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of a tenant, newest first."""

    keys: tuple[KeyView, ...]


class NewKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that is to be made, for the tenant of whoever asks."""

    name: Signed
    """What decisions made with it are signed with."""
    role: Role = "viewer"
    days: Annotated[float, msgspec.Meta(gt=0, le=36_500)] | None = 90
    """How long it lives; `null` for ever."""


class Rotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a key is replaced."""

    grace_hours: Annotated[float, msgspec.Meta(ge=0, le=8760)] = 24
    """How long the old one stays good."""


class MadeKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new key."""

    key: KeyView
    secret: str
    """What is to be sent as `Authorization: Bearer`; it is given only now."""


class Search(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lines of the log are wanted."""

    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Of exactly this person or program."""
    what: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """With this in what was done, its path or its address."""
    refused: bool = False
    """Only what was refused."""
    before: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    """Older than this line."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100


class People(msgspec.Struct, frozen=True, kw_only=True):
    """Who has a key or was here of late, by name."""

    people: tuple[Known, ...]


def _register(heard: Heard) -> Register:
    register = heard.entrance.register
    if register is None:
        raise RefusedError("unready", "this server has no keys of its own")
    return register


async def _me(heard: Heard) -> Answer:
    who, register = heard.principal, heard.entrance.register
    return MeView(
        name=who.name,
        tenant=who.tenant,
        role=who.role,
        may=tuple(sorted(MAY[who.role])),
        how=who.how,
        key=who.key,
        expires=await register.expires(who) if register is not None else None,
    )


async def _keys(heard: Heard) -> Answer:
    return KeyPage(keys=await _register(heard).keys(heard.principal))


async def _make(heard: Heard) -> Answer:
    new = heard.body(NewKey)
    made = await _register(heard).make(heard.principal, name=new.name, role=new.role, days=new.days)
    await heard.audit(f"key {made.key.id} was made for {made.key.name!r}, a {made.key.role}")
    return _made(made)


async def _rotate(heard: Heard) -> Answer:
    old, hours = heard.path["key"], heard.body(Rotation).grace_hours
    made = await _register(heard).rotate(heard.principal, old, hours=hours)
    await heard.audit(f"key {old} of {made.key.name!r} was rotated to {made.key.id}, good for {hours:g} h more")
    return _made(made)


async def _revoke(heard: Heard) -> Answer:
    ended = await _register(heard).revoke(heard.principal, heard.path["key"])
    await heard.audit(f"key {ended.id} of {ended.name!r} was revoked")


async def _lines(heard: Heard) -> Answer:
    search = heard.query(Search)
    wanted = Wanted(search.name, search.what, search.refused, search.before, search.limit)
    return await _register(heard).lines(heard.principal, wanted)


async def _people(heard: Heard) -> Answer:
    return People(people=await _register(heard).known(heard.principal))


def _made(made: Made) -> MadeKey:
    return MadeKey(key=made.key, secret=made.secret)


ENDPOINTS = (
    Endpoint(method="GET", path="/v1/me", action="look", summary="Say who asks", handle=_me, gives=MeView),
    Endpoint(
        method="GET",
        path="/v1/keys",
        action="administer",
        summary="List the keys of a tenant, without their secrets",
        handle=_keys,
        gives=KeyPage,
        refuses=(503,),
    ),
    Endpoint(
        method="POST",
        path="/v1/keys",
        action="administer",
        summary="Make a key for the tenant of whoever asks; its secret is shown only now",
        handle=_make,
        body=NewKey,
        gives=MadeKey,
        status=201,
        refuses=(409, 503),
    ),
    Endpoint(
        method="POST",
        path=f"{_KEY}/rotate",
        action="administer",
        summary="Make a key like an old one, which stays good for a while",
        handle=_rotate,
        body=Rotation,
        optional=True,
        gives=MadeKey,
        status=201,
        refuses=(409, 503),
    ),
    Endpoint(
        method="DELETE",
        path=_KEY,
        action="administer",
        summary="End a key now, and every login made with it",
        handle=_revoke,
        status=204,
        refuses=(409, 503),
    ),
    Endpoint(
        method="GET",
        path="/v1/audit",
        action="administer",
        summary="Read what was done and refused, newest first",
        handle=_lines,
        query=Search,
        gives=Lines,
        refuses=(503,),
    ),
    Endpoint(
        method="GET",
        path="/v1/people",
        action="administer",
        summary="List who has a key or was here of late",
        handle=_people,
        gives=People,
        refuses=(503,),
    ),
)
