"""Doubt: what is done when nobody can say whether a call happened. It is never simply made again."""

import asyncio
import itertools

import pytest
from tests.runtime.rig import Act, Acting, Rig, agent, gives, scripted

from remit import Agent, Brief, Call, Home, Limits, Settings, Strategy, fork, run
from remit.core.errors import ToolError
from remit.core.events import EffectInDoubt, Flagged
from remit.core.messages import ToolMessage
from remit.core.ports import Probe, Reply, Request, ToolContext
from remit.journal import MemoryJournal
from remit.runtime import LocalWorkers, cancel, doubted
from remit.testing import EffectCounter, ScriptedModel, calls, says, use
from remit.testing.crash import Died


async def hangs(context: ToolContext) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("act", [hangs, gives(ToolError("gave up", landing=True)), gives(TimeoutError("slow"))])
async def test_a_call_that_may_still_land_is_doubted_whatever_a_probe_says_now(rig: Rig, act: Act) -> None:
    tool = Acting(act, "act", "once", {"reconciles": True, "timeout": 0.01})
    tool.find = lambda: Probe(happened=False)
    result = await rig.run(agent(scripted(calls(use("act"))), tool))
    assert (result.status, len(tool.seen)) == ("waiting", 1)
    assert [effect.call.tool for effect in doubted(await rig.state())] == ["act"]


async def test_a_probe_that_finds_it_ends_the_doubt_even_so(rig: Rig) -> None:
    tool = Acting(hangs, "act", "once", {"reconciles": True, "timeout": 0.01})
    tool.find = lambda: Probe(happened=True, output="there")
    await rig.run(agent(scripted(calls(use("act")), says("done")), tool))
    assert [outcome.output for outcome in await rig.outcomes()] == ["there"]


async def test_a_tool_may_have_the_model_told_instead_of_waiting(rig: Rig) -> None:
    tool = Acting(gives(OSError("cut off")), "act", "once", {"doubt": "tell", "price": 5})
    model = scripted(calls(use("act")), says("I told them so"), keep=True)
    result = await rig.run(agent(model, tool))
    assert (result.status, result.output, len(tool.seen)) == ("done", "I told them so", 1)
    assert result.spent == 5, "what may have happened may have cost"
    message = model.requests[1].messages[-1]
    assert isinstance(message, ToolMessage)
    assert message.outcome.status == "failed"
    assert "did act (c1_0_0) happen? OSError: cut off" in str(message.outcome.output)
    assert "Do not make this call again" in str(message.outcome.output)
    kinds = [type(event) for event in await rig.events()]
    assert EffectInDoubt in kinds
    assert [event.kind for event in await rig.events() if isinstance(event, Flagged)] == ["in_doubt"]


async def test_after_a_crash_the_model_is_told_too() -> None:
    def react(request: Request) -> Reply:
        return says("told") if isinstance(request.messages[-1], ToolMessage) else calls(use("effect"))

    def dies(moment: str) -> None:
        if moment == "after":
            raise Died

    counter = EffectCounter("once", doubt="tell", around=dies)
    declared = Agent("a", ScriptedModel(itertools.repeat(react)), tools=[counter])
    store = MemoryJournal()
    with pytest.raises(Died):
        await Home(store, LocalWorkers(), bytes(32), Settings()).run(declared, "go", session="s")
    result = await Home(store, LocalWorkers(), bytes(32), Settings()).resume(declared, "s")
    assert (result.status, result.output) == ("done", "told")
    assert len(counter.called()) == 1


async def test_a_run_that_is_cancelled_leaves_its_doubts_to_be_seen(rig: Rig) -> None:
    tool = Acting(gives(OSError("cut off")), "act", "once")
    await rig.run(agent(scripted(calls(use("act"))), tool))
    await cancel(rig.store, "s", by="ann")
    (flag,) = [event for event in await rig.events() if isinstance(event, Flagged)]
    assert (flag.kind, flag.call, flag.reason) == ("in_doubt", "c1_0_0", "did act (c1_0_0) happen? OSError: cut off")
    rig.forget()


async def test_a_limit_in_one_branch_does_not_hide_the_doubt_in_another(rig: Rig) -> None:
    def forks(brief: Brief) -> Strategy:
        yield from fork([doubts(), stops()])
        return "never"

    def doubts() -> Strategy:
        return (yield from run([Call("act", {})]))[0].output

    def stops() -> Strategy:
        for _ in range(9):
            yield from run([Call("look", {})])
        return ""

    act, look = Acting(gives(OSError("cut off")), "act", "once"), Acting(gives("seen"), "look", "read")
    result = await rig.run(agent(scripted(), act, look, limits=Limits(steps=4), strategy=forks))
    assert result.status == "stopped"
    assert [event.kind for event in await rig.events() if isinstance(event, Flagged)] == ["in_doubt"]
