"""Tree: reads a session's records into its tree: messages and runs, in runs what was done, below it what came of it."""

import re
from collections.abc import Iterable
from typing import assert_never

from msgspec.structs import replace

from remit.core import events as ev
from remit.core.messages import Call
from remit.telemetry.trace.node import Kind, Mood, Node
from remit.telemetry.words import about, head, json_text

_PLACE = re.compile(r"c\d+_(\d+(?:_\d+)*)_\d+f*")
_LONGEST = 80

_ENDS: dict[str, Mood] = {"done": "good", "ok": "good", "cancelled": "warn", "simulated": "warn", "hit": "good"}
_LEVELS: dict[ev.Level, Mood] = {"notice": "plain", "warn": "warn", "answer": "warn", "stop": "bad", "pause": "bad"}


def tree(records: Iterable[ev.Record]) -> tuple[Node, ...]:
    """Give the nodes of a session in the order in which they began; a node's parent comes before it."""
    reading = _Reading()
    for record in records:
        reading.see(record)
    return tuple(reading.nodes)


class _Reading:
    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._models: dict[str, str] = {}
        self._run = -1
        self._steps: dict[str, int] = {}
        self._calls: dict[str, int] = {}
        self._made: dict[str, Call] = {}

    def see(self, record: ev.Record) -> None:
        event = record.event
        match event:
            case ev.SessionOpened():
                self._models = event.models
            case ev.SessionClosed():
                self._add(record, "person", event.by, f"closed {event.reason}", parent=-1, status="closed")
            case ev.MessageReceived():
                parts = "".join(f" [{part.name or part.media}]" for part in event.parts)
                self._add(record, "message", event.by, about(event.text, _LONGEST) + parts, parent=-1)
            case ev.RunOpened() | ev.RunSuspended() | ev.RunResumed() | ev.RunEnded():
                self._of_run(record, event)
            case ev.ModelAsked() | ev.ModelAnswered() | ev.ModelFailed():
                self._model(record, event)
            case ev.ProgramStarted() | ev.ProgramPaused() | ev.ProgramEnded():
                self._program(record, event)
            case ev.EffectStarted() | ev.EffectEnded() | ev.EffectInDoubt() | ev.EffectReconciled():
                self._effect(record, event)
            case ev.ApprovalAsked() | ev.ApprovalGiven() | ev.ApprovalEscalated() | ev.InputAsked() | ev.InputGiven():
                self._person(record, event)
            case ev.Judged() | ev.Flagged() | ev.Noted() | ev.LimitRaised() | ev.CancelAsked():
                self._side(record, event)
            case _:
                assert_never(event)

    # -- runs ------------------------------------------------------------------------------------------------------

    def _of_run(self, record: ev.Record, event: ev.RunOpened | ev.RunSuspended | ev.RunResumed | ev.RunEnded) -> None:
        match event:
            case ev.RunOpened():
                self._steps, self._calls, self._made = {}, {}, {}
                self._run = self._add(
                    record, "run", event.strategy, "", parent=-1, took=None, status=f"run {event.run}"
                )
            case ev.RunSuspended():
                why = event.why.replace("_", " ")
                self._add(record, "person", f"waits: {why}", event.question, mood="warn", status="waits")
            case ev.RunResumed():
                self._add(record, "note", "resumed", "")
            case ev.RunEnded():
                self._over(record, event)
            case _:
                assert_never(event)

    def _over(self, record: ev.Record, event: ev.RunEnded) -> None:
        for place in (*self._steps.values(), *self._calls.values()):
            node = self.nodes[place]
            if node.took is None:
                self._set(place, took=record.at - node.began, mood="warn", status=node.status or "unfinished")
        if self._run >= 0:
            text = json_text(event.output) if event.output is not None else event.reason
            node = self.nodes[self._run]
            self._set(self._run, took=record.at - node.began, text=head(text, _LONGEST),
                      mood=_ENDS.get(event.status, "bad"), status=event.status)  # fmt: skip
        self._run = -1

    # -- models and programs ---------------------------------------------------------------------------------------

    def _model(self, record: ev.Record, event: ev.ModelEvent) -> None:
        if isinstance(event, ev.ModelAsked):
            name = event.model or self._models.get(event.role or "default", "model")
            if event.step in self._steps:
                # Asked again after a failure or a crash: one step, however often it was tried.
                self._set(self._steps[event.step], took=None, status="")
                return
            shown = f"{name} as {event.role}" if event.role else name
            self._steps[event.step] = self._add(record, "model", shown, event.say, took=None)
            return
        place = self._steps.get(event.step)
        if place is None:
            return
        node = self.nodes[place]
        took, cost = record.at - node.began, node.cost + event.cost
        if isinstance(event, ev.ModelFailed):
            self._set(place, took=took, cost=cost, mood="bad", status="failed", text=head(event.error, _LONGEST))
            return
        for call in event.calls:
            self._made[call.id] = call
        wants = ", ".join(call.tool for call in event.calls)
        text = event.text or (f"→ {wants}" if wants else node.text)
        unfit = bool(event.problem or event.stop)
        self._set(place, took=took, cost=cost, tokens=event.usage.input + event.usage.output,
                  mood="warn" if unfit else "plain", text=head(text, _LONGEST),
                  status="hit" if event.hit else "unusable" if event.problem else "ok")  # fmt: skip

    def _program(self, record: ev.Record, event: ev.ProgramEvent) -> None:
        match event:
            case ev.ProgramStarted():
                self._steps[event.step] = self._add(
                    record, "program", f"program in {event.tier}", event.code, took=None
                )
            case ev.ProgramPaused():
                place = self._steps.get(event.step)
                if place is not None:
                    self._set(place, status="kept", mood="warn")
            case ev.ProgramEnded():
                place = self._steps.get(event.step)
                if place is not None:
                    good = event.status == "ok"
                    self._set(place, took=record.at - self.nodes[place].began, mood="good" if good else "bad",
                              status=event.status)  # fmt: skip
            case _:
                assert_never(event)

    # -- effects ---------------------------------------------------------------------------------------------------

    def _effect(
        self, record: ev.Record, event: ev.EffectStarted | ev.EffectEnded | ev.EffectInDoubt | ev.EffectReconciled
    ) -> None:
        match event:
            case ev.EffectStarted():
                self._set(self._call(record, event.call, event.made), took=None, status="", mood="plain")
            case ev.EffectEnded():
                place = self._call(record, event.outcome.call, event.made)
                status = event.outcome.status
                node = self.nodes[place]
                self._set(place, took=record.at - node.began, cost=node.cost + event.cost, status=status,
                          mood=_ENDS.get(status, "bad"))  # fmt: skip
            case ev.EffectInDoubt():
                self._set(self._call(record, event.call, None), status="in_doubt", mood="bad")
            case ev.EffectReconciled():
                place = self._call(record, event.call, None)
                found = "it happened" if event.happened else "it did not happen"
                self._add(record, "person", event.by, found, parent=place, status="settled")
            case _:
                assert_never(event)

    def _call(self, record: ev.Record, name: str, made: Call | None) -> int:
        """Find the node of a call, or begin it below the step whose model or program wanted it."""
        call = made or self._made.get(name)
        if made is not None:
            self._made[name] = made
        place = self._calls.get(name)
        if place is None:
            found = _PLACE.fullmatch(name)
            above = self._steps.get(found[1].replace("_", ".")) if found else None
            place = self._calls[name] = self._add(
                record,
                "tool",
                call.tool if call else name,
                json_text(call.args) if call else "",
                parent=self._run if above is None else above,
                took=None,
            )
        elif made is not None:
            self._set(place, name=made.tool, text=head(json_text(made.args), _LONGEST))
        return place

    # -- people and guards -----------------------------------------------------------------------------------------

    def _person(self, record: ev.Record, event: ev.ApprovalEvent | ev.InputEvent) -> None:
        match event:
            case ev.ApprovalAsked():
                place = self._call(record, event.call, event.made)
                self._set(place, status="asked", mood="warn")
            case ev.ApprovalGiven():
                place = self._call(record, event.call, None)
                said = ("approved" if event.granted else "denied") + (" with changes" if event.args is not None else "")
                text = f"{said}: {event.reason}" if event.reason else said
                mood: Mood = "good" if event.granted else "bad"
                self._add(record, "person", event.by, text, parent=place, mood=mood, status=said)
            case ev.ApprovalEscalated():
                place = self._call(record, event.call, None)
                self._add(record, "flag", "escalated", "nobody decided in time", parent=place, mood="warn")
            case ev.InputAsked():
                self._set(self._call(record, event.call, None), status="input", mood="warn")
            case ev.InputGiven():
                place = self._call(record, event.call, None)
                text = "declined" if event.given is None else json_text(event.given)
                self._add(record, "person", event.by, text, parent=place, status="answered")
            case _:
                assert_never(event)

    def _side(
        self, record: ev.Record, event: ev.Judged | ev.Flagged | ev.Noted | ev.LimitRaised | ev.CancelAsked
    ) -> None:
        match event:
            case ev.Judged():
                place = self._call(record, event.call, None)
                mood: Mood = "bad" if event.verdict == "deny" else "warn"
                self._add(record, "guard", f"{event.guard or 'policy'}: {event.verdict}", event.reason, parent=place,
                          mood=mood, status=event.verdict)  # fmt: skip
            case ev.Flagged():
                place = self._call(record, event.call, None) if event.call else self._run
                self._add(record, "flag", event.kind, event.reason, parent=place, mood=_LEVELS[event.level])
            case ev.Noted():
                self._add(record, "note", event.kind, json_text(event.body))
            case ev.LimitRaised():
                self._add(record, "person", event.by, f"{event.limit} raised to {event.to:g}")
            case ev.CancelAsked():
                self._add(record, "person", event.by, f"cancelled {event.reason}", mood="warn", status="cancelled")
            case _:
                assert_never(event)

    # -- nodes -----------------------------------------------------------------------------------------------------

    def _add(
        self, record: ev.Record, kind: Kind, name: str, text: str, *, parent: int | None = None, **more: object
    ) -> int:
        above = self._run if parent is None else parent
        node = Node(above, kind, name, head(text, _LONGEST), record.seq, record.at, 0, "plain", "")
        self.nodes.append(replace(node, **more))
        return len(self.nodes) - 1

    def _set(self, place: int, **changes: object) -> None:
        self.nodes[place] = replace(self.nodes[place], **changes)
