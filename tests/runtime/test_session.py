"""A session's life: messages, runs, pauses, closing, and what must not be lost when something breaks."""

import asyncio
from dataclasses import replace

import pytest
from tests.runtime.rig import Acting, Rig, agent, scripted

from remit.core.errors import ConfigError, JournalError, UnknownSessionError
from remit.core.events import Flagged, RunOpened, SessionClosed
from remit.core.messages import Call, UserMessage
from remit.core.moves import Brief, GiveUp, Strategy, ask, run
from remit.core.ports import ToolContext
from remit.runtime import send
from remit.testing import EffectCounter, ScriptedModel, calls, says, use


async def test_a_message_leads_to_a_run_and_the_run_to_an_answer(rig: Rig) -> None:
    result = await rig.run(agent(scripted(says("hello"))), "hi")
    assert (result.status, result.output, result.run, result.cost) == ("done", "hello", 1, 0.0)
    assert await rig.kinds() == [
        "SessionOpened",
        "MessageReceived",
        "RunOpened",
        "ModelAsked",
        "ModelAnswered",
        "RunEnded",
    ]


async def test_a_session_without_a_message_has_nothing_to_do(rig: Rig) -> None:
    session = await rig.open(agent(scripted()))
    assert (await session.run()).status == "idle"
    rig.forget()
    assert await rig.events() == []


async def test_running_again_gives_the_last_result_and_asks_nobody(rig: Rig) -> None:
    first = await rig.run(agent(scripted(says("one"))))
    again = await rig.resume(agent(scripted()))
    assert (again.output, again.status, again.run) == (first.output, first.status, first.run)


async def test_messages_that_wait_become_one_task(rig: Rig) -> None:
    tasks: list[str] = []

    def notes_its_task(brief: Brief) -> Strategy:
        tasks.append(brief.task)
        answer = yield from ask()
        return answer.text

    session = await rig.open(agent(scripted(says("ok")), strategy=notes_its_task))
    assert await session.send("one")
    assert await session.send("two")
    await session.run()
    assert tasks == ["one\n\ntwo"]


async def test_a_message_with_a_known_key_is_the_same_message(rig: Rig) -> None:
    session = await rig.open(agent(scripted(says("ok"))))
    assert await session.send("one", key="k")
    assert not await session.send("one", key="k")
    await send(rig.store, "s", "one", by="ann", key="k")
    await session.run()
    assert (await rig.kinds()).count("MessageReceived") == 1


async def test_two_processes_that_take_in_the_same_message_take_it_in_once(rig: Rig) -> None:
    session = await rig.open(agent(scripted(says("ok")), strategy=tells_its_task))
    await session.send("hello")
    await send(rig.store, "s", "again", by="ann", key="k")
    await session.send("again", key="k")
    result = await session.run()
    assert result.output == "hello\n\nagain"


def tells_its_task(brief: Brief) -> Strategy:
    yield from ask(brief.task, tools=())
    return brief.task


async def test_a_message_that_comes_while_a_run_goes_on_starts_the_next_run(rig: Rig) -> None:
    async def interrupts(context: ToolContext) -> str:
        await send(rig.store, "s", "and this?", by="ann")
        return "done"

    model = ScriptedModel([calls(use("act")), says("first"), says("second")], keep=True)
    result = await rig.run(agent(model, Acting(interrupts)), "do that")
    assert (result.run, result.output) == (2, "second")
    assert model.requests[1].messages[-1] != UserMessage("and this?")
    assert model.requests[2].messages[-1] == UserMessage("and this?")


async def test_a_message_that_slips_in_before_a_run_is_durable_is_part_of_what_its_strategy_is_told(rig: Rig) -> None:
    session = await rig.open(agent(scripted(says("a"), says("b")), strategy=tells_its_task), "mine")
    await session.run()
    await session.hear("mine again")
    await send(rig.store, "s", "theirs", by="ann")
    result = await session.run()
    assert result.output == "theirs\n\nmine again"
    opened = [event for event in await rig.events() if isinstance(event, RunOpened)]
    assert len(opened) == 2
    again = await rig.load(agent(scripted(), strategy=tells_its_task))
    assert (await again.run()).output == "theirs\n\nmine again"


async def test_a_pause_takes_effect_after_the_step_under_way_and_can_be_resumed(rig: Rig) -> None:
    counter = EffectCounter("read")
    declared = agent(scripted(calls(use("effect")), says("done")), counter)
    session = await rig.open(declared, "go")
    counter.around = lambda moment: session.pause()
    result = await session.run()
    assert (result.status, result.reason) == ("waiting", "paused; resume it when you like")
    counter.around = lambda moment: None
    assert (await rig.resume(declared)).output == "done"
    assert len(counter.called()) == 1


async def test_a_session_may_be_resumed_by_the_object_that_paused_it(rig: Rig) -> None:
    session = await rig.open(agent(scripted(says("done"))), "go")
    session.pause()
    assert (await session.run()).status == "waiting"
    assert (await session.run()).status == "done"


async def test_a_closed_session_takes_no_messages(rig: Rig) -> None:
    await rig.run(agent(scripted(says("done"))))
    await rig.store.append("s", [SessionClosed("ann")], after=len(await rig.events()))
    session = await rig.load(agent(scripted()))
    with pytest.raises(JournalError, match="is closed"):
        await session.send("more")
    with pytest.raises(JournalError, match="is closed"):
        await session.hear("more")
    assert (await session.run()).output == "done"


async def test_an_unknown_session_cannot_be_taken_up(rig: Rig) -> None:
    with pytest.raises(UnknownSessionError, match="no session 'nobody'"):
        await rig.load(agent(scripted()), "nobody")


async def test_a_session_belongs_to_its_agent(rig: Rig) -> None:
    await rig.run(agent(scripted(says("done"))))
    with pytest.raises(ConfigError, match="belongs to agent 'a', not to 'b'"):
        await rig.load(replace(agent(scripted()), name="b"))
    rig.living["s"] = await rig.load(agent(scripted()))


async def test_a_changed_tool_is_flagged_as_drift(rig: Rig) -> None:
    await rig.run(agent(scripted(says("done")), EffectCounter("read")))
    session = await rig.load(agent(scripted(says("done")), EffectCounter("once"), EffectCounter("read", name="new")))
    await session.hear("again")
    await session.run()
    flags = [event for event in await rig.events() if isinstance(event, Flagged)]
    assert [(flag.kind, flag.level) for flag in flags] == [("drift", "notice")]
    assert flags[0].reason.endswith("effect, new")


# -- what breaks -------------------------------------------------------------------------------------------------------


async def test_what_is_known_survives_a_strategy_that_breaks(rig: Rig) -> None:
    counter = EffectCounter("once")

    def breaks(brief: Brief) -> Strategy:
        yield from run([Call("effect", {})])
        raise ZeroDivisionError

    session = await rig.open(agent(scripted(), counter, strategy=breaks), "go")
    with pytest.raises(ZeroDivisionError):
        await session.run()
    assert [outcome.status for outcome in await rig.outcomes()] == ["ok"]


async def test_what_is_known_survives_being_cut_off(rig: Rig) -> None:
    begun = asyncio.Event()

    async def hangs(context: ToolContext) -> None:
        begun.set()
        await asyncio.Event().wait()

    tools = (EffectCounter("once"), Acting(hangs, "hang", "once"))
    declared = agent(scripted(calls(use("effect"), use("hang"))), *tools)
    running = asyncio.create_task(rig.run(declared))
    await begun.wait()
    running.cancel()
    await asyncio.wait([running])
    assert [outcome.status for outcome in await rig.outcomes()] == ["ok"]
    result = await rig.resume(declared)
    assert result.reason.startswith("did hang (c1_0_1) happen?")
    assert tools[0].twice() == []


async def test_a_strategy_that_gives_up_fails_with_what_it_has(rig: Rig) -> None:
    def gives_up(brief: Brief) -> Strategy:
        yield from ask()
        raise GiveUp("no way", {"so": "far"})

    result = await rig.run(agent(scripted(says("hm")), strategy=gives_up))
    assert (result.status, result.reason, result.output) == ("failed", "no way", {"so": "far"})


async def test_text_that_is_not_unicode_is_mended_wherever_it_comes_in(rig: Rig) -> None:
    def gives_up(brief: Brief) -> Strategy:
        yield from ask()
        raise GiveUp("bad \udcff", {"also": "\udcff"})

    session = await rig.open(agent(scripted(says("odd \udcff"), says("x")), strategy=gives_up), "what \udcff?")
    await session.send("more \udcff")
    result = await session.run()
    assert (result.reason, result.output) == ("bad ?", {"also": "?"})


async def test_an_output_that_is_no_json_is_kept_as_the_nearest_that_is(rig: Rig) -> None:
    def strange(brief: Brief) -> Strategy:
        yield from ask()
        return ("a", {1}, 2**70, object)  # pyright: ignore[reportReturnType] - a strategy may be that wrong

    result = await rig.run(agent(scripted(says("hm")), strategy=strange))
    assert result.output == ["a", [1], str(2**70), "<class 'object'>"]
