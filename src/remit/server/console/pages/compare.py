"""Two sessions side by side, such as a fork and what it was forked from."""

from collections.abc import Mapping

from remit.server.console.visit import Page, Visit
from remit.server.entrance import ProblemError


async def _load(visit: Visit) -> Mapping[str, object]:
    a, b = visit.query.get("a", ""), visit.query.get("b", "")
    if not a or not b:
        raise ProblemError(422, "say which two sessions: /compare?a=SESSION&b=SESSION")
    tracing, who = visit.service.tracing, visit.principal
    return {"a": await tracing.trace(who, a), "b": await tracing.trace(who, b)}


PAGE = Page(path="/compare", name="compare", title="Compare", load=_load)
