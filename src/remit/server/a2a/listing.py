"""Listing: the tasks of an agent, those of the newest session first. A page ends where its last task is."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from a2a.types import ListTasksRequest, ListTasksResponse, Task
from a2a.utils.constants import DEFAULT_LIST_TASKS_PAGE_SIZE
from a2a.utils.errors import InvalidParamsError, TaskNotFoundError
from a2a.utils.task import apply_history_length, validate_history_length, validate_page_size

from remit.server.a2a.finding import has, read
from remit.server.a2a.views import Place, Runs
from remit.server.a2a.visits import Visit

_LOOKED, _EVENTS = 200, 50_000
"""Sessions that are looked through for one page, and their events, as each is read whole."""

_ALL = 1
"""The run after which a session has no older task."""


@dataclass(slots=True)
class _Page:
    size: int
    tasks: list[Task] = field(default_factory=list[Task])
    end: Place | None = None
    """The last task that was looked at."""


async def listed(visit: Visit, params: ListTasksRequest) -> ListTasksResponse:
    """List tasks; raise `InvalidParamsError` for a size or a token that cannot be."""
    size = params.page_size if params.HasField("page_size") else DEFAULT_LIST_TASKS_PAGE_SIZE
    validate_page_size(size)
    validate_history_length(params)
    page, after = _Page(size), _token(params)
    more, looked, events = False, 0, 0
    async for session in _sessions(visit, params, after):
        if looked >= _LOOKED or events >= _EVENTS:
            more = True
            break
        below = after.run if after is not None and after.session == session else 0
        runs = await read(visit, session)
        looked, events = looked + 1, events + runs.state.seq
        if not _fill(page, runs, params, below):
            more = True
            break
    return ListTasksResponse(
        tasks=page.tasks,
        next_page_token=str(page.end) if more and page.end is not None else "",
        page_size=size,
        # How many there are is written nowhere: at least so many.
        total_size=len(page.tasks) + more,
    )


def _fill(page: _Page, runs: Runs, params: ListTasksRequest, below: int) -> bool:
    """Add the tasks of a session, newest first; say whether there was room for all."""
    for number in reversed(runs.numbers()):
        if below and number >= below:
            continue
        task = runs.task(number)
        if _fits(task, params):
            if len(page.tasks) == page.size:
                return False
            page.tasks.append(apply_history_length(task, params))
        page.end = Place(runs.session, number)
    page.end = Place(runs.session, _ALL)
    return True


def _fits(task: Task, params: ListTasksRequest) -> bool:
    if params.status and task.status.state != params.status:
        return False
    since = params.status_timestamp_after
    return (
        not params.HasField("status_timestamp_after") or task.status.timestamp.ToNanoseconds() >= since.ToNanoseconds()
    )


def _token(params: ListTasksRequest) -> Place | None:
    if not params.page_token:
        return None
    try:
        return Place.of(params.page_token)
    except TaskNotFoundError:
        raise _no_token(params) from None


def _no_token(params: ListTasksRequest) -> InvalidParamsError:
    return InvalidParamsError(f"{params.page_token!r} is no page token of this list")


async def _sessions(visit: Visit, params: ListTasksRequest, after: Place | None) -> AsyncGenerator[str]:
    service, principal = visit.service, visit.principal
    for named in {params.context_id, after.session if after is not None else ""} - {""}:
        if not await has(visit, named):
            if after is not None:
                raise _no_token(params)
            return
    if params.context_id:
        yield params.context_id
        return
    cursor = ""
    if after is not None:
        cursor = after.session
        yield cursor
    while True:
        page = await service.list(principal, agent=visit.agent, limit=100, after=cursor)
        for line in page.sessions:
            yield line.id
        if page.next is None:
            return
        cursor = page.next
