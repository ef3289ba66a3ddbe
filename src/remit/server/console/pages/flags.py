"""What people should look at: honeypots that were touched, injections, loops, calls in doubt."""

from collections.abc import Mapping
from typing import get_args

from remit.server.console.visit import Page, Visit
from remit.server.projection.port import FlagKind


async def _load(visit: Visit) -> Mapping[str, object]:
    kinds = tuple(one for one in get_args(FlagKind) if one == visit.query.get("kind", ""))
    page = await visit.service.projection.flags(visit.principal.tenant, kinds=kinds, limit=200)
    return {"kind": kinds[0] if kinds else "", "page": page}


PAGE = Page(path="/flags", name="flags", title="Flags", load=_load)
