"""The tools of all agents: what they are, how they do, whether anything holds them back."""

from collections.abc import Mapping

from remit.core.values import now_ms
from remit.server.console.visit import Page, Visit

_HOUR = 3_600_000
_DAY = 24 * _HOUR


async def _load(visit: Visit) -> Mapping[str, object]:
    service = visit.service
    until = now_ms()
    until += _HOUR - until % _HOUR
    figures = await service.projection.figures(visit.principal.tenant, since=until - 7 * _DAY, until=until, step=_DAY)
    return {
        "tools": await service.looking.tools(),
        "figures": figures.tools,
        "breakers": service.looking.breakers(),
    }


PAGE = Page(path="/tools", name="tools", title="Tools", load=_load)
