"""Questions: what of a session a person must look at, read from its state alone."""

from remit.core.events import Flagged
from remit.core.state import Effect, State

_OPEN = frozenset({"started", "in_doubt"})


def waiting(state: State) -> tuple[Effect, ...]:
    """List the calls a person must decide on."""
    run = state.run
    if run is None:
        return ()
    return tuple(effect for effect in run.effects.values() if effect.status == "asked" and effect.given is None)


def missing(effect: Effect) -> int:
    """Say how many more people must allow a call that waits for a decision."""
    return 0 if effect.asked is None or effect.given is not None else max(effect.asked.persons - len(effect.yes), 0)


def due_escalation(effect: Effect) -> int:
    """Say when more people are to be told of a call that waits, in milliseconds since the epoch; 0 for never again."""
    return 0 if effect.asked is None or effect.given is not None or effect.escalated else effect.asked.escalates


def doubted(state: State) -> tuple[Effect, ...]:
    """List the calls of which nobody knows whether they happened."""
    run = state.run
    return () if run is None else tuple(effect for effect in run.effects.values() if effect.status == "in_doubt")


def awaited(state: State) -> tuple[Effect, ...]:
    """List the calls that ask a person for input."""
    run = state.run
    return () if run is None else tuple(e for e in run.effects.values() if e.status == "input" and e.got is None)


def loose_ends(state: State) -> tuple[Flagged, ...]:
    """Flag what a run that ends leaves behind of which nobody knows whether it happened."""
    run = state.run
    flags: list[Flagged] = []
    for effect in run.effects.values() if run else ():
        if effect.status in _OPEN:
            question = effect.question or f"did {effect.call.tool} ({effect.call.id}) happen?"
            flags.append(Flagged("in_doubt", "notice", question, effect.call.id))
    return tuple(flags)
