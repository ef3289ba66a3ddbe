"""Who looks, and for administrators: keys, who is known, the audit log, and how this server is come into."""

from importlib.metadata import version

import msgspec

from remit.server.access.opening import Facts
from remit.server.access.port import MAY, ROLES
from remit.server.administration import KeyView, Known, Lines, Register, Wanted
from remit.server.console.visit import Page, Visit


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """What a role may do."""

    role: str
    may: tuple[str, ...]


class Administered(msgspec.Struct, frozen=True, kw_only=True):
    """What only administrators see."""

    keys: tuple[KeyView, ...]
    people: tuple[Known, ...]
    log: Lines
    facts: Facts
    tenants: int


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows."""

    version: str
    key: str
    """The id of the key that whoever looks came with."""
    expires: int | None
    roles: tuple[Roles, ...]
    administered: Administered | None


async def _load(visit: Visit) -> Settings:
    register, who = visit.entrance.register, visit.principal
    return Settings(
        version=version("remit"),
        key=who.key,
        expires=await register.expires(who) if register is not None else None,
        roles=tuple(Roles(role=role, may=tuple(sorted(MAY[role]))) for role in ROLES),
        administered=await _administered(visit, register),
    )


async def _administered(visit: Visit, register: Register | None) -> Administered | None:
    who = visit.principal
    if register is None or "administer" not in MAY[who.role]:
        return None
    # To look at these is an act of weight here as it is in the API.
    await visit.entrance.access.permit(who, "administer", visit.guest.asked)
    return Administered(
        keys=await register.keys(who),
        people=await register.known(who),
        log=await register.lines(who, Wanted()),
        facts=register.facts,
        tenants=len(visit.service.home.tenants),
    )


PAGE = Page(path="/settings", name="settings", title="Settings", load=_load)
