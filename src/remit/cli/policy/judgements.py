"""Judgements: the calls of a session, each with its journal up to the moment before it was first judged. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from remit.core import events as ev
from remit.core.errors import ConfigError
from remit.core.messages import Call, Outcome
from remit.core.state import State
from remit.core.values import JsonObject

_PATH = re.compile(r"\d+(?:\.\d+)*")
_REFUSED = re.compile(r"is blocked by the rule `|no rule allows (?:\w+://|that address)")
"""What a host policy says of a place that may not be reached."""

_OfCall = (
    ev.Judged
    | ev.ApprovalAsked
    | ev.ApprovalGiven
    | ev.ApprovalEscalated
    | ev.EffectStarted
    | ev.EffectEnded
    | ev.EffectInDoubt
    | ev.EffectReconciled
    | ev.InputAsked
    | ev.InputGiven
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A call, how things stood when it was judged, and what the journal holds of it."""

    call: Call
    at: int
    """Milliseconds since the epoch."""
    before: Sequence[ev.Record]
    records: tuple[ev.Record, ...]
    """All that is about the call; empty when it was not judged yet."""

    def state(self) -> State:
        """Fold what came before."""
        return State.fold(record.event for record in self.before)

    @property
    def outcome(self) -> Outcome | None:
        """How it ended."""
        ended = [record.event.outcome for record in self.records if isinstance(record.event, ev.EffectEnded)]
        return ended[-1] if ended else None

    def said(self) -> Iterator[JsonObject]:
        """Give what guards and people said of it, as the journal has it."""
        for record in self.records:
            match record.event:
                case ev.Judged(guard=guard, verdict=verdict, reason=reason):
                    yield {"seq": record.seq, "by": guard, "said": verdict, "reason": reason}
                case ev.ApprovalGiven(by=by, granted=granted, reason=reason, args=args):
                    said = "denied" if not granted else "approved" if args is None else "edited"
                    given: JsonObject = {"seq": record.seq, "by": by, "said": said, "reason": reason}
                    if args is not None:
                        given["args"] = args
                    yield given
                case _:
                    pass

    @property
    def unreached(self) -> str:
        """What the host policy said, when it was that which stopped the call; empty when it was not."""
        outcome = self.outcome
        if outcome is None or outcome.status != "failed" or not isinstance(outcome.output, str):
            return ""
        return outcome.output if _REFUSED.search(outcome.output) else ""


def judgements(records: Sequence[ev.Record], step: str) -> list[Judgement]:
    """Find a call by its id, or all of a step of the last run that has some; raise `ConfigError` for neither.

    A call that people gave other arguments is several: it was judged again with each of them.
    """
    calls = _calls(records)
    wanted = [step] if step in calls else _of_step(calls, step)
    if not wanted:
        known = ", ".join(calls) or "none"
        raise ConfigError(f"no call {step!r} and no step with one; calls of this session: {known}")
    return [one for name in wanted for one in _judged(records, calls[name])]


def _calls(records: Sequence[ev.Record]) -> dict[str, Call]:
    """Give all calls by id, as they were first wished for: a guard may have changed one later."""
    found: dict[str, Call] = {}
    for record in records:
        match record.event:
            case ev.ModelAnswered(calls=calls):
                for call in calls:
                    found.setdefault(call.id, call)
            case ev.EffectStarted(made=Call() as made) | ev.EffectEnded(made=Call() as made):
                found.setdefault(made.id, made)
            case ev.ApprovalAsked(made=Call() as made):
                found.setdefault(made.id, made)
            case _:
                pass
    return found


def _of_step(calls: dict[str, Call], step: str) -> list[str]:
    if not _PATH.fullmatch(step):
        return []
    form = re.compile(rf"c(\d+)_{step.replace('.', '_')}_\d+f?")
    found = [(int(match[1]), name) for name in calls if (match := form.fullmatch(name))]
    last = max((run for run, _ in found), default=0)
    return [name for run, name in found if run == last]


def _judged(records: Sequence[ev.Record], call: Call) -> Iterator[Judgement]:
    places = [place for place, record in enumerate(records) if _about(record.event) == call.id]
    begun = 0
    for count, place in enumerate(places, 1):
        event = records[place].event
        if isinstance(event, ev.ApprovalGiven) and event.args is not None:
            yield _judgement(records, call, places[begun:count])
            call, begun = replace(call, args=event.args), count
    yield _judgement(records, call, places[begun:])


def _judgement(records: Sequence[ev.Record], call: Call, places: Sequence[int]) -> Judgement:
    first = places[0] if places else len(records)
    # What nobody judged yet is judged as things stand now.
    at = records[first].at if places else records[-1].at
    return Judgement(call, at, records[:first], tuple(records[place] for place in places))


def _about(event: ev.Event) -> str:
    if isinstance(event, ev.EffectEnded):
        return event.outcome.call
    return event.call if isinstance(event, _OfCall) else ""
