"""Placing: where in a journal a run of AG-UI is. Found by what the client says: nothing is remembered."""

from collections.abc import Sequence
from dataclasses import dataclass

from remit.core.events import MessageReceived, Record, RunEnded, RunOpened, RunResumed, RunSuspended
from remit.core.state import State
from remit.core.values import now_ms
from remit.server.access.port import Principal
from remit.server.agui.questions import Asking, Question, open_questions
from remit.server.agui.resuming import Resume, covered, resumed
from remit.server.agui.understanding import Told, Wanted, id_of
from remit.server.entrance import ProblemError
from remit.server.service.work import work

_NEW = 50
"""Messages that one request may add; each is kept by itself."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a request comes to, in a session as it is."""

    start: int
    """The last event before the run."""
    about: tuple[str, ...]
    """The keys of the messages that it is about; none for the run that is resumed."""
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
    if not fresh and (not wanted.last or wanted.last[-1].key not in state.keys):
        raise ProblemError(422, "there is nothing to do: the last of 'messages' must be new and from the user")
    start, about = _unanswered(wanted.last, records)
    return Found(start, about, fresh, None)


def answers(wanted: Wanted, records: Sequence[Record], principal: Principal) -> Resume:
    """Read the answers of a request again, in a session as it is by now; raise as `found` does."""
    _, still = _standing(records)
    return resumed(wanted.resume, records, still, principal)


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
    fresh = tuple(told for told in wanted.newest if told.id not in known)
    if len(fresh) > _NEW:
        raise ProblemError(422, f"{len(fresh)} messages are new; at most {_NEW} can be said at a time")
    return fresh


def _after(start: int, wanted: Wanted, fresh: Sequence[Told], records: Sequence[Record]) -> tuple[str, ...]:
    """Give the messages that were said together with answers, or waited behind the run that is resumed."""
    if fresh:
        return tuple(told.key for told in fresh)
    places = _places(records)
    said = tuple(told.key for told in wanted.newest if places[told.key] > start)
    if said:
        return said
    waiting: list[str] = []
    for record in records[:start]:
        match record.event:
            case MessageReceived(key=key) if id_of(key):
                waiting.append(key)
            case RunOpened():
                waiting.clear()
            case _:
                pass
    return tuple(waiting)


def _unanswered(last: Sequence[Told], records: Sequence[Record]) -> tuple[int, tuple[str, ...]]:
    """Give where to begin to tell what came of messages, and which: not those that were over before the next came."""
    places, over = _places(records), _over(records)
    start, about = len(records), list[str]()
    for told in reversed(last):
        if told.key in over and about and over[told.key] <= start:
            break
        about.append(told.key)
        start = min(start, places.get(told.key, start))
    return start, tuple(reversed(about))


def _places(records: Sequence[Record]) -> dict[str, int]:
    # Of two with the same key the first counts.
    return {one.event.key: one.seq for one in reversed(records) if isinstance(one.event, MessageReceived)}


def _over(records: Sequence[Record]) -> dict[str, int]:
    """Give where the run that took up a message ended, by the message's key."""
    over, waiting, taken = dict[str, int](), list[str](), list[str]()
    for record in records:
        match record.event:
            case MessageReceived(key=key):
                waiting.append(key)
            case RunOpened():
                taken, waiting = waiting, []
            case RunEnded():
                over.update(dict.fromkeys(taken, record.seq))
            case _:
                pass
    return over
