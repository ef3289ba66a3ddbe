"""Resuming: the answers of a client to what a session waits for, checked before any of them is given, then given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from ag_ui.core import ResumeEntry

from remit.core.events import (
    ApprovalAsked,
    ApprovalGiven,
    EffectReconciled,
    InputGiven,
    ModelAnswered,
    Record,
    RunSuspended,
)
from remit.core.values import JsonObject, JsonValue, now_ms
from remit.runtime import Shown
from remit.runtime.payload import fit
from remit.runtime.people import unfit
from remit.server.access.port import Principal
from remit.server.agui.questions import REASON, Asking, Question, named
from remit.server.entrance import ProblemError
from remit.server.service import People

_ABANDONED = "nobody answered: it was abandoned"

_KINDS = {bool: "true or false", str: "a text", dict: "an object"}


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
        asked = _asked(entry, records)
        seq = asked.seq
        last = max(last, seq)
        question = known.get(entry.interrupt_id)
        if question is None:
            _same(entry, asked, records)
        else:
            reply = _reply(entry, question)
            if reply is not None and not _given(reply, records[seq:], principal):
                replies.append(reply)
    if any(entry.interrupt_id in known for entry in entries):
        covered(still, entries)
    start = next((record.seq for record in records[last:] if isinstance(record.event, RunSuspended)), None)
    if start is None:
        raise ProblemError(409, "the run has not come to wait for that yet; try again")
    # What who asks may not decide is refused first, so that nothing was decided when it is.
    return Resume(start, tuple(sorted(replies, key=_rank)))


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
            asked, args = question.effect.asked, _edited(payload, question)
            assert asked is not None
            shown = Shown(question.call, asked.digest)
            await people.decide(principal, session, shown, granted=granted, reason=reason, args=args)
        case "question":
            await people.answer(principal, session, question.call, payload)
        case "doubt":
            assert payload is not None
            happened, output = payload["happened"] is True, payload.get("output")
            await people.settle(principal, session, question.call, happened=happened, output=output)
        case _:
            assert_never(question.kind)


def _rank(reply: Reply) -> int:
    granted = reply.question.kind == "approval" and reply.payload is not None and reply.payload["approved"] is True
    return 2 if not granted else 1 if _edited(reply.payload, reply.question) is None else 0


def _asked(entry: ResumeEntry, records: Sequence[Record]) -> Record:
    call, seq = named(entry.interrupt_id)
    record = records[seq - 1] if 0 < seq <= len(records) else None
    if record is not None and isinstance(record.event, Asking) and record.event.call == call:
        return record
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
            problem = _fields(payload, {"approved": bool}, {"reason": str, "editedArgs": dict}) or _overdone(payload)
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
            return f"{name!r} is {_KINDS[kind]}"
    return ""


def _overdone(payload: JsonObject) -> str:
    if payload.get("editedArgs") is not None and payload["approved"] is not True:
        return "'editedArgs' are for a call that is approved"
    return f"'reason' has more than {REASON:,} characters" if len(str(payload.get("reason", ""))) > REASON else ""


def _edited(payload: JsonObject | None, question: Question) -> JsonObject | None:
    """Give the arguments that a call is to have instead of those that it has, if there are any."""
    edited = fit(payload.get("editedArgs")) if payload is not None else None
    return edited if isinstance(edited, dict) and edited != question.effect.call.args else None


def _given(reply: Reply, after: Sequence[Record], principal: Principal) -> bool:
    """Say whether this person has said the same about it before, as where more than one person must."""
    if reply.question.kind != "approval" or _edited(reply.payload, reply.question) is not None:
        return False
    granted = reply.payload is not None and reply.payload["approved"] is True
    return any(
        isinstance(one.event, ApprovalGiven)
        and one.event.call == reply.question.call
        and one.event.by == principal.name
        and one.event.granted == granted
        for one in after
    )


def _same(entry: ResumeEntry, asked: Record, records: Sequence[Record]) -> None:
    """Raise `ProblemError` for an answer to what was decided otherwise; one that was abandoned only wants to go on."""
    if entry.status == "cancelled":
        return
    call, _ = named(entry.interrupt_id)
    why = "it has expired, or its run has ended"
    for record in records[asked.seq :]:
        event = record.event
        if isinstance(event, Asking) and event.call == call:
            # What comes now is about that.
            break
        if isinstance(event, ApprovalGiven | InputGiven | EffectReconciled) and event.call == call:
            # Of several people who must allow it, one is enough to deny it, so any that agrees will do.
            if _agrees(entry.payload, event, _shown(asked, records)):
                return
            why = _decided(event)
    raise ProblemError(409, f"{entry.interrupt_id!r} is no longer open: {why}; cancel it to go on")


def _agrees(payload: JsonValue, event: ApprovalGiven | InputGiven | EffectReconciled, shown: JsonValue) -> bool:
    said = fit(payload) if isinstance(payload, dict) else {}
    assert isinstance(said, dict)
    match event:
        case ApprovalGiven():
            edited = said.get("editedArgs")
            same = edited == event.args or (event.args is None and edited == shown)
            return same and said.get("approved") is event.granted
        case InputGiven():
            return event.given == said
        case EffectReconciled():
            return said.get("happened") is event.happened
        case _:
            assert_never(event)


def _shown(asked: Record, records: Sequence[Record]) -> JsonValue:
    """Give the arguments that a question was about."""
    if not isinstance(asked.event, ApprovalAsked):
        return None
    if asked.event.made is not None:
        return asked.event.made.args
    answers = (one.event for one in records[: asked.seq] if isinstance(one.event, ModelAnswered))
    return next((call.args for answer in answers for call in answer.calls if call.id == asked.event.call), None)


def _decided(event: ApprovalGiven | InputGiven | EffectReconciled) -> str:
    match event:
        case ApprovalGiven(granted=granted, by=by, args=args):
            how = "allowed it with other arguments" if args is not None else "allowed it" if granted else "denied it"
            return f"{by} has {how}"
        case InputGiven(by=by):
            return f"{by} has answered it"
        case EffectReconciled(happened=happened, by=by):
            return f"{by} has found that it {'happened' if happened else 'did not happen'}"
        case _:
            assert_never(event)
