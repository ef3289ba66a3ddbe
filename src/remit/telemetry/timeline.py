"""Timeline: a session told in rows, one for each thing that is over. Pure: records in, rows out, O(1) a record."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, assert_never

from remit.core import events as ev
from remit.core.messages import Call, Outcome, Usage
from remit.core.values import Nanos, show_usd
from remit.telemetry.words import call_text, duration, head, json_text, offset

Mood = Literal["plain", "quiet", "good", "warn", "bad"]
"""How a row is meant: for colours."""

_Decided = ev.ApprovalEvent | ev.Judged | ev.InputEvent
_Acted = ev.EffectStarted | ev.EffectEnded | ev.EffectInDoubt | ev.EffectReconciled

_PLACE = re.compile(r"c\d+_(\d+(?:_\d+)*)_\d+f*")
_ALIKE: dict[ev.RunStatus, Mood] = {"done": "good", "cancelled": "warn", "stopped": "warn"}
_LEVELS: dict[ev.Level, Mood] = {"notice": "quiet", "warn": "warn", "answer": "warn", "stop": "bad", "pause": "bad"}
_STATUSES: dict[str, Mood] = {"ok": "good", "failed": "bad", "denied": "bad", "simulated": "warn"}


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that happened, in words."""

    seq: int
    at: int
    """Milliseconds since the epoch."""
    since: int
    """Milliseconds since the session was opened."""
    title: str
    detail: str = ""
    step: str = ""
    """The path of the move it belongs to, such as `4.1.0`."""
    wants: str = ""
    """The calls a model asked for."""
    mood: Mood = "plain"
    took: int | None = None
    """Milliseconds between the records of its beginning and its end, which may be a little late."""
    attempts: int = 1
    waited: int = 0
    """Milliseconds of it in which nothing was done."""
    usage: Usage | None = None
    cost: Nanos = 0


@dataclass(slots=True)
class Totals:
    """What all of it came to."""

    runs: int = 0
    asks: int = 0
    calls: int = 0
    failures: int = 0
    """Model and tool calls that ended badly."""
    input: int = 0
    """Tokens, cached ones too."""
    output: int = 0
    cached: int = 0
    cost: Nanos = 0


class Timeline:
    """Takes in records one by one and tells what each of them brought to an end."""

    def __init__(self) -> None:
        """Begin before the first record."""
        self.totals = Totals()
        self._begun = 0
        self._models: dict[str, str] = {}
        self._asked: dict[str, ev.Record] = {}
        self._started: dict[str, ev.Record] = {}
        self._calls: dict[str, Call] = {}
        self._programs: dict[str, ev.Record] = {}

    @classmethod
    def tell(cls, records: Iterable[ev.Record]) -> tuple["Timeline", list[Row]]:
        """Tell a whole journal, what is still under way last."""
        timeline = cls()
        rows = [row for record in records if (row := timeline.see(record)) is not None]
        return timeline, [*rows, *timeline.under_way()]

    def see(self, record: ev.Record) -> Row | None:
        """Take in the next record; give a row unless it only begins something."""
        self._begun = self._begun or record.at
        event = record.event
        match event:
            case ev.ModelAsked() | ev.ModelAnswered() | ev.ModelFailed():
                return self._model(record, event)
            case ev.EffectStarted() | ev.EffectEnded() | ev.EffectInDoubt() | ev.EffectReconciled():
                return self._effect(record, event)
            case ev.ApprovalAsked() | ev.ApprovalGiven() | ev.ApprovalEscalated():
                row = self._decision(record, event)
            case ev.Judged() | ev.InputAsked() | ev.InputGiven():
                row = self._decision(record, event)
            case ev.SessionOpened() | ev.MessageReceived() | ev.SessionClosed():
                return self._session(record, event)
            case ev.RunOpened() | ev.RunSuspended() | ev.RunResumed() | ev.RunEnded():
                return self._run(record, event)
            case ev.ProgramStarted() | ev.ProgramPaused() | ev.ProgramEnded():
                row = self._program(record, event)
            case ev.Noted() | ev.Flagged() | ev.LimitRaised() | ev.CancelAsked():
                row = self._side(record, event)
            case _:
                assert_never(event)
        return row

    def under_way(self) -> list[Row]:
        """Tell what has begun and not ended, oldest first."""
        rows = [Row(*self._at(record), self._who(record.event), "no answer yet", step=step, mood="warn")
                for step, record in self._asked.items()]  # fmt: skip
        for step, record in self._programs.items():
            rows.append(Row(*self._at(record), "program", "no end yet", step, mood="warn"))
        for name, record in self._started.items():
            rows.append(
                Row(*self._at(record), "started", f"{self._text(name)}: no outcome yet", _place(name), mood="warn")
            )
        return sorted(rows, key=lambda row: row.seq)

    # -- models ----------------------------------------------------------------------------------------------------

    def _model(self, record: ev.Record, event: ev.ModelEvent) -> Row | None:
        if isinstance(event, ev.ModelAsked):
            self._asked[event.step] = record
            return None
        asked = self._asked.pop(event.step, None)
        took = None if asked is None else record.at - asked.at
        self.totals.asks += 1
        self.totals.cost += event.cost
        title = "model" if asked is None else self._who(asked.event)
        if isinstance(event, ev.ModelFailed):
            self.totals.failures += 1
            return Row(*self._at(record), title, head(event.error), event.step, mood="bad", took=took, cost=event.cost)
        usage = event.usage
        self.totals.input += usage.input
        self.totals.output += usage.output
        self.totals.cached += usage.cached
        self._calls.update((call.id, call) for call in event.calls)
        detail = head(event.text) + (f" (unusable: {head(event.problem)})" if event.problem else "")
        return Row(
            *self._at(record),
            f"{event.model or title} (cached)" if event.hit else event.model or title,
            detail,
            event.step,
            wants=", ".join(call_text(call) for call in event.calls),
            mood="warn" if event.problem or event.stop else "plain",
            took=took,
            usage=usage,
            cost=event.cost,
        )

    def _who(self, event: ev.Event) -> str:
        assert isinstance(event, ev.ModelAsked)
        role = event.role or "default"
        name = event.model or self._models.get(role, "model")
        return f"{name} as {event.role}" if event.role else name

    # -- effects ---------------------------------------------------------------------------------------------------

    def _effect(self, record: ev.Record, event: _Acted) -> Row | None:
        match event:
            case ev.EffectStarted():
                self._know(event.call, event.made)
                self._started[event.call] = record
                return None
            case ev.EffectEnded():
                self._know(event.outcome.call, event.made)
                return self._ended(record, event)
            case ev.EffectInDoubt():
                self._started.pop(event.call, None)
                return Row(*self._at(record), "in doubt", f"{self._text(event.call)}: {head(event.question)}",
                                 _place(event.call), mood="bad")  # fmt: skip
            case ev.EffectReconciled():
                found = "it happened" if event.happened else "it did not happen"
                shown = f": {head(json_text(event.output))}" if event.output is not None else ""
                text = f"{event.by} found that {found}: {self._text(event.call)}{shown}"
                return Row(*self._at(record), "settled", text, _place(event.call), mood="warn")
            case _:
                assert_never(event)

    def _ended(self, record: ev.Record, event: ev.EffectEnded) -> Row:
        outcome = event.outcome
        started = self._started.pop(outcome.call, None)
        self.totals.calls += 1
        self.totals.cost += event.cost
        self.totals.failures += outcome.status == "failed"
        return Row(
            *self._at(record),
            "tool" if outcome.status == "ok" else outcome.status,
            f"{self._text(outcome.call)} → {_shown(outcome)}",
            _place(outcome.call),
            mood=_STATUSES[outcome.status],
            took=None if started is None else record.at - started.at,
            attempts=event.attempts,
            waited=event.waited,
            cost=event.cost,
        )

    def _decision(self, record: ev.Record, event: _Decided) -> Row:
        step = _place(event.call)
        match event:
            case ev.InputAsked() | ev.InputGiven():
                return self._input(record, event)
            case ev.ApprovalAsked():
                self._know(event.call, event.made)
                whom = "a person" if event.persons == 1 else f"{event.persons} people"
                text = f"{self._text(event.call)} ({event.call}) waits for {whom}: {head(event.reason)}"
                return Row(*self._at(record), "approval?", text, step, mood="warn")
            case ev.ApprovalGiven():
                reason = f": {head(event.reason)}" if event.reason else ""
                text = f"{self._text(event.call)} by {event.by}{reason}"
                title, mood = ("approved", "good") if event.granted else ("denied", "bad")
                if event.args is not None:
                    title, text = "edited", f"{text}, to be {head(json_text(event.args))}"
                return Row(*self._at(record), title, text, step, mood=mood)
            case ev.ApprovalEscalated():
                text = f"{self._text(event.call)} ({event.call}) still waits: more people are told"
                return Row(*self._at(record), "escalated", text, step, mood="warn")
            case ev.Judged():
                guard = event.guard or "policy"
                text = f"{guard} on {self._text(event.call)}: {head(event.reason)}"
                return Row(
                    *self._at(record), event.verdict, text, step, mood="bad" if event.verdict == "deny" else "warn"
                )
            case _:
                assert_never(event)

    def _input(self, record: ev.Record, event: ev.InputEvent) -> Row:
        step = _place(event.call)
        match event:
            case ev.InputAsked():
                self._started.pop(event.call, None)
                text = f"{self._text(event.call)} ({event.call}) asks a person: {head(event.question)}"
                return Row(*self._at(record), "input?", text, step, mood="warn")
            case ev.InputGiven():
                said = "declined" if event.given is None else f"said {head(json_text(event.given))}"
                return Row(*self._at(record), "input", f"{event.by} {said} to {self._text(event.call)}", step)
            case _:
                assert_never(event)

    def _know(self, name: str, made: Call | None) -> None:
        if made is not None:
            self._calls[name] = made

    def _text(self, name: str) -> str:
        call = self._calls.get(name)
        return name if call is None else call_text(call)

    # -- life ------------------------------------------------------------------------------------------------------

    def _session(self, record: ev.Record, event: ev.SessionOpened | ev.MessageReceived | ev.SessionClosed) -> Row:
        match event:
            case ev.SessionOpened():
                self._models = event.models
                return Row(*self._at(record), "session", _declared(event), mood="quiet")
            case ev.MessageReceived():
                shown = [f"[{part.name or part.url or part.media}]" for part in event.parts]
                return Row(*self._at(record), event.by, " ".join([head(event.text), *shown]))
            case ev.SessionClosed():
                return Row(*self._at(record), "closed", _because(f"by {event.by}", event.reason), mood="quiet")
            case _:
                assert_never(event)

    def _run(self, record: ev.Record, event: ev.RunOpened | ev.RunSuspended | ev.RunResumed | ev.RunEnded) -> Row:
        match event:
            case ev.RunOpened():
                self.totals.runs += 1
                self._calls = {}
                return Row(
                    *self._at(record), f"run {event.run}", f"{event.strategy} on worker {event.worker}", mood="quiet"
                )
            case ev.RunSuspended():
                why = event.why.replace("_", " ")
                return Row(*self._at(record), "waits", _because(why, event.question), mood="warn")
            case ev.RunResumed():
                return Row(*self._at(record), "resumed", f"on worker {event.worker}", mood="quiet")
            case ev.RunEnded():
                # Whatever was under way when a run ends is over with it.
                self._asked, self._started, self._programs = {}, {}, {}
                output = head(json_text(event.output)) if event.output is not None else ""
                detail = _because(output, event.reason) if output else head(event.reason)
                return Row(*self._at(record), event.status, detail, mood=_ALIKE.get(event.status, "bad"))
            case _:
                assert_never(event)

    def _side(self, record: ev.Record, event: ev.SideEvent) -> Row:
        match event:
            case ev.Noted():
                return Row(
                    *self._at(record), f"note {event.kind}", head(json_text(event.body)), event.step, mood="quiet"
                )
            case ev.Flagged():
                step = _place(event.call) if event.call else ""
                return Row(*self._at(record), f"flag {event.kind}", head(event.reason), step, mood=_LEVELS[event.level])
            case ev.LimitRaised():
                return Row(
                    *self._at(record), "limit", f"{event.limit} raised to {event.to:g} by {event.by}", mood="warn"
                )
            case ev.CancelAsked():
                return Row(*self._at(record), "cancel", _because(f"asked by {event.by}", event.reason), mood="warn")
            case _:
                assert_never(event)

    def _program(self, record: ev.Record, event: ev.ProgramEvent) -> Row | None:
        match event:
            case ev.ProgramStarted():
                self._programs[event.step] = record
                return None
            case ev.ProgramPaused():
                return Row(*self._at(record), "program", f"kept after {_calls(event.calls)}", event.step, mood="warn")
            case ev.ProgramEnded():
                started = self._programs.pop(event.step, None)
                took = None if started is None else record.at - started.at
                good = event.status == "ok"
                detail = head(json_text(event.value)) if good else head(event.why or event.error.rpartition("\n")[2])
                said = f"{event.status.replace('_', ' ')} after {_calls(event.calls)}"
                return Row(*self._at(record), "program", _because(said, detail), event.step,
                           mood="good" if good else "bad", took=took)  # fmt: skip
            case _:
                assert_never(event)

    def _at(self, record: ev.Record) -> tuple[int, int, int]:
        return record.seq, record.at, record.at - self._begun


def line(row: Row) -> str:
    """Write a row as one line of text: number, time since the session was opened, step, title, detail, figures."""
    detail = " ".join(part for part in (row.detail, f"→ {row.wants}" if row.wants else "") if part)
    shown = figures(row)
    text = f"{row.seq:>4} {offset(row.since):>8}  {row.step:<6} {row.title:<12} {detail}"
    return f"{text}  [{shown}]" if shown else text.rstrip()


def figures(row: Row) -> str:
    """Write what a row took: time, attempts, tokens, money; empty when nothing is known."""
    parts: list[str] = []
    if row.took is not None:
        parts.append(duration(row.took))
    if row.attempts > 1:
        parts.append(f"{row.attempts} attempts")
    if row.waited:
        parts.append(f"{duration(row.waited)} of it waiting")
    if row.usage is not None and (row.usage.input or row.usage.output):
        cached = f" ({row.usage.cached} cached)" if row.usage.cached else ""
        parts.append(f"{row.usage.input}{cached}+{row.usage.output} tokens")
    if row.cost:
        parts.append(show_usd(row.cost))
    return ", ".join(parts)


def _shown(outcome: Outcome) -> str:
    whole = f" (all {outcome.size} bytes in blob {outcome.blob[:12]})" if outcome.blob else ""
    return head(json_text(outcome.output)) + whole


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number} calls"


def _because(what: str, reason: str) -> str:
    return f"{what}: {head(reason)}" if reason else what


def _place(call: str) -> str:
    """Find the step a call belongs to in the id the runtime gave it; empty for ids of a strategy's own."""
    found = _PLACE.fullmatch(call)
    return found[1].replace("_", ".") if found else ""


def _declared(event: ev.SessionOpened) -> str:
    parts = [f"{event.agent}@{event.version}, {event.strategy}, tenant {event.tenant}"]
    parts.append("models " + ", ".join(f"{role}={name}" for role, name in event.models.items()))
    if event.tools:
        parts.append("tools " + ", ".join(event.tools))
    if event.tree.parent:
        parts.append(f"child of {event.tree.parent}")
    if event.forked:
        parts.append(f"forked from {event.forked}")
    return "; ".join(parts)
