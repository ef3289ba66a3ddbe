"""Questions: what a session waits for, as interrupts of AG-UI. An id names one question for good, not just its call."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from ag_ui.core import Interrupt

from remit.core.events import ApprovalAsked, EffectInDoubt, InputAsked
from remit.core.state import Effect, State
from remit.core.values import JsonObject, JsonValue
from remit.runtime import awaited, doubted, waiting
from remit.server.service.views import Waits

Asking = ApprovalAsked | InputAsked | EffectInDoubt
"""What a person is asked by."""

REASON = 10_000
"""Characters of a reason."""

_ALLOW: JsonObject = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean"},
        "reason": {"type": "string", "maxLength": REASON, "description": "Why; the agent reads it."},
        "editedArgs": {"type": "object", "description": "Arguments to run it with instead; they are checked again."},
    },
    "required": ["approved"],
    "additionalProperties": False,
}

_SETTLE: JsonObject = {
    "type": "object",
    "properties": {
        "happened": {"type": "boolean", "description": "Whether it happened; if not, it is made again."},
        "output": {"description": "What came of it, for the agent."},
    },
    "required": ["happened"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a person is asked about a call."""

    id: str
    kind: Waits
    effect: Effect

    @property
    def call(self) -> str:
        """The call that it is about."""
        return self.effect.call.id


def question_id(call: str, seq: int) -> str:
    """Name the question about a call that an event asked."""
    return f"{call}@{seq}"


def named(interrupt: str) -> tuple[str, int]:
    """Give the call and the number of the event that an id names; 0 when it names none."""
    call, _, seq = interrupt.rpartition("@")
    return call, int(seq) if seq.isascii() and seq.isdecimal() and len(seq) < 16 else 0


def open_questions(state: State, asked: dict[str, int]) -> tuple[Question, ...]:
    """List what nobody has answered; `asked` has the number of the event by which each call asked last."""
    found: tuple[tuple[Waits, Iterable[Effect]], ...] = (
        ("approval", waiting(state)),
        ("question", awaited(state)),
        ("doubt", doubted(state)),
    )
    return tuple(
        Question(question_id(effect.call.id, asked[effect.call.id]), kind, effect)
        for kind, effects in found
        for effect in effects
    )


def interrupt(question: Question) -> Interrupt:
    """Write a question as AG-UI has it, with the exact call that it is about."""
    effect, metadata = question.effect, _metadata(question)
    match question.kind:
        case "approval":
            asked = effect.asked
            assert asked is not None
            people: JsonObject = {"persons": asked.persons, "granted_by": [one.by for one in effect.yes]}
            return Interrupt(
                id=question.id,
                reason="tool_call",
                message=asked.reason or f"May {effect.call.tool} be called?",
                tool_call_id=question.call,
                response_schema=_ALLOW,
                expires_at=_when(asked.expires),
                metadata={"remit": {**metadata, "digest": asked.digest, **people}},
            )
        case "question":
            assert effect.wants is not None
            return Interrupt(
                id=question.id,
                reason="input_required",
                message=effect.wants.question,
                tool_call_id=question.call,
                response_schema=effect.wants.schema,
                metadata={"remit": metadata},
            )
        case "doubt":
            return Interrupt(
                id=question.id,
                reason="remit:in_doubt",
                message=effect.question,
                tool_call_id=question.call,
                response_schema=_SETTLE,
                metadata={"remit": metadata},
            )
        case _:
            assert_never(question.kind)


def _when(at: int) -> str | None:
    try:
        when = datetime.fromtimestamp(at / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        # After the last year that can be written: never, as far as anybody who waits can tell.
        return None
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _metadata(question: Question) -> dict[str, JsonValue]:
    call = question.effect.call
    return {"kind": question.kind, "tool": call.tool, "args": call.args}
