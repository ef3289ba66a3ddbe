"""The one door for effects: what is refused, what is tried again, what is doubted, and what the model gets to see."""

import asyncio

import msgspec
import pytest
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.errors import DivergedError, RejectedError, ToolError
from remit.core.events import EffectEnded, Flagged, Judged
from remit.core.limits import Limits
from remit.core.messages import Call, ToolMessage
from remit.core.moves import Brief, Strategy, ask, run
from remit.core.ports import Probe, Reply, ToolContext
from remit.policy import Allow, AskBefore, Breakers, Honeypot, Permissions, Tolerance, decoy
from remit.runtime import decide, doubted, settle
from remit.testing import EffectCounter, ScriptedModel, calls, says, use


async def ended(rig: Rig) -> list[tuple[str, object]]:
    return [(outcome.status, outcome.output) for outcome in await rig.outcomes()]


async def test_a_honeypot_looks_like_success_does_nothing_and_gives_the_caller_away(rig: Rig) -> None:
    bait = decoy("export_all", "Exports all customers.")
    model = scripted(calls(use("export_all")), says("done"), keep=True)
    await rig.run(agent(model, bait, guards=[Honeypot("export_all", output={"file": "all.csv"})]))
    message = model.requests[1].messages[-1]
    assert isinstance(message, ToolMessage)
    assert message.outcome.output == {"file": "all.csv"}
    assert [(event.kind, event.call) for event in await rig.events() if isinstance(event, Flagged)] == [
        ("honeypot", "c1_0_0")
    ]


async def test_a_dangerous_tool_needs_a_permission(rig: Rig) -> None:
    act = Acting(gives("gone"), "delete", "once", {"dangerous": True})
    await rig.run(agent(scripted(calls(use("delete")), says("ok")), act))
    assert act.seen == []
    assert (await ended(rig))[0][0] == "denied"
    assert [event.verdict for event in await rig.events() if isinstance(event, Judged)] == ["deny"]


async def test_an_unknown_tool_is_answered_with_those_there_are(rig: Rig) -> None:
    await rig.run(agent(scripted(calls(use("fly")), says("ok")), EffectCounter("read")))
    assert await ended(rig) == [("failed", "no tool named 'fly'; known: effect")]


async def test_an_agent_without_tools_may_still_be_asked_for_one(rig: Rig) -> None:
    def flies(brief: Brief) -> Strategy:
        yield from run([Call("fly", {})])
        return "done"

    await rig.run(agent(scripted(), strategy=flies))
    assert await ended(rig) == [("failed", "no tool named 'fly'; known: none")]


async def test_calls_that_nobody_offered_are_dropped(rig: Rig) -> None:
    result = await rig.run(agent(scripted(says("hm", use("effect")))))
    assert (result.status, result.output) == ("done", "hm")
    assert await ended(rig) == []


async def test_malformed_arguments_are_mended_when_there_is_one_way_to_read_them(rig: Rig) -> None:
    act = Acting(gives("ok"))
    wish = Reply("", (Call("act", {}, malformed="{'city': 'Oslo',}"), Call("act", {}, malformed="[1")))
    await rig.run(agent(scripted(wish, says("done")), act))
    assert act.seen == [{"city": "Oslo"}]
    (problem,) = [outcome.output for outcome in await rig.outcomes() if outcome.status == "failed"]
    assert isinstance(problem, str)
    assert problem.startswith("the arguments are not a JSON object")


async def test_too_many_calls_at_once_are_put_off(rig: Rig) -> None:
    act = Acting(gives("ok"))
    await rig.run(agent(scripted(calls(use("act"), use("act"), use("act")), says("done")), act, limits=Limits(calls=2)))
    assert len(act.seen) == 2
    assert ("failed", "not run: at most 2 calls at the same time; make this one again later") in await ended(rig)


async def test_no_calls_are_no_work(rig: Rig) -> None:
    def nothing(brief: Brief) -> Strategy:
        return (yield from run([]))  # pyright: ignore[reportReturnType] - an empty tuple

    result = await rig.run(agent(scripted(), strategy=nothing))
    assert (result.status, result.output) == ("done", [])


# -- again, and not again ----------------------------------------------------------------------------------------------


def failing(times: int, error: Exception) -> Acting:
    """Make a tool that fails so many times first."""

    async def act(context: ToolContext) -> str:
        if len(tool.seen) <= times:
            raise error
        return "ok"

    tool = Acting(act)
    return tool


async def test_a_read_is_tried_again_after_longer_and_longer_pauses(rig: Rig) -> None:
    tool = failing(2, OSError("no route"))
    await rig.run(agent(scripted(calls(use("act")), says("done")), tool))
    assert await ended(rig) == [("ok", "ok")]
    assert rig.slept == [0.2, 0.4]
    assert [event.attempts for event in await rig.events() if isinstance(event, EffectEnded)] == [3]


async def test_the_other_side_says_when_to_come_back_within_bounds(rig: Rig) -> None:
    await rig.run(
        agent(
            scripted(calls(use("act")), says("done")), failing(1, RejectedError("busy", retryable=True, retry_after=3))
        )
    )
    session = await rig.open(
        agent(
            scripted(calls(use("act")), says("done")),
            failing(1, RejectedError("busy", retryable=True, retry_after=9999)),
        ),
        "go",
        "t",
    )
    await session.run()
    assert rig.slept == [3, 10.0]


async def test_what_keeps_failing_is_a_failed_outcome(rig: Rig) -> None:
    tool = failing(9, OSError("no route"))
    await rig.run(agent(scripted(calls(use("act")), says("done")), tool))
    assert await ended(rig) == [("failed", "OSError: no route")]
    assert len(tool.seen) == 3


async def test_a_no_is_not_asked_for_twice(rig: Rig) -> None:
    tool = failing(9, RejectedError("no such customer"))
    await rig.run(agent(scripted(calls(use("act")), says("done")), tool))
    assert await ended(rig) == [("failed", "no such customer")]
    assert len(tool.seen) == 1


async def test_a_once_only_call_that_times_out_is_doubted_and_never_repeated(rig: Rig) -> None:
    async def hangs(context: ToolContext) -> None:
        await asyncio.Event().wait()

    tool = Acting(hangs, "act", "once", {"timeout": 0.01})
    declared = agent(scripted(calls(use("act")), says("done")), tool)
    result = await rig.run(declared)
    assert result.status == "waiting"
    assert result.reason == "did act (c1_0_0) happen? no answer within 0.01 s"
    assert (await rig.resume(declared)).status == "waiting"
    await settle(rig.store, "s", "", happened=True, by="ann", output="it did")
    assert (await rig.resume(declared)).output == "done"
    assert await ended(rig) == [("ok", "it did")]
    assert len(tool.seen) == 1


async def test_a_doubted_call_that_did_not_happen_is_made_again(rig: Rig) -> None:
    tool = failing(1, OSError("cut off"))
    tool.effect = "once"
    declared = agent(scripted(calls(use("act")), says("done")), tool)
    await rig.run(declared)
    assert [effect.call.id for effect in doubted(await rig.state())] == ["c1_0_0"]
    await settle(rig.store, "s", "c1_0_0", happened=False, by="ann")
    assert (await rig.resume(declared)).output == "done"
    assert await ended(rig) == [("ok", "ok")]


async def test_a_probe_that_finds_the_effect_settles_it(rig: Rig) -> None:
    tool = Acting(gives(OSError("cut off")), "act", "once", {"reconciles": True})
    tool.find = lambda: Probe(happened=True, output="found")
    await rig.run(agent(scripted(calls(use("act")), says("done")), tool))
    assert await ended(rig) == [("ok", "found")]
    assert len(tool.seen) == 1


async def test_a_probe_that_finds_nothing_allows_another_attempt_and_looks_again_first(rig: Rig) -> None:
    tool = failing(9, OSError("cut off"))
    tool.effect, tool.options = "once", {"reconciles": True}
    found = iter([Probe(happened=False), Probe(happened=True, output="late")])
    tool.find = lambda: next(found)
    await rig.run(agent(scripted(calls(use("act")), says("done")), tool))
    assert await ended(rig) == [("ok", "late")]
    assert len(tool.seen) == 1


async def test_a_probe_that_breaks_has_told_nothing(rig: Rig) -> None:
    def broken() -> Probe | None:
        raise OSError

    tool = Acting(gives(OSError("cut off")), "act", "once", {"reconciles": True})
    tool.find = broken
    assert (await rig.run(agent(scripted(calls(use("act"))), tool))).status == "waiting"


async def test_an_error_that_is_not_unicode_can_be_doubted(rig: Rig) -> None:
    tool = Acting(gives(OSError("\udcff")), "act", "once")
    result = await rig.run(agent(scripted(calls(use("act"))), tool))
    assert result.reason == "did act (c1_0_0) happen? OSError: ?"


# -- breaker and fallback ----------------------------------------------------------------------------------------------


async def test_a_breaker_stops_calls_of_what_keeps_failing_and_lets_one_probe_through(rig: Rig) -> None:
    now = [0.0]
    rig.gate = Breakers(Tolerance(failures=1, cooldown=10), clock=lambda: now[0])
    tool = failing(1, OSError("down"))
    wish = calls(use("act"))
    await rig.run(agent(scripted(wish, wish, says("x")), tool))
    assert len(tool.seen) == 1
    assert (await ended(rig))[1] == ("failed", "`tool:act`: the circuit is open: it kept failing; try again in 10 s")
    now[0] = 11.0
    session = await rig.open(agent(scripted(wish, wish, says("x")), tool), "go", "t")
    await session.run()
    assert [outcome.status for outcome in await rig.outcomes("t")] == ["ok", "ok"]


async def test_a_call_that_waits_for_a_person_does_not_use_up_the_probe(rig: Rig) -> None:
    now = [0.0]
    rig.gate = Breakers(Tolerance(failures=1, cooldown=10), clock=lambda: now[0])
    entered = rig.gate.enter("tool:act")
    assert not isinstance(entered, str)
    entered.report(ok=False)
    now[0] = 11.0
    tool = Acting(gives("ok"))
    declared = agent(scripted(calls(use("act")), says("x")), tool, guards=[AskBefore("act")])
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=True, by="ann")
    await rig.resume(declared)
    assert await ended(rig) == [("ok", "ok")]


def pair(first: Acting, second: Acting) -> tuple[Acting, Acting]:
    first.name, second.name = "first", "second"
    first.options["fallback"] = "second"
    return first, second


async def test_a_fallback_takes_the_place_of_a_tool_that_failed(rig: Rig) -> None:
    tools = pair(Acting(gives(RejectedError("down"))), Acting(gives("ok")))
    await rig.run(agent(scripted(calls(use("first", n=1)), says("done")), *tools))
    assert tools[1].seen == [{"n": 1}]
    assert (await ended(rig))[-1] == ("ok", {"via": "second", "because": "down", "output": "ok"})


async def test_a_fallback_that_fails_too_says_both_reasons(rig: Rig) -> None:
    tools = pair(Acting(gives(RejectedError("down"))), Acting(gives(RejectedError("closed"))))
    await rig.run(agent(scripted(calls(use("first")), says("done")), *tools))
    assert (await ended(rig))[-1] == ("failed", "down; the fallback second failed too: closed")


async def test_a_fallback_may_itself_wait_for_approval(rig: Rig) -> None:
    tools = pair(Acting(gives(RejectedError("down"))), Acting(gives("ok")))
    declared = agent(scripted(calls(use("first")), says("done")), *tools, guards=[AskBefore("second")])
    assert (await rig.run(declared)).reason.startswith("approve second (c1_0_0f)?")
    await decide(rig.store, "s", "", granted=True, by="ann")
    assert (await rig.resume(declared)).output == "done"
    assert (len(tools[0].seen), len(tools[1].seen)) == (1, 1)


# -- results -----------------------------------------------------------------------------------------------------------


async def test_a_large_result_goes_to_a_blob_and_leaves_a_readable_head(rig: Rig) -> None:
    rows = [{"row": number, "text": "x" * 50} for number in range(1000)]
    await rig.run(agent(scripted(calls(use("act")), says("done")), Acting(gives(rows))))
    (outcome,) = await rig.outcomes()
    assert isinstance(outcome.output, str)
    assert outcome.output.startswith('[{"row":0,')
    assert f"[cut: {outcome.size} bytes in all, kept as blob {outcome.blob[:12]}]" in outcome.output
    assert msgspec.json.decode(await rig.store.get(outcome.blob)) == rows


async def test_a_large_text_is_cut_as_text(rig: Rig) -> None:
    await rig.run(agent(scripted(calls(use("act")), says("done")), Acting(gives("line\n" * 10_000))))
    (outcome,) = await rig.outcomes()
    assert isinstance(outcome.output, str)
    assert outcome.output.startswith("line\nline\n")


class Strange:
    """Nothing that JSON knows."""

    def __str__(self) -> str:
        return "strange \udcff"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ((1, 2), [1, 2]),
        ({1}, [1]),
        (2**80, str(2**80)),
        ("\udcff", "?"),
        ({"a": Strange(), "b": [2**80, None, True, 1.5]}, {"a": "strange ?", "b": [str(2**80), None, True, 1.5]}),
        (
            {"inf": float("inf"), "big": 2**80, "deep": ({2**80},)},
            {"inf": "inf", "big": str(2**80), "deep": [[str(2**80)]]},
        ),
        ({(1, 2): 2**80}, {"[1, 2]": str(2**80)}),
    ],
)
async def test_any_result_is_made_fit_for_the_journal(rig: Rig, value: object, kept: object) -> None:
    seen: list[object] = []

    def looks(brief: Brief) -> Strategy:
        (outcome,) = yield from run([Call("act", {})])
        seen.append(outcome.output)
        return "done"

    await rig.run(agent(scripted(), Acting(gives(value)), strategy=looks))
    assert (await ended(rig))[0] == ("ok", kept)
    assert seen == [kept]


async def test_a_strategys_own_arguments_are_what_the_journal_holds(rig: Rig) -> None:
    def calls_with_tuples(brief: Brief) -> Strategy:
        yield from run([Call("act", {"pair": (1, 2)})])  # pyright: ignore[reportArgumentType] - as people write
        return "done"

    act = Acting(gives("ok"))
    declared = agent(scripted(), act, strategy=calls_with_tuples)
    session = await rig.open(declared, "go")
    session.pause()
    await session.run()
    assert (await rig.resume(declared)).status == "done"
    assert act.seen == [{"pair": [1, 2]}]


async def test_a_call_where_a_question_was_recorded_diverges(rig: Rig) -> None:
    def asked(brief: Brief) -> Strategy:
        yield from ask()
        yield from ask()
        return "x"

    def calls_first(brief: Brief) -> Strategy:
        yield from run([Call("act", {})])
        return "x"

    calls_first.__name__ = asked.__name__
    session = await rig.open(agent(ScriptedModel([says("1"), KeyError()]), strategy=asked), "go")
    with pytest.raises(KeyError):
        await session.run()
    act = Acting(gives("ok"))
    result = await rig.resume(agent(scripted(), act, strategy=calls_first))
    assert result.status == "diverged"
    assert "at step 0" in result.reason
    assert act.seen == []
    assert DivergedError("0", "a", "b").step == "0"


async def test_a_tool_that_is_gone_while_it_was_under_way_fails_the_run_with_what_to_do(rig: Rig) -> None:
    tool = Acting(gives(OSError("cut off")), "act", "once")
    await rig.run(agent(scripted(calls(use("act"))), tool))
    await settle(rig.store, "s", "", happened=False, by="ann")
    result = await rig.resume(agent(scripted()))
    assert (result.status, result.reason) == ("failed", "tool 'act' was under way and is gone; put it back and resume")


async def test_permissions_are_judged_by_arguments(rig: Rig) -> None:
    act = Acting(gives("ok"))
    wish = calls(use("act", path="docs/a"), use("act", path="etc/a"))
    await rig.run(agent(scripted(wish, says("x")), act, guards=[Permissions(Allow("act", path="docs/*"))]))
    assert act.seen == [{"path": "docs/a"}]


async def test_a_failure_of_which_nobody_knows_what_it_did_may_say_when_to_come_back(rig: Rig) -> None:
    await rig.run(agent(scripted(calls(use("act")), says("done")), failing(1, ToolError("busy", retry_after=3))))
    assert rig.slept == [3]
