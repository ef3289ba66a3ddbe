"""The agents that are served, how each does, and a place to talk to one."""

from collections.abc import Mapping

from remit.core.values import now_ms
from remit.server.access.port import Principal
from remit.server.console.visit import Page, Visit
from remit.server.projection.port import AgentFigures, Listing
from remit.server.service import RefusedError, Service

_HOUR = 3_600_000
_WEEK = 7 * 24 * _HOUR


async def _figures(service: Service, principal: Principal) -> tuple[AgentFigures, ...]:
    until = now_ms()
    until += _HOUR - until % _HOUR
    found = await service.projection.figures(principal.tenant, since=until - _WEEK, until=until, step=24 * _HOUR)
    return found.agents


async def _load(visit: Visit) -> Mapping[str, object]:
    service = visit.service
    return {"agents": await service.looking.agents(), "figures": await _figures(service, visit.principal)}


async def _one(visit: Visit) -> Mapping[str, object]:
    service, name = visit.service, visit.path["agent"]
    agent = next((one for one in await service.looking.agents() if one.name == name), None)
    if agent is None:
        raise RefusedError("unknown", f"no agent {name!r} is served here; /agents lists them")
    figures = [one for one in await _figures(service, visit.principal) if one.agent == name]
    tools = [one for one in await service.looking.tools() if one.agent == name]
    recent = await service.projection.list(visit.principal.tenant, Listing(agent=name, limit=10))
    return {"agent": agent, "figures": figures[0] if figures else None, "tools": tools, "sessions": recent.sessions}


PAGE = Page(path="/agents", name="agents", title="Agents", load=_load)
ONE = Page(path="/agents/{agent}", name="agent", title="Agent", load=_one)
