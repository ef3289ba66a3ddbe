"""One session: what it did as a tree, what waits in it, and all that can be asked about a step of it."""

from remit.server.console.visit import Page, Visit
from remit.server.service.tracing import Trace


async def _load(visit: Visit) -> Trace:
    return await visit.service.tracing.trace(visit.principal, visit.path["session"])


PAGE = Page(path="/sessions/{session}", name="session", title="Session", load=_load)
