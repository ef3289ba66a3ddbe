"""Work: what is to be done in a session now, and when it will be, read from its state alone."""

from dataclasses import dataclass

from remit.core.state import Effect, Run, State
from remit.home import HANDED_BACK
from remit.runtime import awaited, doubted, due_escalation, waiting


@dataclass(frozen=True, slots=True)
class Work:
    """Whether a session can go on."""

    now: bool
    at: int | None = None
    """Milliseconds since the epoch at which it is to be looked at again, when nobody acts before: a question lapses or
    escalates then."""
    escalate: tuple[str, ...] = ()
    """Calls that have waited so long that more people are to be told."""


NONE = Work(now=False)


def work(state: State, now_ms: int) -> Work:
    """Say whether a session can go on: it has a message, was left by its worker, or a person did what it waited for."""
    run = state.run
    if state.closed is not None:
        return NONE
    if run is None:
        return Work(now=bool(state.inbox))
    if run.suspended is None or run.cancelled is not None:
        return Work(now=True)
    match run.suspended.why:
        case "paused":
            return Work(now=run.suspended.question == HANDED_BACK)
        case "alarm":
            return NONE
        case "approval" | "in_doubt" | "input":
            return _asleep(state, run, now_ms)


def _asleep(state: State, run: Run, now_ms: int) -> Work:
    asked = waiting(state)
    if any(map(_decided, run.effects.values())) or not (asked or doubted(state) or awaited(state)):
        return Work(now=True)
    lapses = [effect.asked.expires for effect in asked if effect.asked is not None]
    if not lapses:
        return NONE
    # A question stands until its last millisecond is over.
    first = min(lapses) + 1
    if now_ms >= first:
        return Work(now=True)
    due = {effect.call.id: due_escalation(effect) for effect in asked if due_escalation(effect)}
    later = [at for at in due.values() if at > now_ms]
    return Work(now=False, at=min([first, *later]), escalate=tuple(call for call, at in due.items() if at <= now_ms))


def _decided(effect: Effect) -> bool:
    match effect.status:
        case "asked":
            return effect.given is not None
        case "input":
            return effect.got is not None
        case "reconciled":
            return True
        case "wanted" | "started" | "in_doubt" | "ended":
            return False
