"""Carrying out: circuits of tools and hosts, turns, fallbacks and degraded answers, also across a crash."""

import asyncio
from itertools import repeat

import pytest
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.errors import RejectedError
from remit.core.events import EffectEnded, EffectStarted, Flagged
from remit.core.limits import Flow, Limits
from remit.core.messages import AssistantMessage, Call, ToolMessage
from remit.core.ports import Reply, Request, ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue, nanos
from remit.journal import MemoryJournal
from remit.policy import Breakers, Tolerance
from remit.runtime import Traffic
from remit.testing import ScriptedModel, calls, says, use
from remit.testing.crash import Died, DyingStore, Moment
from remit.tools.promises import unlike

WISH = calls(use("act"))


def trip(rig: Rig, name: str) -> None:
    entered = rig.gate.enter(name)
    assert not isinstance(entered, str)
    entered.report(ok=False)


def clocked(rig: Rig) -> list[float]:
    now = [0.0]
    rig.gate = Breakers(Tolerance(failures=1, cooldown=10), clock=lambda: now[0])
    return now


async def outputs(rig: Rig, name: str = "s") -> list[tuple[str, JsonValue]]:
    return [(outcome.status, outcome.output) for outcome in await rig.outcomes(name)]


def on(host: str, name: str, tool: Acting) -> Acting:
    tool.name, tool.options["hosts"] = name, (host,)
    return tool


async def test_tools_of_a_host_that_is_down_are_not_called_and_others_are(rig: Rig) -> None:
    clocked(rig)
    tools = (on("api", "one", Acting(gives(OSError("down")))), on("api", "two", Acting(gives("ok"))),
             on("elsewhere", "three", Acting(gives("ok"))))  # fmt: skip
    wishes = [calls(use(name)) for name in ("one", "two", "three")]
    await rig.run(agent(scripted(*wishes, says("x")), *tools))
    assert [status for status, _ in await outputs(rig)] == ["failed", "failed", "ok"]
    assert "`host:api`: the circuit is open" in str((await outputs(rig))[1][1])
    assert tools[1].seen == []


async def test_a_host_that_works_again_is_found_by_one_call_of_any_of_its_tools(rig: Rig) -> None:
    now = clocked(rig)
    trip(rig, "host:api")
    now[0] = 11
    tool = on("api", "act", Acting(gives("ok")))
    await rig.run(agent(scripted(WISH, WISH, says("x")), tool))
    assert [status for status, _ in await outputs(rig)] == ["ok", "ok"]


async def test_one_circuit_that_refuses_leaves_the_probe_of_the_other_unused(rig: Rig) -> None:
    now = clocked(rig)
    trip(rig, "tool:act")
    now[0] = 11
    trip(rig, "host:api")
    tool = on("api", "act", Acting(gives("ok")))
    await rig.run(agent(scripted(WISH, says("x")), tool))
    assert tool.seen == []
    now[0] = 22
    await (await rig.open(agent(scripted(WISH, says("x")), tool), "go", "t")).run()
    assert [status for status, _ in await outputs(rig, "t")] == ["ok"]


async def test_a_call_that_the_budget_refuses_leaves_the_probe_to_the_next(rig: Rig) -> None:
    now = clocked(rig)
    trip(rig, "tool:act")
    now[0] = 11
    dear = Acting(gives("ok"), options={"price": nanos(5)})
    await rig.run(agent(scripted(WISH, says("x")), dear, limits=Limits(usd=1, unpriced="allow")))
    assert [status for status, _ in await outputs(rig)] == ["denied"]
    await (await rig.open(agent(scripted(WISH, says("x")), Acting(gives("ok"))), "go", "t")).run()
    assert [status for status, _ in await outputs(rig, "t")] == ["ok"]


async def test_when_the_circuit_opens_meanwhile_a_call_is_not_tried_again(rig: Rig) -> None:
    clocked(rig)

    async def fails_for_all(context: ToolContext) -> str:
        trip_once(rig)
        raise OSError("down")

    tool = Acting(fails_for_all)
    await rig.run(agent(scripted(WISH, says("x")), tool))
    assert len(tool.seen) == 1
    assert (await outputs(rig))[0][1] == (
        "OSError: down; not tried again: `tool:act`: the circuit is open: it kept failing; try again in 10 s"
    )


def trip_once(rig: Rig) -> None:
    entered = rig.gate.enter("tool:act")
    if not isinstance(entered, str):
        entered.report(ok=False)


async def test_every_attempt_waits_for_its_turn_and_the_journal_says_how_long(rig: Rig) -> None:
    rig.turns = Traffic(clock=lambda: 100.0 + sum(rig.slept), sleep=rig.sleep)
    failures = iter([OSError("a"), OSError("b")])

    async def acts(context: ToolContext) -> str:
        for error in failures:
            raise error
        return "ok"

    tool = Acting(acts, options={"flow": Flow(per_second=0.5)})
    await rig.run(agent(scripted(WISH, WISH, says("x")), tool))
    ended = [event for event in await rig.events() if isinstance(event, EffectEnded)]
    assert [(event.attempts, event.waited) for event in ended] == [(3, 4000), (1, 2000)]


async def test_a_call_without_a_turn_in_time_fails_without_being_made_and_without_blame(rig: Rig) -> None:
    clocked(rig)
    rig.turns = Traffic(clock=lambda: 100.0)
    tool = Acting(gives("ok"), options={"flow": Flow(per_second=0.01, wait=1)})
    await rig.run(agent(scripted(WISH, WISH, says("x")), tool))
    assert await outputs(rig) == [
        ("ok", "ok"),
        ("failed", "`tool:act` is busy: 0.01 a second, and the next turn is in 100.0 s"),
    ]
    assert len(tool.seen) == 1
    assert len([event for event in await rig.events() if isinstance(event, EffectStarted)]) == 1
    assert not isinstance(rig.gate.enter("tool:act"), str)


async def test_an_attempt_without_a_turn_in_time_is_the_end_of_trying(rig: Rig) -> None:
    rig.turns = Traffic(clock=lambda: 100.0)
    tool = Acting(gives(OSError("down")), options={"flow": Flow(per_second=0.01, wait=1)})
    await rig.run(agent(scripted(WISH, says("x")), tool))
    assert str((await outputs(rig))[0][1]).startswith("OSError: down; not tried again: `tool:act` is busy")


async def test_who_waits_for_room_finds_out_what_others_have_found_out(rig: Rig) -> None:
    clocked(rig)
    gate = asyncio.Event()

    async def acts(context: ToolContext) -> str:
        await gate.wait()
        raise OSError("down")

    tool = Acting(acts, options={"flow": Flow(at_once=1), "retries": 0})
    first = await rig.open(agent(scripted(WISH, says("x")), tool), "go", "a")
    second = await rig.open(agent(scripted(WISH, says("x")), tool), "go", "b")
    running = [asyncio.create_task(session.run()) for session in (first, second)]
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(tool.seen) == 1
    gate.set()
    await asyncio.gather(*running)
    assert len(tool.seen) == 1
    assert "the circuit is open" in str((await outputs(rig, "b"))[0][1])


# -- instead -----------------------------------------------------------------------------------------------------------


def degrading(act: object, **options: object) -> Acting:
    return Acting(gives(act), options={"degraded": {"price": "unknown"}, **options})


async def test_a_degraded_answer_is_given_and_marked_when_there_is_none(rig: Rig) -> None:
    await rig.run(agent(scripted(WISH, says("x")), degrading(RejectedError("closed"))))
    assert await outputs(rig) == [
        ("ok", {"degraded": True, "because": "closed", "output": {"price": "unknown"}}),
    ]


async def test_a_degraded_answer_comes_after_the_fallback(rig: Rig) -> None:
    first = degrading(RejectedError("down"), fallback="second")
    second = Acting(gives(RejectedError("closed")), name="second")
    await rig.run(agent(scripted(WISH, says("x")), first, second))
    because = "down; the fallback second failed too: closed"
    assert (await outputs(rig))[-1] == (
        "ok", {"degraded": True, "because": because, "output": {"price": "unknown"}}
    )  # fmt: skip


@pytest.mark.parametrize("name", ["tool:act", "host:api"])
async def test_an_open_circuit_leads_to_the_fallback(rig: Rig, name: str) -> None:
    clocked(rig)
    trip(rig, name)
    first = on("api", "act", Acting(gives("never"), options={"fallback": "second"}))
    second = Acting(gives("ok"), name="second")
    await rig.run(agent(scripted(WISH, says("x")), first, second))
    status, output = (await outputs(rig))[-1]
    assert isinstance(output, dict)
    assert (status, output["via"], output["output"]) == ("ok", "second", "ok")
    assert (first.seen, len(second.seen)) == ([], 1)


def once_then_done(request: Request) -> Reply:
    return says("x") if isinstance(request.messages[-1], ToolMessage) else WISH


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_after_a_crash_in_the_fallback_of_a_call_that_was_never_made_it_is_still_not_made(moment: Moment) -> None:
    inner = MemoryJournal()
    begun = 0
    for at in range(1, 12):
        acted: list[str] = []

        async def notes(context: ToolContext, acted: list[str] = acted) -> str:
            acted.append(context.call)
            return "ok"

        first = Acting(notes, effect="once", options={"fallback": "second"})
        declared = agent(
            ScriptedModel(repeat(once_then_done)), first, Acting(notes, name="second", effect="idempotent")
        )
        dying, name = Rig(store=DyingStore(inner, at, moment)), f"s{at}"
        dying.gate = Breakers(Tolerance(failures=1))
        trip(dying, "tool:act")
        try:
            await dying.run(declared, name=name)
        except Died:
            kept = await inner.read(name)
            fallback = any(isinstance(record.event, EffectStarted) for record in kept)
            begun += fallback
            # In the next life the circuit is closed.
            if kept:
                await Rig(store=inner).resume(declared, name)
            assert not fallback or set(acted) == {"c1_0_0f"}, f"append {at}"
    assert begun


# -- arguments and answers ---------------------------------------------------------------------------------------------


async def test_a_tool_that_changes_what_it_is_given_changes_no_conversation(rig: Rig) -> None:
    class Greedy(Acting):
        async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
            tags = args["tags"]
            assert isinstance(tags, list)
            tags.append("changed")
            args["more"] = 1
            return "ok"

    model = scripted(calls(use("act", tags=["a"])), says("x"), keep=True)
    await rig.run(agent(model, Greedy(gives(None))))
    said = model.requests[-1].messages[-2]
    assert isinstance(said, AssistantMessage)
    assert [call.args for call in said.calls] == [{"tags": ["a"]}]


async def test_an_answer_that_is_not_what_was_promised_is_used_and_flagged(rig: Rig) -> None:
    promised: JsonObject = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
    rig.unlike = unlike
    wrong = Acting(gives({"key": "A-1"}), options={"output": promised})
    right = Acting(gives({"id": 1}), name="right", options={"output": promised})
    await rig.run(agent(scripted(calls(use("act"), use("right")), says("x")), wrong, right))
    assert [status for status, _ in await outputs(rig)] == ["ok", "ok"]
    flags = [event for event in await rig.events() if isinstance(event, Flagged)]
    assert [(flag.kind, flag.reason, flag.call) for flag in flags] == [
        ("drift", "act did not answer as it promises: id: is required", "c1_0_0")
    ]


def test_what_promises_nothing_or_what_nobody_can_read_is_kept() -> None:
    def spec(output: JsonObject | None) -> ToolSpec:
        return ToolSpec(name="t", description="", schema={}, output=output)

    assert unlike(spec(None), 1) == ""
    assert unlike(spec({"type": "no such type"}), 1) == ""
    integer = spec({"type": "integer"})
    assert unlike(integer, "x") == unlike(integer, "x") != ""
    assert unlike(integer, 1) == ""


async def test_a_model_is_told_of_the_call_it_made(rig: Rig) -> None:
    tool = Acting(gives("ok"))
    await rig.run(agent(scripted(calls(Call("act", {"a": 1})), says("x")), tool))
    assert tool.seen == [{"a": 1}]
