"""The first page: how a tenant stands now, and what the last day came to."""

from collections.abc import Mapping

from remit.core.values import now_ms
from remit.server.console.visit import Page, Visit
from remit.server.projection.port import Listing

_HOUR = 3_600_000
_DAY = 24 * _HOUR


async def _load(visit: Visit) -> Mapping[str, object]:
    projection, tenant, now = visit.service.projection, visit.principal.tenant, now_ms()
    until = now - now % _HOUR + _HOUR
    return {
        "overview": await projection.overview(tenant),
        "figures": await projection.figures(tenant, since=until - _DAY, until=until, step=_HOUR),
        "sessions": await projection.list(tenant, Listing(limit=12)),
        "flags": await projection.flags(tenant, limit=6),
    }


PAGE = Page(path="/", name="overview", title="Overview", load=_load)
