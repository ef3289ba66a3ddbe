"""Taking: a message for an agent, or a person's decision, taken once however often it is sent."""

from typing import assert_never

from a2a.types import Message, Role
from a2a.utils.errors import InvalidParamsError, UnsupportedOperationError

from remit.core.errors import ApprovalError
from remit.core.events import ApprovalGiven, EffectReconciled, InputGiven
from remit.runtime import Shown
from remit.server.a2a.finding import found, has, read
from remit.server.a2a.parts import FORMS, Answer, Approve, Decision, Settle, decision, exactly, said
from remit.server.a2a.views import OVER, Decided, Runs, key_of
from remit.server.a2a.visits import Visit
from remit.server.service import Wish
from remit.server.service.views import Waiting, waits

_LONGEST = 200
"""Characters of a message's id."""


async def take(visit: Visit, message: Message) -> tuple[Runs, int]:
    """Take a message in, durably, and find the task that it is for."""
    if len(message.message_id) > _LONGEST:
        raise InvalidParamsError(f"a messageId has at most {_LONGEST} characters")
    if message.role != Role.ROLE_USER:
        raise InvalidParamsError("what an agent is told has the role ROLE_USER; what it said itself it knows")
    made = decision(message) if message.task_id else None
    await visit.permit("work" if made is None else "decide")
    if message.task_id:
        return await _to_task(visit, message, made)
    key, trace = key_of(visit.principal.name, message.message_id), visit.guest.headers.get("traceparent", "")
    if message.context_id:
        if not await has(visit, message.context_id):
            why = f"no context {message.context_id!r} of this agent; leave contextId out to begin one"
            raise InvalidParamsError(why)
        await visit.service.post(visit.principal, message.context_id, said(message), key=key, trace=trace)
        session = message.context_id
    else:
        begun = await visit.service.begin(visit.principal, Wish(visit.agent, said(message), key, trace=trace))
        session = begun.view.id
    runs = await read(visit, session)
    return runs, runs.keys[key]


async def _to_task(visit: Visit, message: Message, made: Decision | None) -> tuple[Runs, int]:
    runs, number = await found(visit, message.task_id)
    if message.context_id not in {"", runs.session}:
        raise InvalidParamsError("the task is of another context")
    if made is not None:
        await _decide(visit, runs, number, made)
        return await read(visit, runs.session), number
    before = runs.keys.get(key_of(visit.principal.name, message.message_id))
    if before is not None:
        return runs, before
    if runs.standing(number) in OVER:
        raise UnsupportedOperationError("the task is over; send the message to its context, without a taskId")
    if waits(runs.session, runs.state):
        raise InvalidParamsError(f"the task waits for a person's decision: {FORMS}")
    raise UnsupportedOperationError("the task is under way; send the message to its context, without a taskId")


async def _decide(visit: Visit, runs: Runs, number: int, made: Decision) -> None:
    people, principal, session = visit.service.people, visit.principal, runs.session
    waiting = {one.call: one for one in waits(session, runs.state)} if runs.under_way(number) else dict[str, Waiting]()
    wait = waiting.get(made.call)
    if wait is None:
        if _heard(runs, made, principal.name):
            # Whoever sent it again did not know.
            return
        raise UnsupportedOperationError(f"no call {made.call!r} of this task waits for a person")
    if isinstance(made, Approve) and _told(runs, wait, made, principal.name):
        return
    try:
        match made:
            case Approve():
                other = None if made.args == wait.args else made.args
                shown = Shown(made.call, wait.digest)
                await people.decide(principal, session, shown, granted=made.approve, reason=made.reason, args=other)
            case Answer():
                await people.answer(principal, session, made.call, made.answer)
            case Settle():
                await people.settle(principal, session, made.call, happened=made.happened, output=made.output)
            case _:
                assert_never(made)
    except ApprovalError as error:
        # Unless the same was said at the same time, by who sent it twice.
        if not _heard(await read(visit, session), made, principal.name):
            raise InvalidParamsError(str(error)) from None


def _told(runs: Runs, wait: Waiting, made: Approve, by: str) -> bool:
    """Say whether they have allowed it before; raise `InvalidParamsError` when it may be about other arguments."""
    run = runs.state.run
    if made.exact and made.exact != exactly(wait):
        raise InvalidParamsError(f"call {made.call!r} has other arguments by now; look again")
    if run is not None and run.effects[made.call].edited is not None and not made.exact:
        # It may have been said of those that it was asked with first.
        raise InvalidParamsError(f"somebody gave call {made.call!r} other arguments; decide on them with 'exact'")
    return made.approve and made.args is None and by in wait.granted_by


def _heard(runs: Runs, made: Decision, by: str) -> bool:
    return any(_same(before, made, by) for before in runs.decided.get(made.call, ()))


def _same(before: Decided, made: Decision, by: str) -> bool:
    match before, made:
        case ApprovalGiven(), Approve():
            return (before.granted, before.by, before.args) == (made.approve, by, made.args)
        case InputGiven(), Answer():
            return (before.given, before.by) == (made.answer, by)
        case EffectReconciled(), Settle():
            return (before.happened, before.by) == (made.happened, by)
        case _:
            return False
