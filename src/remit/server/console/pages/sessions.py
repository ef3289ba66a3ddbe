"""The list of sessions: live, filtered, searched."""

from typing import Annotated

import msgspec

from remit.server.console.visit import Page, Visit
from remit.server.entrance import ProblemError
from remit.server.projection.port import Listing, Summaries


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A list, and what was asked for."""

    listing: Listing
    page: Summaries
    agents: tuple[str, ...]


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The query of the page's address; what it does not know it ignores, since people share addresses."""

    status: str = ""
    ended: str = ""
    agent: Annotated[str, msgspec.Meta(max_length=200)] = ""
    q: Annotated[str, msgspec.Meta(max_length=200)] = ""
    flag: str = ""
    order: str = "changed"


async def _load(visit: Visit) -> Shown:
    try:
        asked = msgspec.convert(dict(visit.query), _Asked)
        listing = msgspec.convert(
            {
                "status": asked.status,
                "ended": asked.ended,
                "agent": asked.agent,
                "text": asked.q,
                "flag": asked.flag,
                "order": asked.order,
                "limit": 60,
            },
            Listing,
        )
    except msgspec.ValidationError as error:
        raise ProblemError(422, f"this address asks for what there is not: {error}") from None
    service, tenant = visit.service, visit.principal.tenant
    agents = tuple(sorted(agent.name for agent in await service.looking.agents()))
    return Shown(listing=listing, page=await service.projection.list(tenant, listing), agents=agents)


PAGE = Page(path="/sessions", name="sessions", title="Sessions", load=_load)
