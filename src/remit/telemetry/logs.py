"""Logs: what happened in sessions, a line for each thing that a person who reads logs would want to be told.

Nothing is in a line that is not in the journal, which holds no registered secret; what was said and done is in it only
where somebody asked for that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, assert_never

import msgspec

from remit.core import events as ev
from remit.core.messages import Call
from remit.core.values import JsonValue, usd
from remit.telemetry.cost.charges import copied, place
from remit.telemetry.spans.identity import span_id
from remit.telemetry.spans.placing import Placing
from remit.telemetry.words import json_text

LONGEST = 2048
"""Characters of a value that was said or done."""

Severity = Literal["info", "warning", "error"]

_SEVERITY: Mapping[ev.RunStatus, Severity] = {
    "done": "info", "stopped": "warning", "cancelled": "warning", "failed": "error", "refused": "error",
    "diverged": "error",
}  # fmt: skip
_FLAGGED: Mapping[ev.Level, Severity] = {
    "notice": "info", "warn": "warning", "answer": "warning", "stop": "error", "pause": "error",
}  # fmt: skip


class Line(msgspec.Struct, frozen=True):
    """Something that happened."""

    level: Severity
    event: str
    """What, such as `tool.ended`."""
    at: int
    """Milliseconds since the epoch, as recorded."""
    fields: Mapping[str, JsonValue]


Told = tuple[Severity, str, dict[str, JsonValue]]


class Logs:
    """Remembers of each session what its next line needs."""

    def __init__(self, *, content: bool = False, longest: int = LONGEST) -> None:
        """Say what was said and done, and by whom, only with `content`, each value cut to `longest` characters."""
        self._content, self._longest = content, longest
        self._tellers: dict[str, _Teller] = {}

    def see(self, session: str, record: ev.Record) -> Line | None:
        """Take in a session's next record; give its line, unless it only begins something or was given to a fork."""
        teller = self._tellers.get(session)
        if teller is None:
            teller = self._tellers[session] = _Teller(Placing(session), self._content, self._longest)
        line = teller.see(record)
        # That a fork began is news; what it was given is not.
        return line if record.seq > teller.copied or isinstance(record.event, ev.SessionOpened) else None

    def forget(self, session: str) -> None:
        """Let go of a session that is at rest; before its next record it must be shown all of it again."""
        self._tellers.pop(session, None)


@dataclass(slots=True)
class _Teller:
    """One session."""

    placing: Placing
    content: bool
    longest: int
    copied: int = 0
    _began: dict[str, int] = field(default_factory=dict[str, int])
    """When questions, by step, and calls began."""
    _calls: dict[str, Call] = field(default_factory=dict[str, Call])

    def see(self, record: ev.Record) -> Line | None:
        event = record.event
        self.placing.take(event)
        self._keep(record, event)
        told = self._told(event, record.at)
        if told is None:
            return None
        level, what, fields = told
        return Line(level, what, record.at, self._where(record, fields) | fields)

    def _where(self, record: ev.Record, fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        placing, opened = self.placing, self.placing.opened
        where: dict[str, JsonValue] = {"session": placing.session, "seq": record.seq, "run": placing.run}
        if opened is not None:
            where |= {"tenant": opened.tenant, "agent": opened.agent}
        where["trace_id"] = placing.below.trace.hex()
        if placing.run:
            call = fields.get("call")
            parts = ("tool", call) if isinstance(call, str) else ("run",)
            where["span_id"] = span_id(placing.session, placing.run, *parts).hex()
        return where

    def _keep(self, record: ev.Record, event: ev.Event) -> None:
        match event:
            case ev.SessionOpened():
                self.copied = copied(event)
            case ev.RunOpened():
                self._began, self._calls = {}, {}
            case ev.ModelAsked():
                self._began[event.step] = record.at
            case ev.ModelAnswered():
                self._calls.update((call.id, call) for call in event.calls)
            case ev.EffectStarted():
                self._began[event.call] = record.at
                self._know(event.call, event.made)
            case ev.ApprovalAsked():
                self._know(event.call, event.made)
            case ev.EffectEnded():
                self._know(event.outcome.call, event.made)
            case _:
                pass

    def _know(self, name: str, made: Call | None) -> None:
        if made is not None:
            self._calls[name] = made

    # -- what is told ----------------------------------------------------------------------------------------------

    def _told(self, event: ev.Event, at: int) -> Told | None:
        match event:
            case ev.ModelAsked() | ev.ModelAnswered() | ev.ModelFailed():
                return self._model(event, at)
            case ev.ProgramStarted() | ev.ProgramPaused() | ev.ProgramEnded():
                return self._program(event)
            case ev.SessionOpened() | ev.MessageReceived() | ev.SessionClosed() | ev.RunOpened():
                return self._session(event)
            case ev.RunSuspended() | ev.RunResumed() | ev.RunEnded():
                return self._run(event)
            case ev.Noted() | ev.Flagged() | ev.LimitRaised() | ev.CancelAsked():
                return self._side(event)
            case _:
                return self._effect(event, at)

    def _session(self, event: ev.SessionOpened | ev.MessageReceived | ev.SessionClosed | ev.RunOpened) -> Told:
        match event:
            case ev.SessionOpened():
                more: dict[str, JsonValue] = {"parent": event.tree.parent} if event.tree.parent else {}
                more |= {"forked": event.forked} if event.forked else {}
                return "info", "session.opened", {"version": event.version, "strategy": event.strategy, **more}
            case ev.MessageReceived():
                return (
                    "info",
                    "message.received",
                    {"parts": len(event.parts), **self._words(by=event.by, text=event.text)},
                )
            case ev.SessionClosed():
                return "info", "session.closed", self._words(by=event.by, reason=event.reason)
            case ev.RunOpened():
                return "info", "run.opened", {"strategy": event.strategy, "worker": event.worker}
            case _:
                assert_never(event)

    def _run(self, event: ev.RunSuspended | ev.RunResumed | ev.RunEnded) -> Told:
        match event:
            case ev.RunSuspended():
                level: Severity = "warning" if event.why in {"alarm", "in_doubt"} else "info"
                return level, "run.suspended", {"why": event.why, **self._words(question=event.question)}
            case ev.RunResumed():
                return "info", "run.resumed", {"worker": event.worker}
            case ev.RunEnded():
                words = self._words(reason=event.reason, output=event.output)
                return _SEVERITY[event.status], "run.ended", {"status": event.status, **words}
            case _:
                assert_never(event)

    def _model(self, event: ev.ModelEvent, at: int) -> Told | None:
        if isinstance(event, ev.ModelAsked):
            return None
        told: dict[str, JsonValue] = {"step": event.step, **self._took(event.step, at), "cost_usd": usd(event.cost)}
        if isinstance(event, ev.ModelFailed):
            told |= {"error": _class(event.error), "final": event.final, **self._words(why=event.error)}
            return ("error" if event.final else "warning"), "model.failed", told
        told |= {"input_tokens": event.usage.input, "output_tokens": event.usage.output, "calls": len(event.calls)}
        told |= {"model": event.model} if event.model else {}
        told |= {"hit": True} if event.hit else {}
        told |= {"stop": event.stop} if event.stop else {}
        level: Severity = "warning" if event.problem else "info"
        told |= {"unusable": True} if event.problem else {}
        return level, "model.answered", told | self._words(text=event.text, problem=event.problem)

    def _program(self, event: ev.ProgramEvent) -> Told | None:
        match event:
            case ev.ProgramStarted():
                told: dict[str, JsonValue] = {"step": event.step, "tier": event.tier, "digest": event.digest}
                return "info", "program.started", told | self._words(code=event.code)
            case ev.ProgramPaused():
                return "info", "program.paused", {"step": event.step, "calls": event.calls}
            case ev.ProgramEnded():
                level: Severity = "info" if event.status in {"ok", "paused"} else "warning"
                told = {"step": event.step, "status": event.status, "calls": event.calls}
                return level, "program.ended", told | self._words(error=event.error, why=event.why, value=event.value)
            case _:
                assert_never(event)

    def _side(self, event: ev.SideEvent) -> Told | None:
        match event:
            case ev.Noted():
                return None
            case ev.Flagged():
                about: dict[str, JsonValue] = self._call(event.call) if event.call else {}
                told = {"flag": event.kind, "severity": event.level, **about, **self._words(reason=event.reason)}
                return _FLAGGED[event.level], "flagged", told
            case ev.LimitRaised():
                return "info", "limit.raised", {"limit": event.limit, "to": event.to, **self._words(by=event.by)}
            case ev.CancelAsked():
                return "warning", "cancel.asked", self._words(by=event.by, reason=event.reason)
            case _:
                assert_never(event)

    # -- effects ---------------------------------------------------------------------------------------------------

    def _effect(self, event: ev.EffectEvent | ev.InputEvent, at: int) -> Told | None:
        match event:
            case ev.EffectStarted():
                return None
            case ev.EffectEnded():
                return self._ended(event, at)
            case ev.Judged():
                level: Severity = "warning" if event.verdict == "deny" else "info"
                told = {**self._call(event.call), "guard": event.guard, "verdict": event.verdict}
                return level, "judged", told | self._words(reason=event.reason)
            case ev.EffectInDoubt():
                return "error", "tool.in_doubt", self._call(event.call) | self._words(question=event.question)
            case ev.EffectReconciled():
                told = {**self._call(event.call), "happened": event.happened, **self._words(by=event.by)}
                return "info", "tool.reconciled", told
            case _:
                return self._asked(event)

    def _asked(self, event: ev.ApprovalEvent | ev.InputEvent) -> Told:
        about = self._call(event.call)
        match event:
            case ev.ApprovalAsked():
                about |= {"expires": event.expires, "persons": event.persons}
                return "info", "approval.asked", about | self._words(reason=event.reason)
            case ev.ApprovalGiven():
                about |= {"granted": event.granted, "edited": event.args is not None}
                return "info", "approval.given", about | self._words(by=event.by, reason=event.reason)
            case ev.ApprovalEscalated():
                return "warning", "approval.escalated", about
            case ev.InputAsked():
                return "info", "input.asked", about | self._words(question=event.question)
            case ev.InputGiven():
                words = self._words(by=event.by, given=event.given)
                return "info", "input.given", about | {"declined": event.given is None, **words}
            case _:
                assert_never(event)

    def _ended(self, event: ev.EffectEnded, at: int) -> Told:
        outcome, call = event.outcome, self._calls.get(event.outcome.call)
        told = {**self._call(outcome.call), "status": outcome.status, **self._took(outcome.call, at)}
        told |= {"attempts": event.attempts, "waited_ms": event.waited, "cost_usd": usd(event.cost)}
        level: Severity = "warning" if outcome.status in {"failed", "denied"} else "info"
        return level, "tool.ended", told | self._words(args=call.args if call else None, output=outcome.output)

    def _call(self, name: str) -> dict[str, JsonValue]:
        call = self._calls.get(name)
        return {"step": place(name), "call": name, "tool": call.tool if call else ""}

    def _took(self, name: str, at: int) -> dict[str, JsonValue]:
        began = self._began.get(name)
        return {} if began is None else {"ms": max(at - began, 0)}

    def _words(self, **said: JsonValue) -> dict[str, JsonValue]:
        """Tell what somebody said or did, if that is wanted and there is any."""
        if not self.content:
            return {}
        return {name: self._cut(value) for name, value in said.items() if value not in (None, "")}

    def _cut(self, value: JsonValue) -> JsonValue:
        text = json_text(value)
        if len(text) <= self.longest:
            return value
        return f"{text[: self.longest - 1]}…"


def _class(error: str) -> str:
    """Give the class of an error from what was recorded of it, such as `OverloadedError: busy`."""
    name = error.partition(":")[0]
    return name if name.isidentifier() and name.endswith("Error") else "other"
