"""Following: what happens in a run, as updates of its task. Text being written is its output until the real one is."""

from collections.abc import AsyncGenerator

from a2a.types import Artifact, TaskArtifactUpdateEvent, TaskStatusUpdateEvent
from a2a.types import Part as WirePart

from remit.core.events import (
    Event,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    RunEnded,
    RunOpened,
    RunResumed,
    RunSuspended,
    SessionClosed,
)
from remit.core.ports import Delta
from remit.server.a2a.views import ENDS, OUTPUT, OVER, Place, Runs
from remit.server.service import Stream

Update = TaskStatusUpdateEvent | TaskArtifactUpdateEvent

_LIFE = (RunOpened, RunSuspended, RunResumed, RunEnded, SessionClosed)


class _Draft:
    """The answer that is being written, if it can be told of which question to a model a piece of text is."""

    def __init__(self, runs: Runs) -> None:
        """Begin with what is under way."""
        run = runs.state.run
        steps = run.steps.items() if run is not None else ()
        self._asked = {
            name: _shown(step.asked)
            for name, step in steps
            if step.asked is not None and step.answered is None and step.failed is None
        }
        self._begun = False

    def take(self, event: Event) -> None:
        """Take in what happened."""
        match event:
            case ModelAsked():
                self._asked[event.step] = _shown(event)
                self._begun = False
            case ModelAnswered() | ModelFailed():
                self._asked.pop(event.step, None)
            case RunOpened() | RunEnded():
                self._asked.clear()
                self._begun = False
            case _:
                pass

    def heard(self, delta: Delta) -> bool | None:
        """Say whether a piece goes on with what was told before; `None` when it is not to be told."""
        if list(self._asked.values()) != [True]:
            return None
        before, self._begun = self._begun, True
        return before and not delta.fresh


def _shown(asked: ModelAsked) -> bool:
    # What a strategy asks for itself, such as a verdict, is no output.
    return not asked.alone and "." not in asked.step


async def updates(runs: Runs, number: int, stream: Stream) -> AsyncGenerator[Update]:
    """Yield what becomes of a task until it is over or needs a person's decision; `runs` goes along."""
    draft = _Draft(runs)
    async for item in stream:
        if isinstance(item.what, Delta):
            goes_on = draft.heard(item.what) if runs.under_way(number) else None
            if goes_on is not None:
                piece = Artifact(artifact_id=OUTPUT, parts=[WirePart(text=item.what.text)])
                yield _artifact(runs, number, piece, append=goes_on)
            continue
        event, before = item.what.event, runs.under_way(number)
        runs.apply(item.what)
        draft.take(event)
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
