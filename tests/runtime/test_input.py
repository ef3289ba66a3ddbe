"""Input: a call that asks a person stops before it acts, waits for days at no cost, and goes on with the answer."""

from dataclasses import dataclass, field

import pytest
from tests.runtime.rig import Rig, agent, scripted

from remit.core.errors import ApprovalError, InputRequiredError
from remit.core.events import EffectStarted, InputAsked, InputGiven, ModelAsked
from remit.core.limits import Limits
from remit.core.ports import Probe, ToolContext
from remit.core.toolspec import EffectClass, ToolSpec
from remit.core.values import JsonObject, JsonValue, nanos
from remit.policy import AskBefore
from remit.runtime import answer, awaited, cancel, decide
from remit.testing import calls, says, use

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "account": {"type": "string", "enum": ["A", "B"]},
        "count": {"type": "integer"},
        "sure": {"type": "boolean"},
    },
    "required": ["account"],
}
WISH = calls(use("transfer", usd=5))


@dataclass
class Transfer:
    """Asks which account, as often as wanted, and then acts."""

    rounds: int = 1
    effect: EffectClass = "once"
    price: float = 0.0
    acted: list[tuple[JsonObject | None, JsonValue]] = field(default_factory=list[tuple[JsonObject | None, JsonValue]])
    keys: list[str] = field(default_factory=list[str])

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(
            name="transfer", description="", schema={"type": "object"}, effect=self.effect, price=nanos(self.price)
        )

    def check(self, args: JsonObject) -> str:
        return ""

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        self.keys.append(context.key)
        done = 0 if context.resume is None else int(str(context.resume.memo))
        if done < self.rounds and (context.resume is None or context.resume.given is not None):
            raise InputRequiredError("which account?", SCHEMA, done + 1)
        assert context.resume is not None
        self.acted.append((context.resume.given, context.resume.memo))
        return "moved" if context.resume.given else "left as it is"

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        return None


async def test_a_call_that_asks_waits_and_goes_on_with_the_answer(rig: Rig) -> None:
    tool = Transfer()
    declared = agent(scripted(WISH, says("done")), tool)
    result = await rig.run(declared)
    assert (result.status, result.reason) == ("waiting", "transfer (c1_0_0) asks: which account?")
    assert [effect.call.id for effect in awaited(await rig.state())] == ["c1_0_0"]
    assert (await rig.resume(declared)).status == "waiting"
    await answer(rig.store, "s", "", {"account": "B"}, by="ann")
    assert (await rig.resume(declared)).output == "done"
    assert tool.acted == [({"account": "B"}, 1)]
    assert len(set(tool.keys)) == 1
    assert [outcome.output for outcome in await rig.outcomes()] == ["moved"]


async def test_a_person_may_decline_and_the_tool_is_told(rig: Rig) -> None:
    tool = Transfer()
    declared = agent(scripted(WISH, says("done")), tool)
    await rig.run(declared)
    await answer(rig.store, "s", "c1_0_0", None, by="ann")
    await rig.resume(declared)
    assert tool.acted == [(None, 1)]
    assert [outcome.output for outcome in await rig.outcomes()] == ["left as it is"]


async def test_a_call_may_ask_more_than_once_and_remembers_how_far_it_came(rig: Rig) -> None:
    tool = Transfer(rounds=3)
    declared = agent(scripted(WISH, says("done")), tool)
    result = await rig.run(declared)
    for _ in range(3):
        assert (result.status, tool.acted) == ("waiting", [])
        await answer(rig.store, "s", "", {"account": "A"}, by="ann")
        result = await rig.resume(declared)
    assert result.output == "done"
    assert tool.acted == [({"account": "A"}, 3)]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "'account' is required"),
        ({"account": "C"}, "'account' is one of A, B"),
        ({"account": "A", "count": "1"}, "'count' is a whole number"),
        ({"account": "A", "count": True}, "'count' is a whole number"),
        ({"account": "A", "sure": 1}, "'sure' is true or false"),
        ({"account": "A", "colour": 1}, "no field 'colour'; known: account, count, sure"),
    ],
)
async def test_an_answer_that_was_not_asked_for_is_refused(rig: Rig, given: JsonObject, problem: str) -> None:
    declared = agent(scripted(WISH), Transfer())
    await rig.run(declared)
    with pytest.raises(ApprovalError, match=problem):
        await answer(rig.store, "s", "", given, by="ann")


async def test_only_a_call_that_asks_can_be_answered_and_only_once(rig: Rig) -> None:
    declared = agent(scripted(WISH), Transfer())
    await rig.run(declared)
    await answer(rig.store, "s", "", {"account": "A"}, by="ann")
    with pytest.raises(ApprovalError, match="nothing in session 's' asks for input"):
        await answer(rig.store, "s", "", {"account": "B"}, by="bob")
    rig.forget()


async def test_nothing_is_held_while_a_call_waits_and_it_is_paid_once(rig: Rig) -> None:
    declared = agent(scripted(WISH, says("done")), Transfer(price=0.25), limits=Limits(usd=0.3, unpriced="allow"))
    await rig.run(declared)
    run = (await rig.state()).run
    assert run is not None
    assert (run.held, run.spent) == (0, 0)
    await answer(rig.store, "s", "", {"account": "A"}, by="ann")
    assert (await rig.resume(declared)).spent == nanos(0.25)


async def test_what_was_approved_is_not_approved_again_after_the_answer(rig: Rig) -> None:
    tool = Transfer()
    declared = agent(scripted(WISH, says("done")), tool, guards=[AskBefore("transfer")])
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=True, by="ann")
    assert (await rig.resume(declared)).reason == "transfer (c1_0_0) asks: which account?"
    await answer(rig.store, "s", "", {"account": "A"}, by="ann")
    assert (await rig.resume(declared)).output == "done"


@pytest.mark.parametrize("effect", ["read", "idempotent"])
async def test_after_a_crash_in_the_act_the_answer_is_still_there(rig: Rig, effect: EffectClass) -> None:
    tool = Transfer(effect=effect)
    declared = agent(scripted(WISH, says("done")), tool)
    await rig.run(declared)
    await answer(rig.store, "s", "", {"account": "B"}, by="ann")
    at = len(await rig.events())
    # What a worker wrote that died in the act.
    await rig.store.append("s", [EffectStarted("c1_0_0")], after=at)
    assert (await rig.resume(declared)).output == "done"
    assert tool.acted == [({"account": "B"}, 1)]


async def test_an_act_that_cannot_be_repeated_is_in_doubt_after_a_crash_though_it_asked_before(rig: Rig) -> None:
    tool = Transfer()
    declared = agent(scripted(WISH, says("done")), tool)
    await rig.run(declared)
    await answer(rig.store, "s", "", {"account": "B"}, by="ann")
    await rig.store.append("s", [EffectStarted("c1_0_0")], after=len(await rig.events()))
    result = await rig.resume(declared)
    assert (result.status, tool.acted) == ("waiting", [])
    assert "did transfer (c1_0_0) happen?" in result.reason


async def test_a_run_whose_call_waits_for_an_answer_can_be_cancelled_and_leaves_no_doubt(rig: Rig) -> None:
    declared = agent(scripted(WISH), Transfer())
    await rig.run(declared)
    state = await cancel(rig.store, "s", by="ann")
    assert state.last is not None
    assert state.last.status == "cancelled"
    assert not [event for event in await rig.events() if type(event).__name__ == "Flagged"]
    rig.forget()


async def test_the_question_and_the_answer_are_kept_without_secrets(rig: Rig) -> None:
    rig.secrets.register("token", "hunter2-hunter2")

    class Leaky(Transfer):
        async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
            raise InputRequiredError("is it hunter2-hunter2?", SCHEMA, {"t": "hunter2-hunter2"})

    result = await rig.run(agent(scripted(WISH), Leaky()))
    asked = next(event for event in await rig.events() if isinstance(event, InputAsked))
    assert (asked.question, asked.memo) == ("is it [secret:token]?", {"t": "[secret:token]"})
    assert "hunter2" not in result.reason


async def test_an_answer_that_came_before_the_run_slept_wakes_it_at_once(rig: Rig) -> None:
    tool = Transfer()
    declared = agent(scripted(WISH, says("done")), tool)
    living = await rig.open(declared, "go")
    suspended = await living.run()
    assert suspended.status == "waiting"
    events = await rig.events()
    place = next(place for place, event in enumerate(events) if isinstance(event, InputAsked)) + 1
    rig.living.clear()
    await rig.store.append("t", events[:place], after=0)
    await rig.store.append("t", [InputGiven("c1_0_0", {"account": "A"}, "ann")], after=place)
    assert (await rig.resume(declared, "t")).output == "done"


def _spec(name: str, *, withheld: str = "", deferred: bool = False, reveals: bool = False,
          labels: tuple[str, ...] = ()) -> ToolSpec:  # fmt: skip
    return ToolSpec(
        name=name,
        description=name,
        schema={"type": "object"},
        effect="read",
        withheld=withheld,
        deferred=deferred,
        reveals=reveals,
        labels=labels,
    )


@dataclass
class Gives:
    """A tool with a contract that gives a value."""

    spec: ToolSpec
    value: JsonValue = None

    def check(self, args: JsonObject) -> str:
        return ""

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        return self.value

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        return None


async def test_a_withheld_tool_is_neither_offered_nor_called_and_a_person_sees_why(rig: Rig) -> None:
    model = scripted(calls(use("pay")), says("ok"), keep=True)
    declared = agent(model, Gives(_spec("pay", withheld="its description changed")), Gives(_spec("look")))
    await rig.run(declared)
    assert [[spec.name for spec in request.tools] for request in model.requests] == [["look"], ["look"]]
    (outcome,) = await rig.outcomes()
    assert (outcome.status, outcome.output) == ("denied", "not allowed: withheld: its description changed")
    flags = [event for event in await rig.events() if type(event).__name__ == "Flagged"]
    assert [getattr(flag, "reason", "") for flag in flags] == ["pay: its description changed"]


async def test_a_deferred_tool_is_offered_once_a_search_has_found_it_and_stays_so_in_later_runs(rig: Rig) -> None:
    found: JsonValue = {"tools": [{"name": "pay"}, {"name": "gone"}, "junk"]}
    model = scripted(calls(use("find")), says("found"), says("again"), keep=True)
    tools = (Gives(_spec("find", reveals=True), found), Gives(_spec("pay", deferred=True)), Gives(_spec("look")))
    declared = agent(model, *tools)
    await rig.run(declared)
    await (await rig.load(declared)).send("more")
    await rig.resume(declared)
    offered = [[spec.name for spec in request.tools] for request in model.requests]
    assert offered == [["find", "look"], ["find", "look", "pay"], ["find", "look", "pay"]]
    assert (await rig.state()).revealed == ("pay",)
    assert not any(isinstance(event, ModelAsked) and event.tools for event in await rig.events())


async def test_a_session_carries_the_labels_of_all_it_was_given(rig: Rig) -> None:
    tools = (Gives(_spec("salaries", labels=("confidential", "personal"))), Gives(_spec("look")))
    await rig.run(agent(scripted(calls(use("look")), calls(use("salaries")), says("ok")), *tools))
    assert (await rig.state()).labels == {"confidential", "personal"}
