"""Edited arguments: a person allows another call instead, which is checked as if a model had asked, and runs once."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

import pytest
from pydantic import Field
from tests.runtime.rig import Acting, Rig, SlowStore, agent, gives, scripted

from remit import Brief, Strategy, run
from remit.core.agent import Agent
from remit.core.errors import ApprovalError, RejectedError
from remit.core.events import ApprovalAsked, ApprovalGiven, EffectStarted
from remit.core.messages import Call, ToolMessage
from remit.core.ports import ALLOW, Guard, Reply, Request, ToolSpec, Verdict
from remit.core.state import State
from remit.core.values import JsonObject
from remit.policy import Allow, AskBefore, Deny, Honeypot, Permissions
from remit.runtime import decide, edit, fork, misfit, missing, replay, waiting
from remit.testing import ScriptedModel, calls, says, use
from remit.testing.crash import Died, DyingStore, Moment
from remit.tools import tool

WISH = calls(use("pay", to="bob", usd=500))
LESS: JsonObject = {"to": "bob", "usd": 5}


def acting(**options: object) -> Acting:
    return Acting(gives({"id": 7}), "pay", "once", options)


def declared(act: Acting, *guards: Guard) -> Agent:
    return agent(scripted(WISH, says("done")), act, guards=guards or (AskBefore("pay", above={"usd": 100}),))


class Masks:
    """Takes a card number out of the arguments."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        if call.args.get("card") in {None, "****"}:
            return ALLOW
        return Verdict("redact", "card numbers stay here", args={**call.args, "card": "****"})


async def told(rig: Rig) -> list[object]:
    return [outcome.output for outcome in await rig.outcomes()]


async def questions(rig: Rig) -> list[ApprovalAsked]:
    return [event for event in await rig.events() if isinstance(event, ApprovalAsked)]


async def test_a_call_runs_with_the_arguments_a_person_gave_and_the_model_is_told(rig: Rig) -> None:
    act = acting()
    who = declared(act)
    await rig.run(who)
    await edit(rig.store, "s", "", LESS, by="ann", reason="too much")
    assert waiting(await rig.state()) == ()
    assert (await rig.resume(who)).output == "done"
    assert act.seen == [LESS]
    assert await told(rig) == [{"changed_by": "ann", "args": LESS, "output": {"id": 7}}]
    started = next(event for event in await rig.events() if isinstance(event, EffectStarted))
    assert started.made == Call("pay", LESS, "c1_0_0")
    (heard,) = [message for message in (await rig.state()).threads[""] if isinstance(message, ToolMessage)]
    assert heard.outcome.output == {"changed_by": "ann", "args": LESS, "output": {"id": 7}}
    found = await replay(await rig.store.read("s"), who, rig.world(who))
    assert [run.divergence for run in found] == [""]


async def test_a_guard_that_asks_about_the_new_arguments_counts_the_editor_as_one_person(rig: Rig) -> None:
    act = acting()
    who = declared(act, AskBefore("pay"))
    await rig.run(who)
    await edit(rig.store, "s", "", LESS, by="ann")
    assert (await rig.resume(who)).output == "done"
    assert act.seen == [LESS]
    assert len(await questions(rig)) == 1


async def test_where_two_must_approve_another_person_must_approve_the_new_arguments(rig: Rig) -> None:
    act = acting()
    who = declared(act, AskBefore("pay", persons=2))
    await rig.run(who)
    await decide(rig.store, "s", "", granted=True, by="ann")
    await edit(rig.store, "s", "", LESS, by="bob")
    assert (await rig.resume(who)).status == "waiting"
    rig.forget()
    (effect,) = waiting(await rig.state())
    assert (effect.call.args, [one.by for one in effect.yes], missing(effect)) == (LESS, ["bob"], 1)
    with pytest.raises(ApprovalError, match="bob has approved pay"):
        await decide(rig.store, "s", "", granted=True, by="bob")
    await decide(rig.store, "s", "", granted=True, by="ann")
    assert (await rig.resume(who)).output == "done"
    assert act.seen == [LESS]
    found = await replay(await rig.store.read("s"), who, rig.world(who))
    assert [run.divergence for run in found] == [""]


async def test_each_edit_is_another_call_for_which_only_its_editor_has_spoken(rig: Rig) -> None:
    act = acting()
    who = declared(act, AskBefore("pay", persons=2))
    await rig.run(who)
    await edit(rig.store, "s", "", LESS, by="ann")
    await rig.resume(who)
    await edit(rig.store, "s", "", {"to": "bob", "usd": 6}, by="ann")
    assert (await rig.resume(who)).status == "waiting"
    await edit(rig.store, "s", "", {"to": "bob", "usd": 7}, by="bob")
    assert (await rig.resume(who)).status == "waiting"
    rig.forget()
    (effect,) = waiting(await rig.state())
    assert [one.by for one in effect.yes] == ["bob"]
    await decide(rig.store, "s", "", granted=True, by="ann")
    await rig.resume(who)
    assert act.seen == [{"to": "bob", "usd": 7}]
    assert (await told(rig))[0] == {"changed_by": "bob", "args": {"to": "bob", "usd": 7}, "output": {"id": 7}}


async def test_the_same_arguments_again_are_an_approval_like_any_other(rig: Rig) -> None:
    act = acting()
    who = declared(act, AskBefore("pay", persons=2))
    await rig.run(who)
    await decide(rig.store, "s", "", granted=True, by="ann")
    with pytest.raises(ApprovalError, match="ann has approved"):
        await edit(rig.store, "s", "", {"usd": 500, "to": "bob"}, by="ann")
    await edit(rig.store, "s", "", {"usd": 500, "to": "bob"}, by="bob")
    assert (await rig.resume(who)).output == "done"
    assert act.seen == [{"to": "bob", "usd": 500}]
    assert await told(rig) == [{"id": 7}]


async def test_a_guard_that_denies_the_new_arguments_denies_and_the_model_is_told(rig: Rig) -> None:
    act = acting()
    rules = Permissions(Deny("pay", to="eve"), Allow("pay"))
    who = declared(act, AskBefore("pay"), rules)
    await rig.run(who)
    await edit(rig.store, "s", "", {"to": "eve", "usd": 5}, by="ann")
    assert (await rig.resume(who)).output == "done"
    assert act.seen == []
    (outcome,) = await rig.outcomes()
    assert outcome.status == "denied"
    assert str(outcome.output).startswith(
        'ann changed the arguments of this call to {"to":"eve","usd":5}. What came of it: not allowed: '
    )


async def test_a_honeypot_that_the_new_arguments_step_into_is_not_called(rig: Rig) -> None:
    @dataclass
    class Decoys:
        """Plays along for what goes to eve."""

        def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
            return Honeypot("pay").check(call, spec, state) if call.args.get("to") == "eve" else ALLOW

    act = acting()
    who = declared(act, AskBefore("pay"), Decoys())
    await rig.run(who)
    await edit(rig.store, "s", "", {"to": "eve", "usd": 5}, by="ann")
    await rig.resume(who)
    assert act.seen == []
    assert [outcome.status for outcome in await rig.outcomes()] == ["simulated"]


async def test_arguments_that_a_guard_makes_others_of_are_asked_about_again(rig: Rig) -> None:
    act = acting()
    who = declared(act, Masks(), AskBefore("pay"))
    await rig.run(who)
    await edit(rig.store, "s", "", {"card": "4111"}, by="ann")
    assert (await rig.resume(who)).status == "waiting"
    rig.forget()
    (effect,) = waiting(await rig.state())
    assert (effect.call.args, effect.yes) == ({"card": "****"}, ())
    await decide(rig.store, "s", "", granted=True, by="ann")
    assert (await rig.resume(who)).output == "done"
    assert act.seen == [{"card": "****"}]


async def test_arguments_that_do_not_fit_the_tool_are_a_failure_that_the_model_is_told_of(rig: Rig) -> None:
    paid: list[float] = []

    @tool(effect="once")
    async def pay(usd: Annotated[float, Field(le=1000)]) -> str:
        """Pay."""
        paid.append(usd)
        return "paid"

    who = agent(scripted(calls(use("pay", usd=500)), says("done")), pay, guards=[AskBefore("pay")])
    await rig.run(who)
    assert "usd" in misfit(pay, {"usd": 5000})
    assert misfit(pay, {"usd": 5}) == ""
    await edit(rig.store, "s", "", {"usd": 5000}, by="ann")
    await rig.resume(who)
    assert paid == []
    (outcome,) = await rig.outcomes()
    assert outcome.status == "failed"
    assert "ann changed" in str(outcome.output)
    assert "usd" in str(outcome.output)


def test_a_tool_that_is_withheld_is_not_asked_what_fits() -> None:
    assert misfit(acting(withheld="not reviewed"), {}) == "pay is withheld: not reviewed"


async def test_what_a_person_gives_is_kept_within_bounds(rig: Rig) -> None:
    await rig.run(declared(acting()))
    rig.forget()
    with pytest.raises(ApprovalError, match="at most 32768"):
        await edit(rig.store, "s", "", {"note": "x" * 40_000}, by="ann")


async def test_an_edit_of_a_question_that_was_not_asked_or_too_late_is_a_no(rig: Rig) -> None:
    act = acting()
    who = declared(act)
    await rig.run(who)
    (asked,) = await questions(rig)
    late = ApprovalGiven("c1_0_0", granted=True, by="eve", digest=asked.digest, at=asked.expires + 1, args=LESS)
    await rig.store.append("s", [late], after=len(await rig.events()))
    await rig.resume(who)
    other = ApprovalGiven("c1_0_0", granted=True, by="eve", digest="other", at=0, args=LESS)
    await rig.run(declared(act), name="t")
    await rig.store.append("t", [other], after=len(await rig.events("t")))
    await rig.resume(declared(act), "t")
    assert act.seen == []
    assert [o.status for name in ("s", "t") for o in await rig.outcomes(name)] == ["denied", "denied"]


async def test_an_edit_and_a_yes_at_the_same_time_are_decided_by_the_journal(rig: Rig) -> None:
    act = acting()
    who = declared(act)
    await rig.run(who)
    slow = SlowStore(rig.store)
    said = await asyncio.gather(
        edit(slow, "s", "", LESS, by="ann"),
        decide(slow, "s", "", granted=True, by="bob"),
        return_exceptions=True,
    )
    assert sum(isinstance(one, ApprovalError) for one in said) == 1
    await rig.resume(who)
    (given,) = [event for event in await rig.events() if isinstance(event, ApprovalGiven)]
    assert act.seen == [given.args or {"to": "bob", "usd": 500}]


async def test_a_call_that_a_strategy_made_itself_is_edited_as_well(rig: Rig) -> None:
    def pays(brief: Brief) -> Strategy:
        outcomes = yield from run([Call("pay", {"to": "bob", "usd": 500})])
        return outcomes[0].output

    act = acting()
    who = agent(scripted(), act, guards=[AskBefore("pay")], strategy=pays)
    await rig.run(who)
    await edit(rig.store, "s", "", LESS, by="ann")
    assert (await rig.resume(who)).output == {"changed_by": "ann", "args": LESS, "output": {"id": 7}}
    assert act.seen == [LESS]
    found = await replay(await rig.store.read("s"), who, rig.world(who))
    assert [one.divergence for one in found] == [""]


async def test_a_fallback_gets_the_new_arguments_also_after_a_crash(rig: Rig) -> None:
    for at in range(1, 9):
        rig = Rig()
        first = Acting(gives(RejectedError("closed")), "pay", "once", {"fallback": "later"})
        second = Acting(gives("kept"), "later", "idempotent")
        for _ in range(10):
            entered = rig.gate.enter("tool:pay")
            if not isinstance(entered, str):
                entered.report(ok=False)
        model = ScriptedModel([WISH, says("done"), says("done")])
        who = agent(model, first, second, guards=[AskBefore("pay")])
        await rig.run(who)
        await edit(rig.store, "s", "", LESS, by="ann")
        store = rig.store
        rig.store = DyingStore(store, at, "after")
        try:
            await rig.resume(who)
        except Died:
            rig.store = store
            await rig.resume(who)
        rig.store = store
        assert second.seen
        assert all(args == LESS for args in second.seen)
        assert first.seen == []
        found = await replay(await rig.store.read("s"), who, rig.world(who))
        assert [one.divergence for one in found] == [""]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("persons", [1, 2])
async def test_a_crash_at_any_append_never_runs_what_nobody_approved_and_nothing_twice(
    persons: int, moment: Moment
) -> None:
    for at in range(1, 9):
        rig, act = Rig(), acting()
        model = ScriptedModel([WISH, says("done"), says("done")])
        who = agent(model, act, guards=[AskBefore("pay", persons=persons)])
        await rig.run(who)
        store = rig.store
        rig.store = DyingStore(store, at, moment)
        try:
            await _decided(rig, who)
        except Died:
            rig.store = store
            await _decided(rig, who)
        rig.store = store
        assert act.seen in ([], [LESS]), (at, act.seen)
        state = await rig.state()
        if not act.seen:
            assert state.run is not None
            assert state.run.suspended is not None
            assert state.run.suspended.why == "in_doubt"
        found = await replay(await store.read("s"), who, rig.world(who))
        assert [one.divergence for one in found] == [""]


async def _decided(rig: Rig, who: Agent) -> None:
    """Have ann edit and bob approve what is left, going on after each."""
    await rig.resume(who)
    (effect,) = waiting(await rig.state()) or (None,)
    if effect is not None and effect.call.args != LESS:
        await edit(rig.store, "s", "", LESS, by="ann")
        await rig.resume(who)
    if waiting(await rig.state()):
        await decide(rig.store, "s", "", granted=True, by="bob")
        await rig.resume(who)


def wishes(request: Request) -> Reply:
    """Wish the call, then be done: by what the conversation holds."""
    return WISH if len(request.messages) < 2 else says("done")


async def test_a_fork_at_any_event_runs_nothing_that_was_approved_for_another_session(rig: Rig) -> None:
    act = acting()
    model = ScriptedModel([wishes] * 99)
    who = agent(model, act, guards=[AskBefore("pay", persons=2)])
    await rig.run(who)
    await _decided(rig, who)
    for at in range(1, len(await rig.events()) + 1):
        name = f"fork{at}"
        await fork(rig.store, "s", name, at=at)
        remembered = {outcome.call for outcome in await rig.outcomes(name)}
        before = len(act.seen)
        result = await rig.resume(who, name)
        assert len(act.seen) == before, at
        assert result.status == ("done" if remembered else result.status)
        found = await replay(await rig.store.read(name), who, rig.world(who))
        assert [one.divergence for one in found] == [""] * len(found), at
