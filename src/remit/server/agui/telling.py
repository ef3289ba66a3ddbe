"""Telling: one run of AG-UI made of records, the same however often and from wherever it is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import msgspec
from ag_ui.core import (
    BaseEvent,
    Message,
    MessagesSnapshotEvent,
    ReasoningMessageStartEvent,
    RunErrorEvent,
    RunFinishedCancelledOutcome,
    RunFinishedEvent,
    RunFinishedInterruptOutcome,
    RunFinishedSuccessOutcome,
    TextMessageStartEvent,
    ToolCallArgsEvent,
    ToolCallEndEvent,
    ToolCallResultEvent,
    ToolCallStartEvent,
)

from remit.core import events as ev
from remit.core.messages import Call, Outcome
from remit.core.ports import Delta
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue, now_ms
from remit.server.agui.questions import Asking, interrupt, open_questions
from remit.server.agui.spending import Spending
from remit.server.agui.transcript import Transcript
from remit.server.agui.words import OURS, Words, whole
from remit.server.service.work import work


@dataclass(frozen=True, slots=True)
class Place:
    """Which run of a thread is told."""

    thread: str
    run: str
    start: int
    """What came up to here the client has been told before."""
    about: tuple[str, ...]
    """The keys of the messages that it is about; none for the run that is under way at its start."""
    passed: frozenset[int]
    """Suspensions from which the run has gone on, or will."""
    quiet: bool
    """Whether nothing is told before the message is taken up."""


class Telling:
    """Makes events of AG-UI of the records and the deltas of a session, until its run is over."""

    def __init__(self, place: Place) -> None:
        """Take which run it is."""
        self._place, self._transcript = place, Transcript()
        self._state, self._asked = State(), dict[str, int]()
        self._words = Words(self._transcript, 0)
        self._spending = Spending()
        self._left = set(place.about)
        self._mine = self._final = False
        self._waiting: dict[str, str] = {}
        """The calls that were told and have no result yet."""
        self._told: dict[str, str] = {}
        """The arguments of each call as they were told."""
        self.known: set[str] = set()
        """The ids of all messages up to the place where it begins."""
        self.over = False
        self._slept = 0

    def begin(self, messages: Sequence[Message]) -> MessagesSnapshotEvent:
        """Take what the client has of the conversation before this run, and give it as a whole."""
        return self._transcript.begin(messages)

    def take(self, record: ev.Record, *, live: bool) -> list[BaseEvent]:
        """Give what is told of a record; `live` when all deltas after it will be heard."""
        self._state.apply(record.event)
        if isinstance(record.event, Asking):
            self._asked[record.event.call] = record.seq
        events = self._events(record, live=live)
        if record.seq <= self._place.start:
            self.over = False
            self.known.update(name for event in events for name in _messages(event))
            return []
        if self._place.quiet and not self._mine:
            # Of another run only that this one waits behind it.
            events = events[-1:] if self.over else []
        return self._out(events, record.at)

    def delta(self, delta: Delta) -> list[BaseEvent]:
        """Give what is told of a piece of text."""
        events = self._words.delta(delta)
        return [] if self._place.quiet and not self._mine else self._out(events, None)

    def broken(self, code: str, why: str) -> list[BaseEvent]:
        """End a run that cannot be told any further; it goes on all the same."""
        self.over = True
        left = [] if self._place.quiet and not self._mine else self._words.over()
        return self._out([*left, RunErrorEvent(message=why, code=code)], None)

    def _out(self, events: list[BaseEvent], at: int | None) -> list[BaseEvent]:
        for event in events:
            event.timestamp = at
            self._transcript.take(event)
        return events

    # -- what happened ---------------------------------------------------------------------------------------------

    def _events(self, record: ev.Record, *, live: bool) -> list[BaseEvent]:
        told: list[BaseEvent] = []
        match record.event:
            case ev.MessageReceived(key=key):
                self._left.discard(key)
            case ev.RunOpened(run=run):
                self._opened(run)
            case ev.ModelAsked():
                told = self._words.asked(record.event, live=live)
            case ev.ModelAnswered():
                told = self._answered(record.seq, record.event)
            case ev.ModelFailed():
                told = self._words.failed(record.event)
            case ev.EffectStarted() | ev.EffectEnded() | ev.ApprovalAsked() | ev.InputAsked() | ev.EffectInDoubt():
                told = self._effect(record.event)
            case ev.RunSuspended():
                told = self._suspended(record.seq, record.event)
            case ev.RunEnded():
                told = self._ended(record.event)
            case ev.SessionClosed():
                told = self.broken("closed", "the session was closed")
            case _:
                pass
        return told

    def _opened(self, run: int) -> None:
        self._words = Words(self._transcript, run)
        self._mine = self._mine or len(self._left) < len(self._place.about) or not self._place.about
        self._final = not self._left
        self._waiting, self._told = {}, {}

    def _answered(self, seq: int, event: ev.ModelAnswered) -> list[BaseEvent]:
        if seq > self._place.start:
            self._spending.add(self._state, event)
        events = self._words.answered(event)
        # What a branch wants is told once it is begun: it may never be.
        if "." in event.step or not self._on_offer(event):
            return events
        parent = self._words.message(event.step)
        return [*events, *(told for call in event.calls for told in self._call(call, parent))]

    def _on_offer(self, event: ev.ModelAnswered) -> bool:
        run = self._state.run
        asked = run.steps[event.step].asked if run is not None else None
        return asked is not None and not asked.alone

    def _call(self, call: Call, parent: str = "") -> list[BaseEvent]:
        if call.id in self._told:
            return []
        self._told[call.id] = _arguments(call)
        self._waiting[call.id] = call.tool
        return [
            ToolCallStartEvent(
                tool_call_id=call.id, tool_call_name=call.tool, parent_message_id=parent or f"{OURS}{call.id}-call"
            ),
            ToolCallArgsEvent(tool_call_id=call.id, delta=_arguments(call)),
            ToolCallEndEvent(tool_call_id=call.id),
        ]

    def _effect(self, event: ev.EffectStarted | ev.EffectEnded | Asking) -> list[BaseEvent]:
        name = event.outcome.call if isinstance(event, ev.EffectEnded) else event.call
        run = self._state.run
        assert run is not None
        call = run.effects[name].call
        told = self._call(call)
        if self._told[call.id] != _arguments(call):
            # A guard or a person gave it others.
            self._told[call.id] = _arguments(call)
            told = self._transcript.amend(call.id, _arguments(call))
        return [*told, self._result(event.outcome)] if isinstance(event, ev.EffectEnded) else told

    def _result(self, outcome: Outcome) -> BaseEvent:
        self._waiting.pop(outcome.call, None)
        metadata: JsonObject = {"status": outcome.status}
        if outcome.blob:
            metadata |= {"blob": outcome.blob, "size": outcome.size}
        return ToolCallResultEvent(
            message_id=f"{OURS}{outcome.call}",
            tool_call_id=outcome.call,
            content=_written(outcome.output),
            role="tool",
            metadata={"remit": metadata},
        )

    # -- how it ends -----------------------------------------------------------------------------------------------

    def _suspended(self, seq: int, event: ev.RunSuspended) -> list[BaseEvent]:
        self._slept = seq
        if seq <= self._place.start or seq in self._place.passed or work(self._state, now_ms()).now:
            return self._words.over()
        return self._sleeps(event)

    def _sleeps(self, event: ev.RunSuspended) -> list[BaseEvent]:
        match event.why:
            case "paused" | "alarm":
                return self.broken(event.why, f"{event.question or event.why}; send the same run again once it goes on")
            case "approval" | "in_doubt" | "input":
                self.over = True
                interrupts = [interrupt(question) for question in open_questions(self._state, self._asked)]
                return [*self._words.over(), self._finished(RunFinishedInterruptOutcome(interrupts=interrupts))]
            case _:
                assert_never(event.why)

    def standing(self) -> list[BaseEvent]:
        """End at once when the session sleeps on from before the start, as where one more person must allow a call."""
        run = self._state.run
        if run is None or run.suspended is None or self._slept in self._place.passed:
            return []
        return self._sleeps(run.suspended)

    def _ended(self, event: ev.RunEnded) -> list[BaseEvent]:
        events = self._words.over()
        for call in tuple(self._waiting):
            events.append(self._result(Outcome(call, "failed", "not run: the run ended")))
        text = "" if event.output is None else _written(event.output)
        if text and not _says(self._words.last, event.output):
            events += whole(f"{OURS}{event.run}-output", text)
        if not self._final:
            return events
        self.over = True
        match event.status:
            case "done":
                return [*events, self._finished(RunFinishedSuccessOutcome(), event.output)]
            case "cancelled":
                return [*events, self._finished(RunFinishedCancelledOutcome())]
            case "failed" | "refused" | "stopped" | "diverged":
                why = event.reason or f"the run {event.status}"
                return [*events, RunErrorEvent(message=why, code=event.status, usage=self._spending.usage())]
            case _:
                assert_never(event.status)

    def _finished(
        self,
        outcome: RunFinishedSuccessOutcome | RunFinishedInterruptOutcome | RunFinishedCancelledOutcome,
        result: JsonValue = None,
    ) -> RunFinishedEvent:
        return RunFinishedEvent(
            thread_id=self._place.thread,
            run_id=self._place.run,
            result=result,
            outcome=outcome,
            usage=self._spending.usage(),
        )


def _written(value: JsonValue) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _arguments(call: Call) -> str:
    return call.malformed or _written(call.args)


def _says(text: str, output: JsonValue) -> bool:
    """Say whether an answer is the output, which may be written otherwise where it has a shape."""
    if isinstance(output, str):
        return text.strip() == output.strip()
    try:
        return msgspec.json.decode(text) == output
    except (msgspec.DecodeError, RecursionError):
        return False


def _messages(event: BaseEvent) -> Sequence[str]:
    match event:
        case TextMessageStartEvent() | ToolCallResultEvent() | ReasoningMessageStartEvent():
            return (event.message_id,)
        case ToolCallStartEvent():
            return (event.parent_message_id or "",)
        case _:
            return ()
