"""Resuming: the answers of a client to what a session waits for, checked before any of them is given, then given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import msgspec
from ag_ui.core import ResumeEntry

from remit.core.events import (
    ApprovalAsked,
    ApprovalGiven,
    EffectInDoubt,
    EffectReconciled,
    InputAsked,
    InputGiven,
    Record,
    RunSuspended,
)
from remit.core.values import JsonObject, JsonValue, now_ms
from remit.runtime.people import unfit
from remit.server.access.port import Principal
from remit.server.agui.questions import Question, named
from remit.server.entrance import ProblemError
from remit.server.service import People

_ABANDONED = "nobody answered: it was abandoned"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that can be given."""

    question: Question
    payload: JsonObject | None
    """`None` when it was abandoned."""


@dataclass(frozen=True, slots=True)
class Resume:
    """What a resumed run begins with."""

    start: int
    """The suspension after which it goes on."""
    replies: tuple[Reply, ...]
    """What is to be given still; nothing when all was decided before, as in a run that is sent again."""


def resumed(
    entries: Sequence[ResumeEntry], records: Sequence[Record], still: Sequence[Question], principal: Principal
) -> Resume:
    """Check answers against what was asked; raise `ProblemError` for any that cannot be meant."""
    known = {question.id: question for question in still}
    if len({entry.interrupt_id for entry in entries}) < len(entries):
        raise ProblemError(422, "an interrupt is answered twice in one 'resume'")
    replies: list[Reply] = []
    last = 0
    for entry in entries:
        seq = _asked(entry, records)
        last = max(last, seq)
        question = known.get(entry.interrupt_id)
        if question is None:
            _same(entry, records[seq:])
        else:
            reply = _reply(entry, question)
            if reply is not None and not _given(reply, records[seq:], principal):
                replies.append(reply)
    if any(entry.interrupt_id in known for entry in entries):
        covered(still, entries)
    start = next((record.seq for record in records[last:] if isinstance(record.event, RunSuspended)), None)
    if start is None:
        raise ProblemError(409, "the run has not come to wait for that yet; try again")
    return Resume(start, tuple(replies))


def covered(still: Sequence[Question], entries: Sequence[ResumeEntry]) -> None:
    """Raise `ProblemError` unless all that is open is answered, as AG-UI wants it."""
    left = {question.id for question in still} - {entry.interrupt_id for entry in entries}
    if left:
        raise ProblemError(
            409,
            f"this thread waits for a person; 'resume' must answer all, and leaves out: {', '.join(sorted(left))}",
        )


async def give(people: People, principal: Principal, session: str, reply: Reply) -> None:
    """Decide, answer or settle, signed with the name of who asks."""
    question, payload = reply.question, reply.payload
    match question.kind:
        case "approval":
            granted = payload is not None and payload["approved"] is True
            reason = str(payload.get("reason") or "") if payload is not None else _ABANDONED
            await people.decide(principal, session, question.call, granted=granted, reason=reason)
        case "question":
            await people.answer(principal, session, question.call, payload)
        case "doubt":
            assert payload is not None
            happened, output = payload["happened"] is True, payload.get("output")
            await people.settle(principal, session, question.call, happened=happened, output=output)
        case _:
            assert_never(question.kind)


def _asked(entry: ResumeEntry, records: Sequence[Record]) -> int:
    call, seq = named(entry.interrupt_id)
    event = records[seq - 1].event if 0 < seq <= len(records) else None
    if isinstance(event, ApprovalAsked | InputAsked | EffectInDoubt) and event.call == call:
        return seq
    raise ProblemError(422, f"this thread never asked {entry.interrupt_id!r}")


def _reply(entry: ResumeEntry, question: Question) -> Reply | None:
    """Read an answer to something open; `None` for what was abandoned and has lapsed, as it goes on by itself."""
    asked = question.effect.asked
    lapsed = question.kind == "approval" and asked is not None and now_ms() > asked.expires
    if entry.status == "cancelled":
        if question.kind == "doubt":
            raise ProblemError(422, f"{entry.interrupt_id!r} cannot be abandoned: say whether it happened")
        return None if lapsed else Reply(question, None)
    if lapsed:
        raise ProblemError(409, f"{entry.interrupt_id!r} has expired; cancel it to go on")
    return Reply(question, _payload(entry, question))


def _payload(entry: ResumeEntry, question: Question) -> JsonObject:
    payload: JsonValue = entry.payload
    name = entry.interrupt_id
    if not isinstance(payload, dict):
        raise ProblemError(422, f"the payload for {name!r} must be an object of its responseSchema")
    match question.kind:
        case "approval":
            if "editedArgs" in payload:
                what = "deny it and give a reason that says what to change"
                raise ProblemError(422, f"the arguments of a call cannot be edited here ({name!r}); {what}")
            problem = _fields(payload, {"approved": bool}, {"reason": str})
        case "doubt":
            problem = _fields(payload, {"happened": bool}, {"output": object})
        case "question":
            assert question.effect.wants is not None
            problem = unfit(payload, question.effect.wants.schema)
        case _:
            assert_never(question.kind)
    if problem:
        raise ProblemError(422, f"the payload for {name!r} does not fit its responseSchema: {problem}")
    return payload


def _fields(payload: JsonObject, wanted: dict[str, type], allowed: dict[str, type]) -> str:
    for name, kind in wanted.items():
        if not isinstance(payload.get(name), kind):
            return f"{name!r} is required and is true or false"
    for name, value in payload.items():
        kind = (wanted | allowed).get(name)
        if kind is None:
            return f"there is no field {name!r}"
        if value is not None and not isinstance(value, kind):
            return f"{name!r} is a text"
    return ""


def _given(reply: Reply, after: Sequence[Record], principal: Principal) -> bool:
    """Say whether this person has said the same about it before, as where more than one person must."""
    if reply.question.kind != "approval":
        return False
    granted = reply.payload is not None and reply.payload["approved"] is True
    return any(
        isinstance(one.event, ApprovalGiven)
        and one.event.call == reply.question.call
        and one.event.by == principal.name
        and one.event.granted == granted
        for one in after
    )


def _same(entry: ResumeEntry, after: Sequence[Record]) -> None:
    """Raise `ProblemError` for an answer to what was decided otherwise; one that was abandoned only wants to go on."""
    if entry.status == "cancelled":
        return
    call, _ = named(entry.interrupt_id)
    payload: JsonValue = entry.payload
    said = payload if isinstance(payload, dict) else {}
    for record in after:
        match record.event:
            case ApprovalGiven(call=other, granted=granted, by=by) if other == call:
                # Of several people who must allow it, one is enough to deny it, so any that agrees will do.
                if said.get("approved") is granted:
                    return
                raise _otherwise(entry, f"{by} has {'allowed' if granted else 'denied'} it")
            case InputGiven(call=other, given=given, by=by) if other == call:
                if msgspec.to_builtins(given) == payload:
                    return
                raise _otherwise(entry, f"{by} has answered it")
            case EffectReconciled(call=other, happened=happened, by=by) if other == call:
                if said.get("happened") is happened:
                    return
                raise _otherwise(entry, f"{by} has found that it {'happened' if happened else 'did not happen'}")
            case _:
                pass
    raise _otherwise(entry, "it has expired, or its run has ended")


def _otherwise(entry: ResumeEntry, why: str) -> ProblemError:
    return ProblemError(409, f"{entry.interrupt_id!r} is no longer open: {why}; cancel it to go on")
