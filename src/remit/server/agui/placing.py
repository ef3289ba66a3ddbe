"""Placing: where in a journal a run of AG-UI is. Found by what the client says: nothing is remembered."""

from collections.abc import Sequence
from dataclasses import dataclass

from remit.core.events import MessageReceived, Record, RunEnded, RunResumed, RunSuspended
from remit.core.state import State
from remit.core.values import now_ms
from remit.server.access.port import Principal
from remit.server.agui.questions import Asking, Question, open_questions
from remit.server.agui.resuming import Resume, covered, resumed
from remit.server.agui.understanding import Told, Wanted, id_of
from remit.server.entrance import ProblemError
from remit.server.service.work import work


@dataclass(frozen=True, slots=True)
class Found:
    """What a request comes to, in a session as it is."""

    start: int
    """The last event before the run."""
    target: str
    """The key of the message that it is about; empty for the run that is resumed."""
    fresh: tuple[Told, ...]
    """What the session has not been told yet."""
    resume: Resume | None


def found(wanted: Wanted, records: Sequence[Record], principal: Principal) -> Found:
    """Find a run; raise `ProblemError` when there is nothing to do, or it does not go with what is there."""
    state, still = _standing(records)
    fresh = _fresh(wanted, state)
    if fresh:
        covered(still, wanted.resume)
    if wanted.resume:
        resume = resumed(wanted.resume, records, still, principal)
        return Found(resume.start, _after(resume.start, wanted, fresh, records), fresh, resume)
    if fresh:
        return Found(len(records), fresh[-1].key, fresh, None)
    last = wanted.last
    if last is None or last.key not in state.keys:
        raise ProblemError(422, "there is nothing to do: the last of 'messages' must be new and from the user")
    return Found(_place(last.key, records), last.key, (), None)


def passed(records: Sequence[Record]) -> frozenset[int]:
    """Give the suspensions from which a run has gone on, and the one from which it is about to."""
    over: set[int] = set()
    asleep = 0
    for record in records:
        match record.event:
            case RunSuspended():
                asleep = record.seq
            case RunResumed() | RunEnded() if asleep:
                over.add(asleep)
                asleep = 0
            case _:
                pass
    if asleep and work(State.fold(record.event for record in records), now_ms()).now:
        over.add(asleep)
    return frozenset(over)


def _standing(records: Sequence[Record]) -> tuple[State, tuple[Question, ...]]:
    state, asked = State(), dict[str, int]()
    for record in records:
        state.apply(record.event)
        if isinstance(record.event, Asking):
            asked[record.event.call] = record.seq
    return state, open_questions(state, asked)


def _fresh(wanted: Wanted, state: State) -> tuple[Told, ...]:
    known = {name: key for key in state.keys if (name := id_of(key))}
    for told in wanted.newest:
        if known.get(told.id, told.key) != told.key:
            raise ProblemError(409, f"{told.id!r} is the id of another message of this thread; give each its own")
    return tuple(told for told in wanted.newest if told.id not in known)


def _after(start: int, wanted: Wanted, fresh: Sequence[Told], records: Sequence[Record]) -> str:
    """Give the message that was said together with answers, if there was one."""
    if fresh:
        return fresh[-1].key
    last = wanted.newest[-1].key if wanted.newest else ""
    return last if last and _place(last, records) > start else ""


def _place(key: str, records: Sequence[Record]) -> int:
    return next(one.seq for one in records if isinstance(one.event, MessageReceived) and one.event.key == key)
