"""Switches over HTTP: an agent, a tool or the whole tenant of whoever asks is switched off, and on again."""

from typing import Annotated

import msgspec

from remit.server.administration import Happened
from remit.server.api.declaring import Answer, Endpoint, Heard
from remit.server.api.sessions import Reason
from remit.server.service.views import Holds
from remit.server.switches import Switch, Switchable

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class SwitchPage(msgspec.Struct, frozen=True, kw_only=True):
    """What is off for a tenant, newest first."""

    switches: tuple[Switch, ...]
    history: tuple[Happened, ...]
    """What was switched off and on of late, newest first."""


class SwitchOff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be switched off, and why."""

    kind: Switchable
    name: Name
    reason: Reason = ""


class Switched(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be switched on again, and why."""

    kind: Switchable
    name: Name
    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""


async def _switches(heard: Heard) -> Answer:
    register = heard.entrance.register
    history = await register.happened(heard.principal) if register is not None else ()
    return SwitchPage(switches=heard.service.switching.all(heard.principal), history=history)


async def _off(heard: Heard) -> Answer:
    said = heard.body(SwitchOff)
    made = await heard.service.switching.switch_off(heard.principal, said.kind, said.name, said.reason)
    await heard.audit(f"switched off: {said.kind} {said.name!r}" + (f": {said.reason}" if said.reason else ""))
    return made


async def _on(heard: Heard) -> Answer:
    said = heard.query(Switched)
    await heard.service.switching.switch_on(heard.principal, said.kind, said.name)
    await heard.audit(f"switched on: {said.kind} {said.name!r}" + (f": {said.reason}" if said.reason else ""))


async def _holds(heard: Heard) -> Answer:
    return await heard.service.looking.holds(heard.principal)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/switches",
        action="look",
        summary="List what is switched off",
        handle=_switches,
        gives=SwitchPage,
    ),
    Endpoint(
        method="POST",
        path="/v1/switches",
        action="stop",
        summary="Switch an agent, a tool or the tenant off: runs stop after their step, calls are denied",
        handle=_off,
        body=SwitchOff,
        gives=Switch,
        refuses=(404, 503),
    ),
    Endpoint(
        method="DELETE",
        path="/v1/switches",
        action="stop",
        summary="Switch it on again; what it held back goes on",
        handle=_on,
        query=Switched,
        status=204,
        refuses=(404, 503),
    ),
    Endpoint(
        method="GET",
        path="/v1/holds",
        action="look",
        summary="Say what is held for the worst that acts under way may cost",
        handle=_holds,
        gives=Holds,
    ),
)
