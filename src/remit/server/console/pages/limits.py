"""What a tenant may spend and does: its budget, what is held, how fast it goes, the caps, and the switches."""

from collections.abc import Mapping

from remit.core.values import now_ms
from remit.server.console.visit import Page, Visit

_HOUR = 3_600_000
_DAY = 24 * _HOUR


async def _load(visit: Visit) -> Mapping[str, object]:
    service, who, now = visit.service, visit.principal, now_ms()
    until = now - now % _HOUR + _HOUR
    register = visit.entrance.register
    return {
        "now": now,
        "budget": await service.looking.budget(who),
        "holds": await service.looking.holds(who),
        # From the beginning of the day, which is longer ago than a few hours in the evening only.
        "figures": await service.projection.figures(who.tenant, since=until - _DAY, until=until, step=_HOUR),
        "alarms": await service.projection.flags(who.tenant, kinds=("alarm",), limit=10),
        "agents": await service.looking.agents(),
        "tools": sorted({tool.name for tool in await service.looking.tools()}),
        "switches": {
            "switches": service.switching.all(who),
            "history": await register.happened(who) if register is not None else (),
        },
    }


PAGE = Page(path="/limits", name="limits", title="Limits", load=_load)
