"""State: a session's past folded into one value. It changes only in `State.apply`, amortised O(1) an event."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, assert_never

import msgspec

from remit.core import events as ev
from remit.core.effect import Effect
from remit.core.limits import Limits
from remit.core.messages import AssistantMessage, Call, Message, Outcome, ToolMessage, UserMessage
from remit.core.values import JsonValue, Nanos

MAIN = ""
"""The key of the conversation that the session itself has; branches of a fork have their own."""


@dataclass(slots=True)
class Step:
    """One model call, note or program of the current run, as recorded."""

    asked: ev.ModelAsked | None = None
    answered: ev.ModelAnswered | None = None
    failed: ev.ModelFailed | None = None
    noted: ev.Noted | None = None
    program: ev.ProgramStarted | None = None
    paused: ev.ProgramPaused | None = None
    """Where it goes on from; `None` when from its beginning."""
    ran: ev.ProgramEnded | None = None


@dataclass(slots=True)
class Run:
    """The run under way. It is forgotten when it ends."""

    number: int
    strategy: str
    worker: str
    task: str
    clock: int
    """Milliseconds since the epoch from which its wall time counts."""
    by: tuple[str, ...] = ()
    """Who sent the messages it is about."""
    trace: str = ""
    """The W3C `traceparent` of the first of those messages that came with one."""
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    effects: dict[str, Effect] = field(default_factory=dict[str, Effect])
    redacted: set[str] = field(default_factory=set[str])
    """Calls whose arguments a guard or a person changed, so that they differ from what the strategy asked for."""
    moves: int = 0
    spent: Nanos = 0
    held: Nanos = 0
    tokens: int = 0
    pressure: ev.Level | Literal[""] = ""
    """What the next question to a model must take into account: a loop was seen."""
    suspended: ev.RunSuspended | None = None
    cancelled: ev.CancelAsked | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How the last run ended."""

    run: int
    status: ev.RunStatus
    output: JsonValue
    reason: str
    spent: Nanos


class State:
    """What a session is now: nothing but the fold of its journal."""

    __slots__ = (
        "closed", "inbox", "keys", "labels", "last", "limits", "opened", "revealed", "run", "runs", "seq", "spent",
        "threads",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin before the first event."""
        self.seq = 0
        self.opened: ev.SessionOpened | None = None
        self.limits = Limits()
        self.inbox: list[ev.MessageReceived] = []
        self.keys: set[str] = set()
        self.threads: dict[str, list[Message]] = {MAIN: []}
        self.run: Run | None = None
        self.runs = 0
        self.spent: Nanos = 0
        self.last: Ended | None = None
        self.closed: ev.SessionClosed | None = None
        self.labels: set[str] = set()
        """What the session has been given, such as `confidential`."""
        self.revealed: tuple[str, ...] = ()
        """Tools that searches have put on offer, in the order they were found."""

    @classmethod
    def fold(cls, events: Iterable[ev.Event]) -> "State":
        """Fold events from the beginning."""
        state = cls()
        for event in events:
            state.apply(event)
        return state

    def apply(self, event: ev.Event) -> None:
        """Take in the next event."""
        self.seq += 1
        match event:
            case ev.ModelAsked():
                self._ask(self._running(), event)
            case ev.ModelAnswered():
                self._answer(self._running(), event)
            case ev.EffectStarted():
                effect = self._effect(event.call, event.made)
                effect.status, effect.reconciled = "started", None
                effect.hold += event.hold
                self._running().held += event.hold
            case ev.EffectEnded():
                self._end(self._running(), event)
            case ev.ModelFailed():
                self._fail(self._running(), event)
            case ev.Noted() | ev.Flagged() | ev.LimitRaised() | ev.CancelAsked():
                self._apply_side(event)
            case ev.SessionOpened() | ev.MessageReceived() | ev.RunOpened() | ev.RunEnded():
                self._apply_life(event)
            case ev.RunSuspended() | ev.RunResumed() | ev.SessionClosed():
                self._apply_life(event)
            case ev.ProgramStarted() | ev.ProgramPaused() | ev.ProgramEnded():
                self._apply_program(self._running(), event)
            case _:
                self._apply_person(event)

    def thread(self, key: str) -> list[Message]:
        """Give a conversation; a branch's begins as a copy of the one it was forked from."""
        found = self.threads.get(key)
        if found is None:
            parts = key.split(".")
            found = list(self.thread(".".join(parts[:-2])))
            self.threads[key] = found
        return found

    # -- models ----------------------------------------------------------------------------------------------------

    def _ask(self, run: Run, event: ev.ModelAsked) -> None:
        run.held += event.hold
        step = run.steps.get(event.step)
        if step is not None:
            step.asked, step.failed = event, None
            return
        run.steps[event.step] = Step(event)
        run.moves += 1
        if event.nudge:
            run.pressure = ""
        if not event.alone and (event.say or event.nudge):
            thread = self.thread(event.step.rpartition(".")[0])
            thread.extend(UserMessage(text) for text in (event.say, event.nudge) if text)

    def _answer(self, run: Run, event: ev.ModelAnswered) -> None:
        step = run.steps[event.step]
        step.answered = event
        asked = step.asked
        assert asked is not None
        self._settle(run, asked.hold, event.cost)
        run.tokens += event.usage.input + event.usage.output
        key = None if asked.alone else event.step.rpartition(".")[0]
        for call in event.calls:
            run.effects[call.id] = Effect(call, key)
        if key is not None:
            self.thread(key).append(AssistantMessage(event.text, event.calls, event.reasoning))

    def _fail(self, run: Run, event: ev.ModelFailed) -> None:
        step = run.steps[event.step]
        assert step.asked is not None
        self._settle(run, step.asked.hold, event.cost)
        step.failed = event

    def _settle(self, run: Run, hold: Nanos, cost: Nanos) -> None:
        run.held -= hold
        run.spent += cost
        self.spent += cost

    # -- programs --------------------------------------------------------------------------------------------------

    def _apply_program(self, run: Run, event: ev.ProgramEvent) -> None:
        match event:
            case ev.ProgramStarted():
                if event.step not in run.steps:
                    run.moves += 1
                run.steps[event.step] = Step(program=event)
            case ev.ProgramPaused():
                run.steps[event.step].paused = event
            case ev.ProgramEnded():
                run.steps[event.step].ran = event
            case _:
                assert_never(event)

    # -- effects ---------------------------------------------------------------------------------------------------

    def _effect(self, call: str, made: Call | None) -> Effect:
        run = self._running()
        effect = run.effects.get(call)
        if effect is None:
            assert made is not None, f"call {call!r} was never made"
            effect = run.effects[call] = Effect(made)
        elif made is not None:
            effect.become(made)
        if effect.status == "wanted" and call.endswith("_0"):
            run.moves += 1
        return effect

    def _end(self, run: Run, event: ev.EffectEnded) -> None:
        effect = self._effect(event.outcome.call, event.made)
        self._settle(run, effect.hold, event.cost)
        effect.status, effect.hold, effect.outcome = "ended", 0, event.outcome
        if event.labels:
            self.labels.update(event.labels)
        if event.revealed:
            self.revealed = tuple(dict.fromkeys((*self.revealed, *event.revealed)))
        if effect.thread is not None:
            self.thread(effect.thread).append(ToolMessage(event.outcome, effect.call.tool))

    def _apply_input(self, run: Run, event: ev.InputEvent) -> None:
        effect = run.effects[event.call]
        match event:
            case ev.InputAsked():
                self._settle(run, effect.hold, 0)
                effect.status, effect.hold, effect.wants, effect.got = "input", 0, event, None
            case ev.InputGiven():
                effect.got = event
            case _:
                assert_never(event)

    def _apply_approval(self, event: ev.ApprovalEvent) -> None:
        match event:
            case ev.ApprovalAsked():
                self._effect(event.call, event.made).ask(event)
            case ev.ApprovalGiven():
                effect = self._running().effects[event.call]
                effect.decide(event)
                if effect.edited is event:
                    self._running().redacted.add(event.call)
            case ev.ApprovalEscalated():
                self._running().effects[event.call].escalated = event.at
            case _:
                assert_never(event)

    def _apply_person(
        self, event: ev.EffectInDoubt | ev.EffectReconciled | ev.ApprovalEvent | ev.Judged | ev.InputEvent
    ) -> None:
        match event:
            case ev.ApprovalAsked() | ev.ApprovalGiven() | ev.ApprovalEscalated():
                self._apply_approval(event)
            case ev.EffectInDoubt():
                effect = self._running().effects[event.call]
                effect.status, effect.question = "in_doubt", event.question
            case ev.EffectReconciled():
                effect = self._running().effects[event.call]
                effect.status, effect.reconciled = "reconciled", event
            case ev.Judged():
                if event.verdict == "redact":
                    self._running().redacted.add(event.call)
            case ev.InputAsked() | ev.InputGiven():
                self._apply_input(self._running(), event)
            case _:
                assert_never(event)

    # -- life ------------------------------------------------------------------------------------------------------

    def _apply_life(self, event: ev.LifeEvent) -> None:
        match event:
            case ev.SessionOpened():
                self.opened, self.limits = event, event.limits
                self.labels.update(event.tree.labels)
            case ev.MessageReceived():
                # Two processes may both have taken it in: the same key is the same message.
                if event.key not in self.keys:
                    self.inbox.append(event)
                if event.key:
                    self.keys.add(event.key)
            case ev.RunOpened():
                self._open_run(event)
            case ev.RunSuspended():
                self._running().suspended = event
            case ev.RunResumed():
                run = self._running()
                # Only time a worker had counts; what passed since a crash nobody can tell, so the clock starts again.
                run.clock = run.clock + event.at - run.suspended.at if run.suspended else event.at
                run.worker, run.suspended = event.worker, None
            case ev.RunEnded():
                self._end_run(self._running(), event)
            case ev.SessionClosed():
                self.closed = event
            case _:
                assert_never(event)

    def _open_run(self, event: ev.RunOpened) -> None:
        task = "\n\n".join(message.text for message in self.inbox)
        by = tuple(dict.fromkeys(message.by for message in self.inbox))
        trace = next((message.trace for message in self.inbox if message.trace), "")
        self.thread(MAIN).extend(UserMessage(message.text, message.parts) for message in self.inbox)
        self.inbox = []
        self.runs = event.run
        self.run = Run(event.run, event.strategy, event.worker, task, event.at, by, trace)

    def _end_run(self, run: Run, event: ev.RunEnded) -> None:
        thread = self.thread(MAIN)
        for effect in run.effects.values():
            if effect.outcome is None and effect.thread == MAIN:
                # Providers refuse a conversation in which a call was never answered.
                thread.append(
                    ToolMessage(Outcome(effect.call.id, "failed", "not run: the run ended"), effect.call.tool)
                )
        said = thread[-1] if thread else None
        answered = isinstance(said, AssistantMessage) and not said.calls and _says(said.text, event.output)
        if event.output is not None and not answered:
            text = event.output if isinstance(event.output, str) else msgspec.json.encode(event.output).decode()
            thread.append(AssistantMessage(text))
        # What is still held may have been spent, and nobody will come to settle it.
        self.spent += run.held
        self.last = Ended(event.run, event.status, event.output, event.reason, run.spent + run.held)
        self.run = None
        self.threads = {MAIN: thread}

    def _apply_side(self, event: ev.SideEvent) -> None:
        match event:
            case ev.Noted():
                self._running().steps[event.step] = Step(noted=event)
            case ev.Flagged():
                if self.run is not None and event.level in {"warn", "answer", "stop"}:
                    self.run.pressure = event.level
            case ev.LimitRaised():
                # Most limits are counts, and a count that became a fraction would spread to whatever it is added to.
                to = int(event.to) if float(event.to).is_integer() else event.to
                self.limits = msgspec.structs.replace(self.limits, **{event.limit: to})
            case ev.CancelAsked():
                if self.run is not None:
                    self.run.cancelled = event
            case _:
                assert_never(event)

    def _running(self) -> Run:
        assert self.run is not None, "the journal holds an event of a run outside of any run"
        return self.run


def _says(text: str, output: JsonValue) -> bool:
    """Say whether an answer is the output that came of it: a strategy may have kept an earlier one, as the better."""
    return not isinstance(output, str) or text.strip() == output.strip()
