"""Due: the recorded moves that a strategy must yield again, and how one is found that yields others."""

import re
from collections.abc import Mapping

from remit.core.errors import DivergedError
from remit.core.events import EffectStarted
from remit.core.messages import Call
from remit.core.moves import Note
from remit.core.state import State, Step
from remit.core.values import JsonObject
from remit.runtime.payload import fit, packed
from remit.runtime.world import Redactor

_OURS = re.compile(r"c\d+(?:_\d+)+")
"""The ids of calls that say at which move they were made; not those of fallbacks, nor a strategy's own."""


def due(state: State) -> dict[str, str]:
    """List the recorded moves of the current run, which its strategy must yield again: path and what it was."""
    run = state.run
    if run is None:
        return {}
    moves = {path: called(step) for path, step in run.steps.items()}
    for call, effect in run.effects.items():
        if effect.status != "wanted" and _OURS.fullmatch(call):
            place = call.split("_", 1)[1].rpartition("_")[0].replace("_", ".")
            moves.setdefault(place, f"a call of {effect.call.tool}")
    return moves


def called(step: Step) -> str:
    """Say what a recorded step is."""
    return "a question to a model" if step.asked else "a program" if step.program else "a note"


def skipped(path: str, due: Mapping[str, str]) -> str:
    """Give a recorded move that can only have come after a move at this path, which is not recorded; empty for none."""
    here = path.split(".")
    for other in due:
        there = other.split(".")
        first = next((place for place, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), None)
        # Numbers of moves and of branches take turns in a path; branches come at the same time.
        if first is None or (first % 2 == 0 and int(there[first]) > int(here[first])):
            return other
    return ""


def same_note(path: str, step: Step, move: Note) -> None:
    """Raise `DivergedError` unless the note was the same."""
    noted = step.noted
    recorded = called(step) if noted is None else f"the {noted.kind} note {noted.body!r}"
    # Compared as written: what is no number is not equal to itself.
    if noted is None or (noted.kind, packed(noted.body)) != (move.kind, packed(fit(move.body))):
        raise DivergedError(path, recorded, f"the {move.kind} note {move.body!r}")


def written(call: Call, secrets: Redactor) -> Call:
    """Give a call that a strategy or a program made itself as the journal holds it."""
    args = fit(call.args)
    assert isinstance(args, dict)
    own = Call(call.tool, {str(key): value for key, value in args.items()}, call.id, call.malformed, call.problem)
    kept = secrets.redact_event(EffectStarted(call.id, made=own)).made
    assert kept is not None
    return kept


def same_call(recorded: Call, call: Call, *, changed: bool = False) -> bool:
    """Say whether a call is the recorded one; when a guard changed that one's arguments, only its tool is known."""
    return recorded.tool == call.tool and (changed or same_args(recorded.args, call.args))


def same_args(one: JsonObject, other: JsonObject) -> bool:
    """Compare arguments, also as written: what is no number is not equal to itself."""
    return one == other or packed(one) == packed(other)
