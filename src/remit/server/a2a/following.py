"""Following: what happens in a run, as updates of its task. Text being written is its output until the real one is."""

from collections.abc import AsyncGenerator

from a2a.types import Artifact, TaskArtifactUpdateEvent, TaskStatusUpdateEvent
from a2a.types import Part as WirePart

from remit.core.events import Event, ModelAsked, RunEnded, RunOpened, RunResumed, RunSuspended, SessionClosed
from remit.core.ports import Delta
from remit.server.a2a.views import ENDS, OUTPUT, OVER, Place, Runs
from remit.server.service import Stream

Update = TaskStatusUpdateEvent | TaskArtifactUpdateEvent

_LIFE = (RunOpened, RunSuspended, RunResumed, RunEnded, SessionClosed)


async def updates(runs: Runs, number: int, stream: Stream) -> AsyncGenerator[Update]:
    """Yield what becomes of a task until it is over or needs a person's decision; `runs` goes along."""
    writing = False
    async for item in stream:
        if isinstance(item.what, Delta):
            if runs.under_way(number):
                draft = Artifact(artifact_id=OUTPUT, parts=[WirePart(text=item.what.text)])
                yield _artifact(runs, number, draft, append=writing and not item.what.fresh)
                writing = True
            continue
        event, before = item.what.event, runs.under_way(number)
        runs.apply(item.what)
        if before and isinstance(event, ModelAsked):
            writing = False
        if not _tells(event, before=before, now=runs.under_way(number)):
            continue
        standing = runs.standing(number)
        if standing in OVER:
            for artifact in runs.artifacts(number):
                yield _artifact(runs, number, artifact, append=False, last=True)
        yield _status(runs, number)
        if standing in ENDS:
            return


async def rest(runs: Runs, number: int, stream: Stream) -> None:
    """Return once a task is over or stays as it is until a person acts; `runs` goes along."""
    async for item in stream:
        if not isinstance(item.what, Delta):
            runs.apply(item.what)
            if runs.resting(number):
                return


def _tells(event: Event, *, before: bool, now: bool) -> bool:
    """Say whether the status of a task may be another after an event."""
    return isinstance(event, _LIFE) and (before or now or isinstance(event, SessionClosed))


def _status(runs: Runs, number: int) -> TaskStatusUpdateEvent:
    place = Place(runs.session, number)
    return TaskStatusUpdateEvent(task_id=str(place), context_id=runs.session, status=runs.status(number))


def _artifact(
    runs: Runs, number: int, artifact: Artifact, *, append: bool, last: bool = False
) -> TaskArtifactUpdateEvent:
    place = Place(runs.session, number)
    return TaskArtifactUpdateEvent(
        task_id=str(place), context_id=runs.session, artifact=artifact, append=append, last_chunk=last
    )
