"""Approvals: asked, waited for, given or not, and then exactly that call runs exactly once."""

import pytest
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.errors import ApprovalError
from remit.core.events import ApprovalAsked, ApprovalGiven, EffectStarted, LimitRaised
from remit.core.messages import Call
from remit.core.ports import ALLOW, ToolSpec, Verdict
from remit.core.state import State
from remit.core.values import now_ms
from remit.policy import AskBefore
from remit.runtime import decide, waiting
from remit.testing import EffectCounter, calls, says, use

WISH = calls(use("effect", to="bob", usd=5))


class Denies:
    """Denies while it is on."""

    on = False

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        return Verdict("deny", "not any more") if self.on else ALLOW


class Masks:
    """Takes a card number out of the arguments."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        if call.args.get("card") in {None, "****"}:
            return ALLOW
        return Verdict("redact", "card numbers stay here", args={**call.args, "card": "****"})


async def test_a_call_waits_for_approval_and_then_runs_once_with_exactly_its_arguments(rig: Rig) -> None:
    act = Acting(gives("sent"), "effect", "once")
    declared = agent(scripted(WISH, says("done")), act, guards=[AskBefore("effect")])
    result = await rig.run(declared)
    assert (result.status, result.reason) == (
        "waiting",
        "approve effect (c1_0_0)? `effect` needs a person's approval",
    )
    assert act.seen == []
    assert [effect.call.args for effect in waiting(await rig.state())] == [{"to": "bob", "usd": 5}]
    assert (await rig.resume(declared)).status == "waiting"
    rig.living["s"] = await rig.load(declared)
    await decide(rig.store, "s", "", granted=True, by="ann")
    assert (await rig.resume(declared)).output == "done"
    assert act.seen == [{"to": "bob", "usd": 5}]


async def test_a_denied_call_does_not_run_and_the_model_is_told_why(rig: Rig) -> None:
    act = Acting(gives("sent"), "effect", "once")
    declared = agent(scripted(WISH, says("ok then")), act, guards=[AskBefore("effect")])
    await rig.run(declared)
    await decide(rig.store, "s", "c1_0_0", granted=False, by="ann", reason="too much")
    assert (await rig.resume(declared)).output == "ok then"
    assert act.seen == []
    assert [(o.status, o.output) for o in await rig.outcomes()] == [("denied", "not allowed: ann said no: too much")]


async def test_a_denial_needs_no_reason(rig: Rig) -> None:
    declared = agent(scripted(WISH, says("ok then")), EffectCounter("once"), guards=[AskBefore("effect")])
    await rig.run(declared)
    await decide(rig.store, "s", "c1_0_0", granted=False, by="ann")
    await rig.resume(declared)
    assert [outcome.output for outcome in await rig.outcomes()] == ["not allowed: ann said no"]


async def test_a_question_that_nobody_answers_in_time_is_a_no(rig: Rig) -> None:
    act = Acting(gives("sent"), "effect", "once")
    declared = agent(scripted(WISH, says("ok")), act, guards=[AskBefore("effect", expires=0.001)])
    await rig.run(declared)
    asked = next(event for event in await rig.events() if isinstance(event, ApprovalAsked))
    while now_ms() <= asked.expires:
        pass
    with pytest.raises(ApprovalError, match="has lapsed; resume"):
        await decide(rig.store, "s", "", granted=True, by="ann")
    await rig.resume(declared)
    assert act.seen == []
    assert [outcome.output for outcome in await rig.outcomes()] == ["not allowed: nobody decided in time"]


@pytest.mark.parametrize(("digest", "at"), [("other", 0), ("", 2**60)])
async def test_an_approval_for_other_arguments_or_given_too_late_is_a_no(rig: Rig, digest: str, at: int) -> None:
    act = Acting(gives("sent"), "effect", "once")
    declared = agent(scripted(WISH, says("ok")), act, guards=[AskBefore("effect")])
    await rig.run(declared)
    events = await rig.events()
    asked = next(event for event in events if isinstance(event, ApprovalAsked))
    given = ApprovalGiven("c1_0_0", granted=True, by="eve", digest=digest or asked.digest, at=at)
    await rig.store.append("s", [given], after=len(events))
    await rig.resume(declared)
    assert act.seen == []
    assert [outcome.status for outcome in await rig.outcomes()] == ["denied"]


async def test_a_decision_is_made_once_and_about_a_call_that_waits(rig: Rig) -> None:
    declared = agent(scripted(WISH), EffectCounter("once"), guards=[AskBefore("effect")])
    await rig.run(declared)
    with pytest.raises(ApprovalError, match=r"no call 'c9' of session 's' waits for a decision; there is: c1_0_0"):
        await decide(rig.store, "s", "c9", granted=True, by="ann")
    await decide(rig.store, "s", "c1_0_0", granted=True, by="ann")
    with pytest.raises(ApprovalError, match="nothing in session"):
        await decide(rig.store, "s", "c1_0_0", granted=False, by="bob")
    rig.forget()


async def test_of_two_calls_that_wait_a_person_must_say_which(rig: Rig) -> None:
    act = Acting(gives("sent"), "effect", "once")
    declared = agent(scripted(calls(use("effect", n=1), use("effect", n=2)), says("x")), act, guards=[AskBefore("*")])
    await rig.run(declared)
    with pytest.raises(ApprovalError, match=r"say which call .*c1_0_0 \(effect\), c1_0_1 \(effect\)"):
        await decide(rig.store, "s", "", granted=True, by="ann")
    await decide(rig.store, "s", "c1_0_1", granted=True, by="ann")
    assert (await rig.resume(declared)).status == "waiting"
    assert act.seen == [{"n": 2}]
    await decide(rig.store, "s", "", granted=True, by="ann")
    assert (await rig.resume(declared)).output == "x"
    assert act.seen == [{"n": 2}, {"n": 1}]


async def test_what_denies_after_the_approval_still_denies(rig: Rig) -> None:
    act, denies = Acting(gives("sent"), "effect", "once"), Denies()
    declared = agent(scripted(WISH, says("ok")), act, guards=[AskBefore("effect"), denies])
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=True, by="ann")
    denies.on = True
    await rig.resume(declared)
    assert act.seen == []
    assert [outcome.output for outcome in await rig.outcomes()] == ["not allowed: not any more"]


async def test_arguments_that_a_guard_changed_are_what_is_approved_and_run(rig: Rig) -> None:
    act = Acting(gives("paid"), "pay", "once")
    wish = calls(use("pay", card="4111", usd=5))
    declared = agent(scripted(wish, says("done")), act, guards=[Masks(), AskBefore("pay")])
    await rig.run(declared)
    assert [effect.call.args for effect in waiting(await rig.state())] == [{"card": "****", "usd": 5}]
    await decide(rig.store, "s", "", granted=True, by="ann")
    assert (await rig.resume(declared)).output == "done"
    assert act.seen == [{"card": "****", "usd": 5}]


async def test_arguments_that_a_guard_changed_are_what_the_tool_gets(rig: Rig) -> None:
    act = Acting(gives("paid"), "pay", "once")
    declared = agent(scripted(calls(use("pay", card="4111")), says("done")), act, guards=[Masks()])
    assert (await rig.run(declared)).output == "done"
    assert act.seen == [{"card": "****"}]
    started = next(event for event in await rig.events() if isinstance(event, EffectStarted))
    assert started.made == Call("pay", {"card": "****"}, "c1_0_0")


async def test_an_approved_call_is_checked_against_the_limits_again(rig: Rig) -> None:
    act = Acting(gives("sent"), "effect", "once", {"price": 5 * 10**9})
    declared = agent(scripted(WISH, says("ok")), act, guards=[AskBefore("effect")])
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=True, by="ann")
    await rig.store.append("s", [LimitRaised("usd", 1.0, "ann")], after=len(await rig.events()))
    await rig.resume(declared)
    assert act.seen == []
    assert [outcome.status for outcome in await rig.outcomes()] == ["denied"]


async def test_an_approval_holds_for_redacted_secrets_too(rig: Rig) -> None:
    rig.secrets.register("api", "hunter2hunter2")
    act = Acting(gives("sent"), "effect", "once")
    wish = calls(use("effect", key="hunter2hunter2"))
    declared = agent(scripted(wish, says("done")), act, guards=[AskBefore("effect")])
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=True, by="ann")
    assert (await rig.resume(declared)).output == "done"
    assert act.seen == [{"key": "[secret:api]"}]
