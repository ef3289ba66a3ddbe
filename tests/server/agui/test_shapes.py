"""What agents may be like: of several messages, of a shape, of any strategy, with words no text can hold."""

import asyncio
import itertools
from pathlib import Path

import pytest
from tests.server.agents import HeldModel, echo
from tests.server.agui.clients import agui, essence, refunding, refused, run, user, wanted

from remit.core.agent import Agent
from remit.core.messages import UserMessage
from remit.core.moves import Brief, Strategy, StrategyMaker, ask, fork
from remit.core.moves import run as perform
from remit.core.ports import Delta, Emit, Reply, Request
from remit.core.shape import shape
from remit.policy import AskBefore
from remit.strategies import debate, plan_and_execute, reflect, self_consistency, tree_of_thoughts
from remit.testing import EchoModel, EffectCounter, ScriptedModel, says, use


async def test_what_came_of_each_of_several_messages_is_told(tmp_path: Path) -> None:
    async with agui(echo(), place=str(tmp_path)) as rig:
        body = wanted(*(user(f"word{place}", f"u{place}") for place in range(8)))
        ran = await run(rig, body, agent="echo")
        session = ran.events[0]["metadata"]["remit"]["session"]
        runs = [one for one in await rig.past(session) if one["kind"] == "RunEnded"]
        assert (len(ran.of("TEXT_MESSAGE_START")), ran.last["type"]) == (len(runs), "RUN_FINISHED")
        assert ran.text.endswith("word7")


async def test_a_message_behind_a_run_that_was_never_heard_tells_of_both() -> None:
    model = HeldModel()
    async with agui(Agent("held", model)) as rig:
        first = asyncio.create_task(run(rig, wanted(user("one")), agent="held"))
        await model.asked.wait()
        both = wanted(user("one"), user("two", "u2"), run="r2")
        second = asyncio.create_task(run(rig, both, agent="held"))
        while rig.service.streams.open < 2:
            await rig.ask("GET", "/health/live")
        for _ in range(6):
            model.go.release()
        assert (await first).text == "one two three"
        assert (await second).text == "one two threeone two three"
        # Once the first was over before the next was said, that is all there is to tell.
        for _ in range(3):
            model.go.release()
        third = await run(rig, wanted(user("one"), user("two", "u2"), user("three", "u3"), run="r3"), agent="held")
        assert third.text == "one two three"
        assert essence(await run(rig, both, agent="held")) == essence(await second)


async def test_no_more_messages_than_can_be_kept_at_a_time_are_taken() -> None:
    async with agui(echo()) as rig:
        many = wanted(*(user("x", f"u{place}") for place in range(51)))
        status, why = await refused(rig, many, agent="echo")
        assert (status, "at most 50" in why) == (422, True)
        assert (await rig.good("GET", "/v1/sessions"))["sessions"] == []


async def test_an_answer_of_a_shape_is_told_once() -> None:
    model = ScriptedModel(itertools.repeat(says('{"total":  3}')))
    async with agui(Agent("sums", model, output=shape(dict[str, int]))) as rig:
        ran = await run(rig, wanted(user("add")), agent="sums")
        assert (ran.text, ran.last["result"]) == ('{"total":  3}', {"total": 3})


async def test_a_question_that_never_lapses_in_a_lifetime_is_asked_without_a_time() -> None:
    effect = EffectCounter()
    agent = Agent(
        "clerk",
        ScriptedModel(itertools.repeat(says("", use("effect")))),
        tools=[effect],
        guards=[AskBefore("effect", expires=1e12)],
    )
    async with agui(agent) as rig:
        (interrupt,) = (await run(rig, wanted(user("go")))).interrupts
        assert "expiresAt" not in interrupt


class _Halves:
    """A model that writes the halves of characters."""

    spec = HeldModel().spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """See `Model.complete`."""
        for piece in ("a\ud83d", "\ude00"):
            emit(Delta(piece))
        return Reply("a\ud83d\ude00")


async def test_half_a_character_ends_no_stream() -> None:
    async with agui(Agent("halves", _Halves())) as rig:
        ran = await run(rig, wanted(user("go")), agent="halves")
        assert (ran.text, ran.last["result"]) == ("a??", "a??")


@pytest.mark.parametrize("strategy", [debate(), plan_and_execute, reflect(), self_consistency(), tree_of_thoughts()])
async def test_every_strategy_is_told_to_its_end_and_the_same_again(strategy: StrategyMaker) -> None:
    async with agui(Agent("thinker", EchoModel(), strategy=strategy)) as rig:
        ran = await run(rig, wanted(user("think")), agent="thinker")
        assert ran.last["type"] in {"RUN_FINISHED", "RUN_ERROR"}
        assert ran.last.get("code") in {None, "failed", "stopped"}
        assert {one["stepName"] for one in ran.of("STEP_STARTED")} == {
            one["stepName"] for one in ran.of("STEP_FINISHED")
        }
        assert essence(await run(rig, wanted(user("think")), agent="thinker"))[-1] == essence(ran)[-1]


async def test_a_branch_that_goes_on_while_another_waits_for_a_person_is_told() -> None:
    held, effect = HeldModel(pieces=("a",)), EffectCounter()

    class Both:
        spec = held.spec

        async def complete(self, request: Request, emit: Emit) -> Reply:
            """See `Model.complete`."""
            last = request.messages[-1]
            if isinstance(last, UserMessage) and last.text == "slow":
                return await held.complete(request, emit)
            return says("", use("effect"))

    def fast() -> Strategy:
        answer = yield from ask("fast")
        results = yield from perform(answer.calls)
        return results[0].status

    def slow() -> Strategy:
        answer = yield from ask("slow")
        return answer.text

    def both(brief: Brief) -> Strategy:
        found = yield from fork([fast(), slow()])
        return str(found)

    async with agui(Agent("clerk", Both(), tools=[effect], strategy=both, guards=[AskBefore("effect")])) as rig:
        running = asyncio.create_task(run(rig, wanted(user("go"))))
        await held.asked.wait()
        held.go.release()
        ran = await running
        assert (ran.last["outcome"]["type"], len(ran.of("STEP_FINISHED"))) == ("interrupt", 2)


async def test_an_operator_who_cancels_ends_the_run_for_who_reads_it_and_the_next_message_is_another() -> None:
    async with agui(refunding(EffectCounter())) as rig:
        first = await run(rig, wanted(user("do it")))
        session = first.events[0]["metadata"]["remit"]["session"]
        await rig.good("POST", f"/v1/sessions/{session}/cancel", {})
        ran = await run(rig, wanted(user("do it"), user("and now?", "u2"), run="r2"))
        assert (ran.last["outcome"]["type"], len(ran.of("RUN_FINISHED"))) == ("interrupt", 1)
