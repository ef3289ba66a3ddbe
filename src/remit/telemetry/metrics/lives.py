"""Lives: where each session stands that is not at rest, for gauges."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from remit.core import events as ev
from remit.core.values import digest
from remit.telemetry.cost import Charges

Standing = Literal["idle", "running", "waiting", "closed"]


@dataclass(slots=True)
class Life:
    """One session."""

    charges: Charges
    status: Standing = "idle"
    why: str = ""
    last: int = 0
    """When it last said something, in milliseconds since the epoch."""
    approvals: dict[str, int] = field(default_factory=dict[str, int])
    """When each call that waits for a decision began to, in milliseconds since the epoch."""
    questions: dict[str, "_Question"] = field(default_factory=dict[str, "_Question"])
    """What each of them is about, and who has allowed it."""
    inputs: set[str] = field(default_factory=set[str])
    doubts: dict[str, str] = field(default_factory=dict[str, str])
    """The tool of each call in doubt."""

    def see(self, record: ev.Record) -> None:
        """Take in the next record."""
        self.last = record.at
        event = record.event
        match event:
            case ev.RunOpened() | ev.RunResumed():
                self.status, self.why = "running", ""
            case ev.RunSuspended():
                self.status, self.why = "waiting", event.why
            case ev.RunEnded():
                self.status, self.why = "idle", event.status
                self.approvals, self.inputs, self.doubts, self.questions = {}, set(), {}, {}
            case ev.SessionClosed():
                self.status = "closed"
            case _:
                self._wait(record, event)

    def _wait(self, record: ev.Record, event: ev.Event) -> None:
        match event:
            case ev.ApprovalAsked():
                self.approvals[event.call] = record.at
                known = self.questions.get(event.call)
                names = known.names if known is not None and known.digest == event.digest else frozenset[str]()
                self.questions[event.call] = _Question(event.digest, event.persons, names)
            case ev.ApprovalGiven():
                self._give(event)
            case ev.InputAsked():
                self.inputs.add(event.call)
            case ev.InputGiven():
                self.inputs.discard(event.call)
            case ev.EffectInDoubt():
                call = self.charges.call(event.call)
                self.doubts[event.call] = call.tool if call else ""
            case ev.EffectReconciled():
                self.doubts.pop(event.call, None)
            case ev.EffectEnded():
                # An approval that lapsed, or a doubt the model was told of, is over too.
                for waiting in (self.approvals, self.doubts):
                    waiting.pop(event.outcome.call, None)
                self.inputs.discard(event.outcome.call)
            case _:
                pass

    def _give(self, event: ev.ApprovalGiven) -> None:
        question = self.questions.get(event.call)
        if event.granted and event.args is not None:
            # If it is asked about again, with exactly these arguments, one person has allowed it.
            call = self.charges.call(event.call)
            about = digest([call.tool if call else "", event.args])
            self.questions[event.call] = _Question(about, 1, frozenset({event.by}))
        elif event.granted and question is not None:
            question = replace(question, names=question.names | {event.by})
            self.questions[event.call] = question
            if len(question.names) < question.persons:
                return
        self.approvals.pop(event.call, None)


@dataclass(frozen=True, slots=True)
class _Question:
    digest: str
    persons: int
    names: frozenset[str] = frozenset()


def counted(lives: Mapping[str, Life], count: Callable[[Life], float]) -> dict[tuple[str, str], float]:
    """Sum a figure of sessions by agent and tenant."""
    found: dict[tuple[str, str], float] = {}
    for life in lives.values():
        figure = count(life)
        opened = life.charges.opened
        if figure and opened is not None:
            key = (opened.agent, opened.tenant)
            found[key] = found.get(key, 0.0) + figure
    return found


def highest(lives: Mapping[str, Life], figure: Callable[[Life], float]) -> dict[tuple[str, str], float]:
    """Give the highest figure of sessions by agent and tenant."""
    found: dict[tuple[str, str], float] = {}
    for life in lives.values():
        opened = life.charges.opened
        if opened is not None and (high := figure(life)) > 0:
            key = (opened.agent, opened.tenant)
            found[key] = max(found.get(key, 0.0), high)
    return found
