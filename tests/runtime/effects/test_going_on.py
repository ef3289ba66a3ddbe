"""Going on: what becomes of calls that were begun, when limits, contracts and declarations have changed since."""

from dataclasses import dataclass, field

import pytest
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.agent import Agent
from remit.core.errors import InputRequiredError, RejectedError
from remit.core.events import EffectEnded, EffectStarted, Event, Flagged, LimitRaised, RunResumed
from remit.core.limits import Limits, Tenant
from remit.core.messages import Call, Outcome
from remit.core.moves import Brief, Strategy, run
from remit.core.ports import Probe, ToolContext
from remit.core.values import JsonObject, JsonValue, nanos, now_ms
from remit.policy import AskBefore, Breakers, Tolerance
from remit.runtime import answer, cancel, decide, doubted, settle
from remit.runtime.ledger import day, spent_account, tree_account
from remit.testing import calls, says, use
from remit.testing.crash import Died

WISH = calls(use("act"))


def today() -> str:
    return spent_account("default", day(now_ms()))


def trip(rig: Rig, name: str = "tool:act") -> None:
    rig.gate = Breakers(Tolerance(failures=1))
    entered = rig.gate.enter(name)
    assert not isinstance(entered, str)
    entered.report(ok=False)


async def died(rig: Rig, *events: Event) -> None:
    """Write what a worker wrote that died then."""
    rig.living.clear()
    await rig.store.append("s", events, after=len(await rig.events()))


async def dies_in(rig: Rig, tool: Acting, declared: Agent) -> None:
    """Begin, and die in the first call of a tool."""
    act, tool.act = tool.act, gives(Died("in the act"))
    with pytest.raises(Died):
        await rig.run(declared)
    rig.forget()
    tool.act = act
    tool.seen.clear()


def asking(act: object = "ok") -> Acting:
    """Make a tool that asks a person, and then does something."""

    async def acts(context: ToolContext) -> object:
        if context.resume is None:
            raise InputRequiredError("which?", {"type": "object"})
        return await gives(act)(context)

    return Acting(acts, "act", "once")


# -- steps -------------------------------------------------------------------------------------------------------------


async def test_the_last_step_goes_on_after_its_approval(rig: Rig) -> None:
    def single(brief: Brief) -> Strategy:
        outcomes = yield from run([Call("act", {})])
        return outcomes[0].output

    tool = Acting(gives("ok"), "act", "once")
    declared = agent(scripted(), tool, guards=[AskBefore("act")], strategy=single, limits=Limits(steps=1))
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=True, by="ann")
    assert (await rig.resume(declared)).output == "ok"


async def test_the_last_step_goes_on_with_what_a_person_answered(rig: Rig) -> None:
    tool = asking()
    declared = agent(scripted(WISH, says("x")), tool, limits=Limits(steps=2))
    await rig.run(declared)
    await answer(rig.store, "s", "", {}, by="ann")
    result = await rig.resume(declared)
    assert [outcome.status for outcome in await rig.outcomes()] == ["ok"]
    assert (result.status, len(tool.seen)) == ("stopped", 2)


async def test_calls_of_one_move_are_one_step_also_when_the_first_ended_at_once(rig: Rig) -> None:
    tool = Acting(gives("ok"))
    await rig.run(agent(scripted(calls(use("gone"), use("act")), says("x")), tool, limits=Limits(steps=2)))
    assert sorted(outcome.status for outcome in await rig.outcomes()) == ["failed", "ok"]


async def test_a_fallback_is_no_step_of_its_own(rig: Rig) -> None:
    first = Acting(gives(RejectedError("no")), options={"fallback": "second"})
    second = Acting(gives("instead"), "second")
    await rig.run(agent(scripted(WISH, says("x")), first, second, limits=Limits(steps=2)))
    assert [outcome.status for outcome in await rig.outcomes()] == ["ok", "ok"]


async def test_a_run_that_stops_before_a_fallback_still_knows_how_the_first_call_ended(rig: Rig) -> None:
    async def takes_all_the_time(context: ToolContext) -> str:
        run = rig.living["s"].state.run
        assert run is not None
        run.clock -= 10_000
        raise RejectedError("no")

    first = Acting(takes_all_the_time, "act", "once", {"fallback": "second", "price": nanos(1)})
    second = Acting(gives("instead"), "second", "once")
    limits = Limits(seconds=5, usd=2, unpriced="allow")
    result = await rig.run(agent(scripted(WISH, says("x")), first, second, limits=limits))
    assert (result.status, result.spent, second.seen) == ("stopped", 0, [])
    assert [(outcome.call, outcome.output) for outcome in await rig.outcomes()] == [("c1_0_0", "no")]
    assert not [event for event in await rig.events() if isinstance(event, Flagged)]
    assert await rig.store.used(today()) == 0


# -- arguments ---------------------------------------------------------------------------------------------------------


@dataclass
class Greedy(Acting):
    """Empties what it is given, and keeps a copy of how it came."""

    came: list[JsonObject] = field(default_factory=list[JsonObject])

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        self.came.append({"tags": [str(tag) for tag in tags]} if isinstance(tags := args["tags"], list) else {})
        if isinstance(tags, list):
            tags.clear()
        args["more"] = 1
        return await self.act(context)

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        args.clear()
        return Probe(happened=False)


async def test_each_attempt_and_the_fallback_are_given_the_arguments_that_were_wished(rig: Rig) -> None:
    options = {"fallback": "second", "reconciles": True}
    first = Greedy(gives(OSError("down")), "act", "once", options)
    second = Greedy(gives("ok"), "second")
    await rig.run(agent(scripted(calls(use("act", tags=["a"])), says("x")), first, second))
    assert [*first.came, *second.came] == [{"tags": ["a"]}] * 4
    started = [event.made.args for event in await rig.events() if isinstance(event, EffectStarted) and event.made]
    assert started == [{"tags": ["a"]}]


async def test_a_fallback_under_way_goes_on_though_another_is_declared_now(rig: Rig) -> None:
    second = asking()
    second.name = "second"
    third = Acting(gives("third"), "third")
    first = Acting(gives(RejectedError("no")), options={"fallback": "second"})
    await rig.run(agent(scripted(WISH), first, second, third))
    await answer(rig.store, "s", "c1_0_0f", {}, by="ann")
    first.options = {"fallback": "third"}
    result = await rig.resume(agent(scripted(says("x")), first, second, third))
    assert (result.output, third.seen) == ("x", [])
    assert [outcome.status for outcome in await rig.outcomes()] == ["ok", "ok"]


@pytest.mark.parametrize("first", ["input", "approval"])
async def test_a_call_that_waited_for_a_person_is_not_made_when_its_fallback_was_begun(rig: Rig, first: str) -> None:
    guards = [AskBefore("act")] if first == "approval" else []
    tool = asking() if first == "input" else Acting(gives("ok"), "act", "once")
    tool.options = {"fallback": "second"}
    second = asking()
    second.name = "second"
    declared = agent(scripted(WISH, says("x")), tool, second, guards=guards)
    await rig.run(declared)
    if first == "input":
        await answer(rig.store, "s", "", {}, by="ann")
    else:
        await decide(rig.store, "s", "", granted=True, by="ann")
    trip(rig)
    assert (await rig.resume(declared)).status == "waiting"
    rig.gate = Breakers()
    await answer(rig.store, "s", "c1_0_0f", {}, by="ann")
    before = len(tool.seen)
    assert (await rig.resume(declared)).output == "x"
    assert (len(tool.seen) - before, len(second.seen)) == (0, 2)


# -- contracts ---------------------------------------------------------------------------------------------------------


async def test_a_call_under_way_is_not_made_again_when_its_contract_is_withheld(rig: Rig) -> None:
    tool = Acting(gives("ok"))
    await dies_in(rig, tool, agent(scripted(WISH), tool))
    tool.options = {"withheld": "its description changed"}
    tool.seen.clear()
    assert (await rig.resume(agent(scripted(says("x")), tool))).output == "x"
    ((status, output),) = [(outcome.status, outcome.output) for outcome in await rig.outcomes()]
    assert (status, tool.seen) == ("failed", [])
    assert "now: withheld: its description changed" in str(output)


async def test_a_withheld_call_that_must_not_be_repeated_is_for_a_person_and_never_probed(rig: Rig) -> None:
    probed = [0]

    def find() -> Probe:
        probed[0] += 1
        return Probe(happened=False)

    tool = Acting(gives("ok"), "act", "once", {"reconciles": True}, find=find)
    await dies_in(rig, tool, agent(scripted(WISH), tool))
    tool.options |= {"withheld": "its description changed"}
    tool.seen.clear()
    declared = agent(scripted(says("x")), tool)
    assert (await rig.resume(declared)).status == "waiting"
    await settle(rig.store, "s", "", happened=False, by="ann")
    assert (await rig.resume(declared)).output == "x"
    assert (probed[0], tool.seen) == (0, [])


async def test_what_a_person_should_know_of_tools_is_flagged_once_and_again_only_when_it_changed(rig: Rig) -> None:
    kept = Acting(gives("ok"), "kept", options={"withheld": "nobody reviewed it"})
    declared = agent(scripted(WISH, says("x"), says("y")), asking(), kept)
    await rig.run(declared)
    changed = agent(scripted(says("x"), says("y")), asking(), kept, Acting(gives(1), "new"))
    for _ in range(3):
        await rig.resume(changed)
    await answer(rig.store, "s", "", {}, by="ann")
    await rig.resume(changed)
    await (await rig.load(changed)).send("more")
    await rig.resume(changed)
    flags = [(event.kind, event.reason) for event in await rig.events() if isinstance(event, Flagged)]
    assert flags == [
        ("withheld", "kept: nobody reviewed it"),
        ("drift", "the contract changed since this session was opened: new"),
    ]
    kept.options = {"withheld": "its schema changed"}
    await (await rig.load(agent(scripted(says("z")), asking(), kept))).send("more")
    await rig.resume(agent(scripted(says("z")), asking(), kept))
    assert ("withheld", "kept: its schema changed") in [
        (event.kind, event.reason) for event in await rig.events() if isinstance(event, Flagged)
    ]


# -- labels ------------------------------------------------------------------------------------------------------------


async def labels(rig: Rig, tool: Acting, **options: JsonValue) -> set[str]:
    tool.options |= {"labels": ("confidential",), **options}
    await rig.run(agent(scripted(WISH, says("x")), tool))
    return (await rig.state()).labels


async def test_a_failure_may_tell_what_is_confidential(rig: Rig) -> None:
    assert await labels(rig, Acting(gives(RejectedError("Ann earns 1 M")))) == {"confidential"}


async def test_a_doubt_that_the_model_is_told_of_may_tell_it_too(rig: Rig) -> None:
    tool = Acting(gives(OSError("Ann earns 1 M")), "act", "once")
    assert await labels(rig, tool, doubt="tell") == {"confidential"}


async def test_what_was_never_called_has_told_nothing(rig: Rig) -> None:
    trip(rig)
    assert await labels(rig, Acting(gives("Ann earns 1 M"))) == set()


# -- money -------------------------------------------------------------------------------------------------------------


async def test_what_a_call_of_an_earlier_life_did_not_cost_is_given_back_where_it_was_taken(rig: Rig) -> None:
    rig.tenant = Tenant(usd_per_day=1.0)
    tool = Acting(gives(RejectedError("no")), options={"price": nanos(0.25)})
    limits = Limits(tree_usd=0.5, unpriced="allow")
    await dies_in(rig, tool, agent(scripted(WISH), tool, limits=limits))
    assert await rig.store.used(tree_account("s")) == nanos(0.25)
    # Its price has changed since; what counts is what is held.
    tool.options = {"price": nanos(0.75)}
    result = await rig.resume(agent(scripted(says("x")), tool, limits=limits))
    assert (result.spent, await rig.store.used(tree_account("s")), await rig.store.used(today())) == (0, 0, 0)


async def test_an_account_that_came_later_gives_nothing_back_that_was_not_taken_from_it(rig: Rig) -> None:
    tool = Acting(gives(RejectedError("no")), options={"price": nanos(0.25)})
    await dies_in(rig, tool, agent(scripted(WISH), tool))
    await died(rig, LimitRaised("tree_usd", 9.0, "ann"))
    await rig.resume(agent(scripted(says("x")), tool))
    assert (await rig.store.used(tree_account("s")), await rig.store.used(today())) == (0, 0)


async def test_a_call_that_cost_and_whose_price_changed_since_costs_what_was_held(rig: Rig) -> None:
    tool = Acting(gives("ok"), options={"price": nanos(0.25)})
    await dies_in(rig, tool, agent(scripted(WISH), tool))
    tool.options = {"price": nanos(0.75)}
    assert (await rig.resume(agent(scripted(says("x")), tool))).spent == nanos(0.25)
    assert await rig.store.used(today()) == nanos(0.25)


# -- people ------------------------------------------------------------------------------------------------------------


async def test_who_cancels_is_heard_before_a_call_that_surely_did_not_happen_is_made_again(rig: Rig) -> None:
    class Waiting:
        waited = 1.0

        async def take(self, spec: object) -> "Waiting":
            if doubts:
                await cancel(rig.store, "s", by="ann")
            return self

        def release(self) -> None:
            """Nothing is bounded."""

    doubts: list[str] = []
    tool = Acting(gives(OSError("gone")), "act", "once")
    declared = agent(scripted(WISH, says("x")), tool)
    rig.turns = Waiting()
    assert (await rig.run(declared)).status == "waiting"
    doubts += [effect.call.id for effect in doubted(await rig.state())]
    await settle(rig.store, "s", "", happened=False, by="ann")
    assert (await rig.resume(declared)).status == "cancelled"
    assert len(tool.seen) == 1


async def test_an_outcome_is_told_of_its_call(rig: Rig) -> None:
    """Two intents of one call, as after a settled doubt, are one hold and one end."""
    tool = Acting(gives(OSError("gone")), "act", "once", {"price": nanos(0.25)})
    declared = agent(scripted(WISH, says("x")), tool)
    await rig.run(declared)
    await settle(rig.store, "s", "", happened=False, by="ann")
    at = now_ms()
    await died(rig, RunResumed("w", at), EffectStarted("c1_0_0"))
    assert (await rig.resume(declared)).status == "waiting"
    await settle(rig.store, "s", "", happened=True, by="ann", output="seen")
    result = await rig.resume(declared)
    ended = [event for event in await rig.events() if isinstance(event, EffectEnded)]
    assert [(event.outcome, event.cost) for event in ended] == [(Outcome("c1_0_0", "ok", "seen"), nanos(0.25))]
    assert (result.spent, await rig.store.used(today())) == (nanos(0.25), nanos(0.25))
