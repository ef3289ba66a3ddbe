"""Programs that go on: put right, beside other branches, at a limit, after a person decided, in a fork."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from tests.runtime.effects.boxes import ACT, SMALL, Boxes, Second, code, programs, told
from tests.runtime.rig import Acting, Rig, SlowStore, agent, gives, scripted

from remit.core.errors import InputRequiredError
from remit.core.events import EffectEnded, ProgramEnded, ProgramPaused, Tree
from remit.core.limits import Limits
from remit.core.messages import Call
from remit.core.moves import Brief, Strategy, StrategyMaker, execute, fork, run
from remit.core.ports import ALLOW, Guard, ToolContext, ToolSpec, Verdict
from remit.core.programs import Bridge, Interrupt, Result
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue
from remit.journal import MemoryJournal
from remit.runtime import answer, awaited, decide, doubted, edit, replay, settle, waiting
from remit.runtime import fork as fork_session
from remit.testing import EffectCounter

SECRET = "hunter2-is-a-long-secret"


# -- programs that were put right --------------------------------------------------------------------------------------


class Masks:
    """Makes every address the same."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        if call.args.get("to") in {None, "[address]"}:
            return ALLOW
        return Verdict("redact", "no addresses", args={**call.args, "to": "[address]"})


class MasksAndAsks:
    """Makes every address the same, and asks before it is written to."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        if "to" not in call.args:
            return ALLOW
        return Verdict("ask", "an address", args={**call.args, "to": "[address]"})


@pytest.mark.parametrize("guards", [[Masks()], [Masks(), Second()], [MasksAndAsks()]])
async def test_a_call_that_a_guard_changed_is_not_made_again_by_the_next_program(guards: list[Guard]) -> None:
    rig = Rig(sandbox=Boxes())
    act = Acting(gives("sent"), effect="once")
    first, second = code({"n": 2, "to_": "ann@x"}), code({"n": 2, "to_": "ann@x"}, {"n": 3, "to_": "ann@x"}, {"n": 4})
    declared = programs(act, first, second, guards=guards)
    result = await rig.run(declared)
    while result.status == "waiting":
        await decide(rig.store, "s", "", granted=True, by="ann")
        result = await rig.resume(declared)
    assert (result.status, [args["n"] for args in act.seen]) == ("done", [2, 3, 4])
    (found,) = await replay(await rig.store.read("s"), declared, rig.world(declared))
    assert found.divergence == ""


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("guards", [[Second()], [MasksAndAsks()]])
async def test_a_call_that_a_person_changed_is_not_made_again_by_the_next_program(
    guards: list[Guard],
    keeps: bool,  # noqa: FBT001
) -> None:
    rig = Rig(sandbox=Boxes(keeps=keeps))
    act = Acting(gives("sent"), effect="once")
    again: JsonObject = {"n": 2, "to_": "ann@x"}
    declared = programs(act, code(again), code(again, {"n": 3}), guards=guards)
    assert (await rig.run(declared)).status == "waiting"
    await edit(rig.store, "s", "", {"n": 7, "to": "[address]"}, by="ann")
    result = await rig.resume(declared)
    assert (result.status, [args["n"] for args in act.seen]) == ("done", [7, 3])
    (found,) = await replay(await rig.store.read("s"), declared, rig.world(declared))
    assert found.divergence == ""


@pytest.mark.parametrize("value", [SECRET, "\ud800", float("nan"), 2**70])
async def test_a_call_that_the_journal_holds_otherwise_is_not_made_again_by_the_next_program(value: JsonValue) -> None:
    async def calls(bridge: Bridge) -> Result:
        return Result(status="ok", value=await bridge("act", {"n": value}))

    rig = Rig(sandbox=Boxes(does=calls))
    rig.secrets.register("key", SECRET)
    act = Acting(gives("sent"), effect="once")
    result = await rig.run(programs(act, "a", "b"))
    assert (result.status, len(act.seen)) == ("done", 1)


async def test_a_call_in_doubt_that_nobody_waits_for_is_not_made_again_by_the_next_program() -> None:
    rig = Rig(sandbox=Boxes())
    act = Acting(gives(TimeoutError("gone")), effect="once", options={"doubt": "tell", "retries": 0})
    result = await rig.run(programs(act, code({"n": 1}), code({"n": 1}), tell=lambda ran: ran.value))
    assert len(act.seen) == 1
    assert isinstance(result.output, list)
    assert "Do not make this call again" in str(result.output[0])


async def test_a_call_that_surely_failed_is_made_again_by_the_next_program() -> None:
    rig = Rig(sandbox=Boxes())
    act = Acting(gives(ValueError("no")), effect="read", options={"retries": 0})
    await rig.run(programs(act, code({"n": 1}), code({"n": 1})))
    assert len(act.seen) == 2


async def test_a_program_that_runs_again_with_another_tool_where_arguments_were_changed_diverges() -> None:
    names = ["act"]

    async def calls(bridge: Bridge) -> Result:
        try:
            values = [await bridge(names[0], {"n": 1, "to_": "ann@x"}), await bridge("act", {"n": 2})]
        except Interrupt:
            return Result(status="killed")
        return Result(status="ok", value=values)

    def one(brief: Brief) -> Strategy:
        functions = [ACT, msgspec.structs.replace(ACT, name="other", tool="other")]
        ran = yield from execute("a", functions=functions, policy=SMALL)
        return told(ran)

    rig = Rig(sandbox=Boxes(does=calls))
    act, other = Acting(gives("sent"), effect="once"), Acting(gives("other"), name="other", effect="once")
    declared = agent(scripted(), act, other, strategy=one, guards=[Masks(), Second()])
    assert (await rig.run(declared)).status == "waiting"
    names[0] = "other"
    assert (await rig.resume(declared)).status == "diverged"
    assert (len(act.seen), other.seen) == (1, [])


def calls_a_changed_tool(tool: str) -> StrategyMaker:
    def one(brief: Brief) -> Strategy:
        (outcome,) = yield from run([Call(tool, {"n": float("nan"), "to": "ann@x"})])
        return outcome.output

    return one


async def test_a_call_with_what_is_no_number_is_the_same_again_and_another_tool_is_not() -> None:
    rig = Rig()
    act, other = Acting(gives("sent"), effect="once"), Acting(gives("other"), name="other", effect="once")
    for guards in ([], [Masks()]):
        name = f"s{len(guards)}"
        declared = agent(scripted(), act, other, strategy=calls_a_changed_tool("act"), guards=[*guards, AsksNobody()])
        assert (await rig.run(declared, name=name)).status == "waiting"
        await decide(rig.store, name, "", granted=True, by="ann")
        assert (await rig.resume(declared, name)).status == "done"
        changed = agent(scripted(), act, other, strategy=calls_a_changed_tool("other"), guards=guards)
        for again, expected in ((declared, ""), (changed, "diverged at step 0")):
            (found,) = await replay(await rig.store.read(name), again, rig.world(again))
            assert found.divergence.startswith(expected), (guards, found)
            assert bool(found.divergence) == bool(expected)


class AsksNobody:
    """Asks before every call."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        return Verdict("ask", "always")


# -- beside other branches ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("breaths", range(0, 12))
async def test_a_program_begins_and_ends_while_another_branch_takes_from_an_account(breaths: int) -> None:
    rig = Rig(store=SlowStore(MemoryJournal(), breaths), sandbox=Boxes())
    act = EffectCounter(name="act", price=5)

    def branch(number: int) -> Strategy:
        values: list[JsonValue] = []
        for step in range(3):
            calls: list[JsonObject] = [{"n": number * 10 + step}] * (number % 3)
            ran = yield from execute(code(*calls), functions=[ACT], policy=SMALL)
            values.append(ran.status)
        return values

    def several(brief: Brief) -> Strategy:
        results = yield from fork([branch(number) for number in range(4)])
        return list(results)

    declared = agent(scripted(), act, strategy=several, limits=Limits(usd=1.0))
    result = await rig.run(declared)
    assert result.output == [["ok"] * 3] * 4
    await rig.check()
    (found,) = await replay(await rig.store.read("s"), declared, rig.world(declared))
    assert found.divergence == ""


async def test_no_more_calls_of_a_program_are_made_at_once_than_the_limits_allow() -> None:
    now = most = 0

    async def counts(context: ToolContext) -> JsonValue:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(5):
            await asyncio.sleep(0)
        now -= 1
        return now

    rig = Rig(sandbox=Boxes())
    declared = programs(Acting(counts), code([{"n": number} for number in range(12)]), limits=Limits(calls=3))
    result = await rig.run(declared)
    assert (result.status, most) == ("done", 3)


# -- limits, people and places to begin anew ---------------------------------------------------------------------------


@pytest.mark.parametrize(("limits", "price"), [(Limits(steps=3), 0), (Limits(seconds=0.0), 0)])
async def test_a_limit_that_is_reached_within_a_program_ends_the_run_and_the_program_cannot_catch_it(
    limits: Limits, price: int
) -> None:
    rig = Rig(sandbox=(boxes := Boxes()))
    act = EffectCounter(name="act", price=price)
    result = await rig.run(programs(act, code({"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}), limits=limits))
    assert result.status == "stopped", result
    assert len(act.lines) < 4
    assert boxes.closed == len(boxes.opened)


async def test_money_that_runs_out_within_a_program_refuses_the_call_and_holds_nothing() -> None:
    rig = Rig(sandbox=Boxes())
    act = EffectCounter(name="act", price=400_000_000)
    result = await rig.run(programs(act, code({"n": 1}, {"n": 2}, {"n": 3}), limits=Limits(usd=1.0)))
    assert len(act.lines) == 2
    assert isinstance(result.output, list)
    assert result.output[2] == [[{"n": 1}, "ok"], [{"n": 2}, "ok"], [{"n": 3}, "denied"]]


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_call_that_asks_a_person_something_is_answered_and_goes_on(keeps: bool) -> None:  # noqa: FBT001
    async def asks(context: ToolContext) -> JsonValue:
        if context.resume is None:
            raise InputRequiredError("which account?", {"type": "object"})
        return context.resume.given

    rig = Rig(sandbox=Boxes(keeps=keeps))
    declared = programs(Acting(asks, effect="once"), code([{"n": 1}, {"n": 2}], {"n": 3}))
    result = await rig.run(declared)
    while result.status == "waiting":
        for effect in awaited(await rig.state()):
            await answer(rig.store, "s", effect.call.id, {"n": effect.call.args["n"]}, by="ann")
        result = await rig.resume(declared)
    assert isinstance(result.output, list)
    assert result.output[1] == [{"n": 1}, {"n": 2}, {"n": 3}]


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("happened", [True, False])
async def test_a_call_in_doubt_waits_for_a_person_and_what_they_say_goes(keeps: bool, happened: bool) -> None:  # noqa: FBT001
    tries: list[str] = []

    async def unsure(context: ToolContext) -> JsonValue:
        tries.append(context.key)
        if len(tries) == 2:
            raise TimeoutError("gone")
        return len(tries)

    rig = Rig(sandbox=Boxes(keeps=keeps))
    declared = programs(Acting(unsure, effect="once", options={"retries": 0}), code({"n": 1}, {"n": 2}, {"n": 3}))
    assert (await rig.run(declared)).status == "waiting"
    (doubt,) = doubted(await rig.state())
    await settle(rig.store, "s", doubt.call.id, happened=happened, by="ann", output="it did" if happened else None)
    result = await rig.resume(declared)
    assert isinstance(result.output, list)
    assert result.output[1] == ([1, "it did", 3] if happened else [1, 3, 4])


@pytest.mark.parametrize("keeps", [True, False])
async def test_of_two_calls_that_wait_one_may_be_allowed_and_the_other_refused_later(keeps: bool) -> None:  # noqa: FBT001
    rig = Rig(sandbox=Boxes(keeps=keeps))
    act = Acting(gives("sent"), effect="once")
    declared = programs(act, code([{"n": 2}, {"n": 1}, {"n": 2, "to_": "b"}], {"n": 3}), guards=[Second()])
    assert (await rig.run(declared)).status == "waiting"
    for granted in (True, False):
        asked = waiting(await rig.state())
        await decide(rig.store, "s", asked[-1].call.id, granted=granted, by="ann")
        result = await rig.resume(declared)
        assert await rig.check() is None
        if result.status == "waiting" and not waiting(await rig.state()):
            result = await rig.resume(declared)
    while result.status == "waiting":
        (left,) = waiting(await rig.state())
        await decide(rig.store, "s", left.call.id, granted=False, by="ann")
        result = await rig.resume(declared)
    assert result.status == "done", result
    assert sorted(args["n"] for args in act.seen) == [1, 2, 3]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_fork_at_any_event_runs_and_is_given_no_approval_of_its_source(keeps: bool) -> None:  # noqa: FBT001
    rig = Rig(sandbox=Boxes(keeps=keeps))
    act = Acting(gives("sent"), effect="once")
    declared = programs(act, code({"n": 1}, {"n": 2}, {"n": 3}), code({"n": 1}, {"n": 4}), guards=[Second()])
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=True, by="ann")
    assert (await rig.resume(declared)).status == "done"
    records = await rig.store.read("s")
    for at in range(1, len(records) + 1):
        name = f"f{at}"
        taken = await fork_session(rig.store, "s", name, at=at)
        past = [record.event for record in records[:taken]]
        done = {event.outcome.call for event in past if isinstance(event, EffectEnded)}
        act.seen.clear()
        if State.fold(await rig.events(name)).run is None:
            continue
        result = await rig.resume(declared, name)
        made = [args["n"] for args in act.seen]
        if "c1_0_1_0_0" not in done:
            assert (result.status, 2 in made) == ("waiting", False), (at, result)
            await decide(rig.store, name, "", granted=True, by="bob")
            result = await rig.resume(declared, name)
        assert result.status == "done", (at, result)
        wanted = [1, 2, 3, 4][sum(call.startswith("c1_0") for call in done) :] if "c1_1_0_0_0" not in done else []
        assert [args["n"] for args in act.seen] == wanted, at


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_pause_lets_the_call_under_way_end_and_the_program_goes_on_from_there(keeps: bool) -> None:  # noqa: FBT001
    rig = Rig(sandbox=Boxes(keeps=keeps))
    pausing: list[Callable[[], None]] = []

    async def pauses(context: ToolContext) -> JsonValue:
        for each in pausing:
            each()
        pausing.clear()
        return "sent"

    act = Acting(pauses, effect="once")
    declared = programs(act, code({"n": 1}, {"n": 2}))
    session = await rig.open(declared, "go")
    pausing.append(session.pause)
    assert (await session.run()).status == "waiting"
    assert [args["n"] for args in act.seen] == [1]
    assert (await rig.resume(declared)).status == "done"
    assert [args["n"] for args in act.seen] == [1, 2]


async def test_a_program_that_goes_on_from_where_it_was_kept_and_leaves_a_recorded_call_out_diverges() -> None:
    rig = Rig(sandbox=(boxes := Boxes(keeps=True)))
    tries: list[str] = []

    async def breaks(context: ToolContext) -> JsonValue:
        tries.append(context.key)
        if len(tries) == 3:
            raise OSError("the machine is gone")
        return "sent"

    declared = programs(Acting(breaks, effect="read", options={"retries": 0}), code({"n": 1}, {"n": 2}, {"n": 3}),
                        guards=[Second()])  # fmt: skip
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=True, by="ann")
    await rig.resume(declared)
    records = await rig.store.read("s")
    place = next(n for n, record in enumerate(records) if isinstance(record.event, ProgramEnded))
    again = Rig(sandbox=boxes)
    await again.store.append("s", [record.event for record in records[:place]], after=0)
    for paused in (record.event for record in records if isinstance(record.event, ProgramPaused)):
        await again.store.put(await rig.store.get(paused.kept))
    # The kept program is another machine's, on which something else happens.
    boxes.drops = 1
    result = await again.resume(declared)
    assert (result.status, "a call of act by a program" in result.reason) == ("diverged", True)


async def test_a_replay_finds_a_program_where_calls_were_recorded() -> None:
    rig = Rig(sandbox=Boxes())

    def calls(brief: Brief) -> Strategy:
        (outcome,) = yield from run([Call("act", {"n": 1})])
        return outcome.output

    act = Acting(gives(1))
    await rig.run(agent(scripted(), act, strategy=calls))
    declared = programs(act, code())
    (found,) = await replay(await rig.store.read("s"), declared, rig.world(declared))
    assert "the journal holds a call of act" in found.divergence


async def test_a_fork_within_a_remit_stands_in_its_tree_with_its_program() -> None:
    rig = Rig(sandbox=Boxes(keeps=True))
    declared = programs(Acting(gives(1), effect="once"), code({"n": 1}, {"n": 2}), guards=[Second()])
    await rig.run(declared)
    await fork_session(rig.store, "s", "child", tree=Tree("root", parent="root", depth=1))
    opened = (await rig.state("child")).opened
    assert opened is not None
    assert opened.tree.root == "root"
    assert (await rig.resume(declared, "child")).status == "waiting"
