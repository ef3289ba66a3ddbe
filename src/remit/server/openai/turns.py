"""Turns: what came of one request, read from the journal alone: what the agent said and did until it waits or is done.

A turn ends at the first event after which nothing more happens until somebody acts, so it reads the same at any time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, assert_never

import msgspec

from remit.core.events import (
    ApprovalAsked,
    EffectEnded,
    MessageReceived,
    ModelAnswered,
    ModelAsked,
    Record,
    RunEnded,
    RunOpened,
    RunStatus,
    RunSuspended,
    SessionClosed,
)
from remit.core.messages import Call, Outcome, Usage
from remit.core.state import Effect, State
from remit.core.values import JsonValue
from remit.home import HANDED_BACK
from remit.runtime import awaited, doubted, waiting
from remit.server.openai.marks import Mark
from remit.server.service.views import Waiting, waits
from remit.server.service.work import work

Status = Literal["queued", "in_progress", "completed", "failed", "incomplete", "cancelled"]

_ALOUD = "react@"
"""The strategy whose every answer is for who asked; others think before they answer."""


@dataclass(frozen=True, slots=True)
class Spoke:
    """The agent said something, or what it waits for is said for it."""

    seq: int
    """The event with which it began to."""
    text: str


@dataclass(frozen=True, slots=True)
class Acted:
    """A call of the agent ended."""

    call: Call
    outcome: Outcome
    asked: ApprovalAsked | None
    """The last question whether it may run; `None` when nobody was asked."""


@dataclass(frozen=True, slots=True)
class Asks:
    """A call waits for approval, with the arguments that it had then."""

    call: Call
    asked: ApprovalAsked


Piece = Spoke | Acted | Asks


class Remit(msgspec.Struct, frozen=True, kw_only=True):
    """What Remit says beside what OpenAI has fields for."""

    session: str
    waits: tuple[Waiting, ...] = ()
    """The calls that wait for a person."""


@dataclass(slots=True)
class Turn:
    """What came of a request so far. Give it all records of its session, in order."""

    mark: Mark
    state: State = field(default_factory=State)
    pieces: list[Piece] = field(default_factory=list[Piece])
    input: int = 0
    cached: int = 0
    cache_written: int = 0
    output: int = 0
    reasoning: int = 0
    agent: str = ""
    began: int = 0
    """Milliseconds since the epoch."""
    ended: int = 0
    end: int = 0
    """The event at which it was over; 0 before."""
    how: RunStatus | None = None
    """How its run ended; `None` while there is none, or it waits for somebody."""
    why: str = ""
    waits: tuple[Waiting, ...] = ()
    aloud: bool = False
    """Whether what the model writes now is said to who asked."""
    opened: int = 0
    """The event with which the run began that is under way, or was last."""
    run: int = 0
    """The number of the run that it is about, once that has begun; of the one it waits behind, once it says so."""
    asked: int = 0
    """The event with which the model was asked what it writes now."""
    _message: bool = False

    @property
    def status(self) -> Status:
        """Say how it stands, in OpenAI's words."""
        if not self.end:
            return "queued" if self.state.run is None else "in_progress"
        match self.how:
            case None | "done":
                return "completed"
            case "stopped":
                return "incomplete"
            case "cancelled":
                return "cancelled"
            case "failed" | "refused" | "diverged":
                return "failed"
            case _:
                assert_never(self.how)

    @property
    def text(self) -> str:
        """Give all that was said, with what waits for approval in words."""
        return "\n\n".join(spoken(piece) for piece in self.pieces if not isinstance(piece, Acted))

    @property
    def remit(self) -> Remit:
        """Give what Remit says beside it."""
        return Remit(session=self.mark.session, waits=self.waits)

    def again(self, mark: Mark) -> "Turn":
        """Begin the next one of the same session, which is given the records after those that this one was."""
        return Turn(mark, self.state, agent=self.agent, opened=self.opened)

    def take(self, record: Record) -> Sequence[Piece]:
        """Take in the next record, and give what it adds."""
        had = len(self.pieces)
        event = record.event
        self.state.apply(event)
        seq = record.seq
        if self.state.opened is not None:
            self.agent = self.state.opened.agent
        if seq == self.mark.since:
            self.began = record.at
        if self.end:
            return ()
        if seq == self.mark.floor:
            self._message = isinstance(event, MessageReceived)
        if isinstance(event, RunOpened):
            self.opened = seq
        if seq > self.mark.since:
            self._hear(record)
        if seq >= self.mark.floor:
            if self.state.run is not None and self._ours:
                self.run = self.state.run.number
            self._end(record)
        return self.pieces[had:]

    @property
    def _ours(self) -> bool:
        """Whether the run under way is about what was asked, not what was asked before it."""
        return self.opened > self.mark.floor or not self._message

    def _hear(self, record: Record) -> None:
        if not self._ours and self.mark.since == self.mark.floor:
            # Whoever asked for that is told.
            return
        match record.event:
            case ModelAsked() as asked:
                run = self.state.run
                self.asked = record.seq
                plain = "." not in asked.step and not (asked.alone or asked.shape or asked.role)
                self.aloud = plain and run is not None and run.strategy.startswith(_ALOUD)
            case ModelAnswered() as answered:
                self._count(answered.usage)
                if self.aloud and answered.text.strip():
                    self.pieces.append(Spoke(self.asked, answered.text))
                self.aloud = False
            case EffectEnded() as over:
                assert self.state.run is not None
                effect = self.state.run.effects[over.outcome.call]
                self.pieces.append(Acted(effect.call, over.outcome, effect.asked))
            case RunEnded() as over:
                self._answer(record.seq, over)
            case _:
                pass

    def _answer(self, seq: int, over: RunEnded) -> None:
        self.aloud = False
        if over.output is None:
            return
        text = _written(over.output)
        before = self.pieces[-1] if self.pieces else None
        if isinstance(before, Spoke) and before.text.strip() == text.strip():
            return
        if text.strip():
            self.pieces.append(Spoke(seq, text))

    def _count(self, usage: Usage) -> None:
        self.input += usage.input
        self.cached += usage.cached
        self.cache_written += usage.cache_written
        self.output += usage.output
        self.reasoning += usage.reasoning

    # -- its end -----------------------------------------------------------------------------------------------------

    def _end(self, record: Record) -> None:
        event, state = record.event, self.state
        if isinstance(event, RunEnded) and self._ours:
            self.how, self.why = event.status, event.reason
        elif isinstance(event, SessionClosed):
            self.how, self.why = "cancelled", event.reason or "the session was closed"
        elif not ((isinstance(event, RunSuspended) or record.seq == self.mark.floor) and self._asleep(record.at)):
            return
        else:
            self._wait(record.seq)
        self.end, self.ended = record.seq, record.at
        self.waits = waits(self.mark.session, state)

    def _asleep(self, at: int) -> bool:
        run = self.state.run
        if run is None or run.suspended is None or run.suspended.question == HANDED_BACK:
            return False
        return not work(self.state, at).now

    def _wait(self, seq: int) -> None:
        """Say what somebody must do before the run goes on."""
        run, state = self.state.run, self.state
        assert run is not None
        assert run.suspended is not None
        self.run = run.number
        self.pieces += [Asks(effect.call, effect.asked) for effect in waiting(state) if effect.asked is not None]
        session = self.mark.session
        said = [_question(session, one) for one in awaited(state)] + [_doubt(session, one) for one in doubted(state)]
        if run.suspended.why in {"paused", "alarm"}:
            said.append(
                f"This run was stopped: {run.suspended.question or run.suspended.why}. It goes on once somebody "
                f"resumes it, with POST /v1/sessions/{session}/resume or in the console."
            )
        if said:
            self.pieces.append(Spoke(seq, "\n\n".join(said)))


def spoken(piece: Spoke | Asks) -> str:
    """Give the words of what was said or is asked."""
    if isinstance(piece, Spoke):
        return piece.text
    call, args = piece.call, msgspec.json.encode(piece.call.args).decode()
    return (
        f"This waits for a person's approval: {call.tool}({args}), call {call.id}. {piece.asked.reason}\n"
        "It goes on once somebody who may decides on it, in the console, with `remit approve`, or over the API."
    )


def _question(session: str, effect: Effect) -> str:
    assert effect.wants is not None
    form = msgspec.json.encode(effect.wants.schema).decode()
    return (
        f"{effect.call.tool} asks: {effect.wants.question}\n"
        f"Answer with an object of this form, with POST /v1/sessions/{session}/answers/{effect.call.id} or in the "
        f"console: {form}"
    )


def _doubt(session: str, effect: Effect) -> str:
    args = msgspec.json.encode(effect.call.args).decode()
    return (
        f"Nobody knows whether {effect.call.tool}({args}) happened: {effect.question}\n"
        f"Somebody must look, and say so with POST /v1/sessions/{session}/doubts/{effect.call.id} or in the console; "
        "until then it is not made again."
    )


def _written(output: JsonValue) -> str:
    return output if isinstance(output, str) else msgspec.json.encode(output).decode()
