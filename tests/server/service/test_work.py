"""Work: what is to be done in a session is read from its state, and from nothing else."""

from remit.core.events import (
    ApprovalAsked,
    ApprovalEscalated,
    ApprovalGiven,
    CancelAsked,
    EffectInDoubt,
    EffectReconciled,
    EffectStarted,
    Event,
    InputAsked,
    InputGiven,
    MessageReceived,
    RunEnded,
    RunOpened,
    RunSuspended,
    SessionClosed,
    Suspension,
)
from remit.core.messages import Call
from remit.core.state import State
from remit.home import HANDED_BACK
from remit.server.service.work import Work, work
from remit.testing.journals import session_opened

CALL = Call("effect", {}, "c1_0_0")


def _work(*events: Event, at: int = 1000) -> Work:
    return work(State.fold([session_opened(), *events]), at)


def _asleep(why: Suspension, *after: Event, question: str = "", made: Event | None = None) -> tuple[Event, ...]:
    first = [made] if made else []
    return (MessageReceived("go"), RunOpened(1, "react@1", "w", 5), *first, RunSuspended(why, 6, question), *after)


def test_a_message_that_nobody_read_is_work_and_an_answered_one_is_not() -> None:
    assert not _work().now
    assert _work(MessageReceived("go")).now
    ended = (MessageReceived("go"), RunOpened(1, "react@1", "w", 5), RunEnded(1, "done"))
    assert not _work(*ended).now
    assert _work(*ended, MessageReceived("more")).now
    assert not _work(*ended, SessionClosed("ann")).now


def test_a_run_that_is_awake_is_work_for_whoever_finds_its_worker_dead() -> None:
    assert _work(MessageReceived("go"), RunOpened(1, "react@1", "w", 5)).now


def test_what_a_person_paused_waits_for_them_and_what_was_handed_back_does_not() -> None:
    assert not _work(*_asleep("paused", question="paused by ann")).now
    assert _work(*_asleep("paused", question=HANDED_BACK)).now
    assert not _work(*_asleep("alarm")).now
    assert _work(*_asleep("alarm", CancelAsked("ann"))).now


def test_a_question_waits_until_it_is_decided_or_lapses() -> None:
    asked = ApprovalAsked(CALL.id, "d", "why", 5000, CALL)
    waiting = _asleep("approval", made=asked)
    assert _work(*waiting) == Work(now=False, at=5001)
    assert not _work(*waiting, at=5000).now
    assert _work(*waiting, at=5001).now
    assert _work(*waiting, ApprovalGiven(CALL.id, granted=False, by="ann", digest="d")).now


def test_a_question_that_waits_long_enough_is_told_to_more_people_once_and_still_lapses() -> None:
    asked = ApprovalAsked(CALL.id, "d", "why", 5000, CALL, persons=2, escalates=3000)
    waiting = _asleep("approval", made=asked)
    assert _work(*waiting) == Work(now=False, at=3000)
    half = ApprovalGiven(CALL.id, granted=True, by="ann", digest="d")
    assert _work(*waiting, half, at=3000) == Work(now=False, at=5001, escalate=(CALL.id,))
    assert _work(*waiting, ApprovalEscalated(CALL.id, 3000), at=3001) == Work(now=False, at=5001)
    assert _work(*waiting, at=5001) == Work(now=True)
    assert _work(*waiting, half, ApprovalGiven(CALL.id, granted=True, by="bob", digest="d")) == Work(now=True)


def test_a_doubt_waits_until_somebody_looked_and_a_form_until_it_is_filled_in() -> None:
    started = EffectStarted(CALL.id, made=CALL)
    doubt = _asleep("in_doubt", EffectInDoubt(CALL.id, "did it?"), made=started)
    assert _work(*doubt) == Work(now=False)
    assert _work(*doubt, EffectReconciled(CALL.id, happened=True, by="ann")).now
    form = _asleep("input", InputAsked(CALL.id, "what?", {}), made=started)
    assert _work(*form) == Work(now=False)
    assert _work(*form, InputGiven(CALL.id, None, "ann")).now
