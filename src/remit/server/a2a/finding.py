"""Finding: sessions and tasks of the agent and the tenant that a visit is for. Any other does not exist."""

from a2a.utils.errors import TaskNotFoundError

from remit.core.errors import UnknownSessionError
from remit.server.a2a.views import Place, Runs
from remit.server.a2a.visits import Visit


async def has(visit: Visit, session: str) -> bool:
    """Say whether a session is of the visit's agent and tenant."""
    try:
        return await visit.service.owned.check(visit.principal, session) == visit.agent
    except UnknownSessionError:
        return False


async def read(visit: Visit, session: str) -> Runs:
    """Read a session; raise `TaskNotFoundError` unless it is of the visit's agent and tenant."""
    if not await has(visit, session):
        raise TaskNotFoundError
    return Runs.read(session, await visit.service.owned.records(visit.principal, session))


async def found(visit: Visit, task: str) -> tuple[Runs, int]:
    """Find a task and the runs of its session; raise `TaskNotFoundError` as `read` does."""
    place = Place.of(task)
    runs = await read(visit, place.session)
    runs.standing(place.run)
    return runs, place.run
