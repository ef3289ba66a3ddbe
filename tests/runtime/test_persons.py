"""Approval by several people: as many different names as are wanted, for exactly these arguments, or it never runs."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.runtime.rig import Acting, Rig, SlowStore, agent, gives, scripted

from remit.core.agent import Agent
from remit.core.errors import ApprovalError
from remit.core.events import ApprovalAsked, ApprovalGiven, Record
from remit.core.messages import Call
from remit.core.ports import Guard, Store, ToolSpec, Verdict
from remit.core.state import State
from remit.core.values import now_ms
from remit.policy import AskBefore
from remit.runtime import decide, edit, escalate, fork, missing, replay, waiting
from remit.testing import ScriptedModel, calls, says, use
from remit.testing.crash import Died, DyingStore, Moment

WISH = calls(use("effect", to="bob", usd=5))
TWO = AskBefore("effect", persons=2)


def declared(act: Acting, *guards: Guard) -> Agent:
    return agent(scripted(WISH, says("done")), act, guards=guards or (TWO,))


def acting() -> Acting:
    return Acting(gives("sent"), "effect", "once")


async def asked_of(rig: Rig) -> ApprovalAsked:
    return [event for event in await rig.events() if isinstance(event, ApprovalAsked)][-1]


@dataclass
class Wants:
    """A guard that asks for as many people as it is told, which may change."""

    persons: int

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        return Verdict("ask", "sure?", persons=self.persons)


async def test_a_call_runs_once_two_people_have_approved_it_and_not_before(rig: Rig) -> None:
    act = acting()
    who = declared(act)
    assert (await rig.run(who)).reason == "approve effect (c1_0_0)? `effect` needs the approval of 2 people"
    assert (await asked_of(rig)).persons == 2
    state = await decide(rig.store, "s", "", granted=True, by="ann")
    assert [missing(effect) for effect in waiting(state)] == [1]
    assert (await rig.resume(who)).status == "waiting"
    assert act.seen == []
    rig.forget()
    state = await decide(rig.store, "s", "", granted=True, by="bob")
    assert waiting(state) == ()
    assert (await rig.resume(who)).output == "done"
    assert act.seen == [{"to": "bob", "usd": 5}]
    found = await replay(await rig.store.read("s"), who, rig.world(who))
    assert [run.divergence for run in found] == [""]


async def test_one_person_is_not_two_and_is_told_who_approved_and_how_many_are_missing(rig: Rig) -> None:
    await rig.run(declared(acting(), AskBefore("effect", persons=3)))
    rig.forget()
    await decide(rig.store, "s", "", granted=True, by="ann")
    with pytest.raises(ApprovalError, match=r"ann has approved effect \(c1_0_0\) already; approved by ann, and 2 more"):
        await decide(rig.store, "s", "", granted=True, by="ann")
    await decide(rig.store, "s", "", granted=True, by="bob")
    with pytest.raises(ApprovalError, match="approved by ann, bob, and 1 more person must"):
        await decide(rig.store, "s", "", granted=True, by="bob")


async def test_one_denial_is_enough_also_by_somebody_who_approved(rig: Rig) -> None:
    act = acting()
    who = declared(act)
    await rig.run(who)
    await decide(rig.store, "s", "", granted=True, by="ann")
    await decide(rig.store, "s", "", granted=False, by="ann", reason="second thoughts")
    with pytest.raises(ApprovalError, match="nothing in session"):
        await decide(rig.store, "s", "", granted=True, by="bob")
    await rig.resume(who)
    assert act.seen == []
    assert [outcome.output for outcome in await rig.outcomes()] == ["not allowed: ann said no: second thoughts"]


async def test_half_an_approval_that_lapses_is_a_no_that_names_who_said_yes(rig: Rig) -> None:
    act = acting()
    who = declared(act, AskBefore("effect", persons=2, expires=0.2))
    await rig.run(who)
    await decide(rig.store, "s", "", granted=True, by="ann")
    asked = await asked_of(rig)
    while now_ms() <= asked.expires:
        pass
    with pytest.raises(ApprovalError, match="has lapsed"):
        await decide(rig.store, "s", "", granted=True, by="bob")
    await rig.resume(who)
    assert act.seen == []
    assert [outcome.output for outcome in await rig.outcomes()] == ["not allowed: only ann allowed it in time"]


async def test_of_several_guards_that_ask_the_strictest_counts_in_every_respect(rig: Rig) -> None:
    guards = (AskBefore("effect", expires=7200), AskBefore("effect", persons=2, escalate=3600), AskBefore("effect"))
    await rig.run(declared(acting(), *guards))
    asked, now = await asked_of(rig), now_ms()
    assert asked.persons == 2
    assert asked.reason == "`effect` needs a person's approval"
    assert 7_100_000 < asked.expires - now <= 7_200_000
    assert 3_500_000 < asked.escalates - now <= 3_600_000


async def test_what_would_escalate_after_it_lapsed_never_does(rig: Rig) -> None:
    await rig.run(declared(acting(), AskBefore("effect", escalate=3600), AskBefore("effect", expires=60)))
    assert (await asked_of(rig)).escalates == 0


async def test_who_asks_for_nobody_asks_for_one(rig: Rig) -> None:
    await rig.run(declared(acting(), Wants(0)))
    assert (await asked_of(rig)).persons == 1


async def test_more_people_that_a_guard_wants_by_then_are_asked_and_the_first_need_not_be_again(rig: Rig) -> None:
    act, wants = acting(), Wants(1)
    who = declared(act, wants)
    await rig.run(who)
    await decide(rig.store, "s", "", granted=True, by="ann")
    wants.persons = 2
    assert (await rig.resume(who)).status == "waiting"
    (effect,) = waiting(await rig.state())
    assert [one.by for one in effect.yes] == ["ann"]
    await decide(rig.store, "s", "", granted=True, by="bob")
    assert (await rig.resume(who)).output == "done"
    assert act.seen == [{"to": "bob", "usd": 5}]


async def test_two_processes_that_decide_at_the_same_time_are_both_heard(rig: Rig) -> None:
    act = acting()
    who = declared(act)
    await rig.run(who)
    rig.forget()
    slow = SlowStore(rig.store)
    await asyncio.gather(*(decide(slow, "s", "", granted=True, by=name) for name in ("ann", "bob")))
    assert (await rig.resume(who)).output == "done"
    assert len(act.seen) == 1


async def test_a_person_who_is_in_two_places_at_once_is_heard_once(rig: Rig) -> None:
    await rig.run(declared(acting()))
    rig.forget()
    slow = SlowStore(rig.store)
    said = await asyncio.gather(
        *(decide(slow, "s", "", granted=True, by="ann") for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(one, ApprovalError) for one in said) == 2
    (effect,) = waiting(await rig.state())
    assert missing(effect) == 1


async def test_a_yes_and_a_no_at_the_same_time_are_decided_by_the_journal(rig: Rig) -> None:
    act = acting()
    who = declared(act)
    await rig.run(who)
    slow = SlowStore(rig.store)
    await decide(rig.store, "s", "", granted=True, by="ann")
    said = await asyncio.gather(
        decide(slow, "s", "", granted=False, by="cid"),
        decide(slow, "s", "", granted=True, by="bob"),
        return_exceptions=True,
    )
    assert sum(isinstance(one, ApprovalError) for one in said) == 1
    await rig.resume(who)
    last = [event for event in await rig.events() if isinstance(event, ApprovalGiven)][-1]
    assert len(act.seen) == int(last.granted)


async def test_a_fork_inherits_nobodys_yes(rig: Rig) -> None:
    act = acting()
    who = declared(act)
    await rig.run(who)
    await decide(rig.store, "s", "", granted=True, by="ann")
    rig.forget()
    await fork(rig.store, "s", "t")
    assert "ApprovalGiven" not in await rig.kinds("t")
    await decide(rig.store, "t", "", granted=True, by="bob")
    assert (await rig.resume(who, "t")).status == "waiting"
    assert act.seen == []


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_crash_at_any_append_loses_no_yes_and_needs_no_third(moment: Moment) -> None:
    for at in range(1, 8):
        rig, act = Rig(), acting()
        who = agent(ScriptedModel([WISH, says("done"), says("done")]), act, guards=[TWO])
        await rig.run(who)
        await decide(rig.store, "s", "", granted=True, by="ann")
        store = rig.store
        try:
            rig.store = DyingStore(store, at, moment)
            await rig.resume(who)
            await decide(rig.store, "s", "", granted=True, by="bob")
            await rig.resume(who)
        except Died:
            rig.store = store
            if waiting(await rig.state()):
                assert act.seen == []
                await rig.resume(who)
                if waiting(await rig.state()):
                    await decide(store, "s", "", granted=True, by="bob")
        rig.store = store
        result = await rig.resume(who)
        assert len(act.seen) <= 1
        if not act.seen:
            # Its intent was written and the process died before it acted: nobody can say.
            assert result.reason.startswith("did effect"), (at, result)
        assert sum(isinstance(event, ApprovalGiven) for event in await rig.events()) == 2


DECISIONS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([True, True, True, False])), max_size=7)


def runs(decisions: list[tuple[str, bool]], persons: int) -> bool:
    """Say, by the law itself, whether the call may run."""
    names: set[str] = set()
    for name, granted in decisions:
        if not granted:
            return False
        names.add(name)
        if len(names) == persons:
            return True
    return False


@given(decisions=DECISIONS, persons=st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_a_call_runs_if_and_only_if_so_many_different_people_say_yes_before_anybody_says_no(
    decisions: list[tuple[str, bool]], persons: int
) -> None:
    async def life() -> int:
        rig, act = Rig(), acting()
        who = declared(act, AskBefore("effect", persons=persons))
        await rig.run(who)
        for name, granted in decisions:
            if waiting(await rig.state()):
                try:
                    await decide(rig.store, "s", "", granted=granted, by=name)
                except ApprovalError as error:
                    assert "already" in str(error)  # noqa: PT017 - a person who said yes twice
        await rig.resume(who)
        await rig.check()
        return len(act.seen)

    assert asyncio.run(life()) == int(runs(decisions, persons))


@given(decisions=DECISIONS, persons=st.integers(1, 3), lapse=st.integers(0, 7))
@example(decisions=[("a", True), ("a", True), ("b", True)], persons=2, lapse=7)
@settings(max_examples=60, deadline=None)
def test_whatever_a_journal_holds_no_yes_counts_that_came_after_the_question_lapsed(
    decisions: list[tuple[str, bool]], persons: int, lapse: int
) -> None:
    async def life() -> int:
        rig, act = Rig(), acting()
        who = declared(act, AskBefore("effect", persons=persons))
        await rig.run(who)
        asked = await asked_of(rig)
        tail = len(await rig.events())
        for place, (name, granted) in enumerate(decisions):
            at = asked.expires + (1 if place >= lapse else 0)
            event = ApprovalGiven("c1_0_0", granted=granted, by=name, digest=asked.digest, at=at)
            tail = await rig.store.append("s", [event], after=tail)
        await rig.resume(who)
        return len(act.seen)

    assert asyncio.run(life()) == int(runs(decisions[:lapse], persons))


@pytest.mark.parametrize("again", ["Ann", "ann ", "a\u200bnn"])
async def test_a_person_is_not_two_by_another_way_to_write_their_name(rig: Rig, again: str) -> None:
    act = acting()
    who = declared(act)
    await rig.run(who)
    await decide(rig.store, "s", "", granted=True, by="ann")
    with pytest.raises(ApprovalError, match="already"):
        await decide(rig.store, "s", "", granted=True, by=again)
    # Nor where it came into the journal all the same.
    asked = await asked_of(rig)
    slipped = ApprovalGiven("c1_0_0", granted=True, by=again, digest=asked.digest, at=now_ms())
    await rig.store.append("s", [slipped], after=len(await rig.events()))
    assert (await rig.resume(who)).status == "waiting"
    assert act.seen == []


async def test_a_clock_that_is_set_back_gives_a_question_no_longer_life(rig: Rig) -> None:
    act = acting()
    await rig.run(declared(act, AskBefore("effect", persons=2, expires=3600, escalate=60)))
    rig.forget()
    ahead = Ahead(rig.store, 7200_000)
    for said in (decide(ahead, "s", "", granted=True, by="ann"), edit(ahead, "s", "", {"usd": 1}, by="ann")):
        with pytest.raises(ApprovalError, match="has lapsed"):
            await said
    await escalate(ahead, "s", "c1_0_0")
    assert "ApprovalEscalated" not in await rig.kinds()


@dataclass
class Ahead(SlowStore):
    """A store whose last events were written by a clock that was ahead, or has been set back since."""

    by: int = 0

    def __init__(self, store: Store, by: int) -> None:
        super().__init__(store, 0)
        self.by = by

    async def read(self, session: str, *, after: int = 0) -> list[Record]:
        """See `Journal.read`."""
        return [replace(record, at=record.at + self.by) for record in await super().read(session, after=after)]
