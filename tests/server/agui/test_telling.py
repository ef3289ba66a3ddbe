"""What a run of AG-UI tells: every event is one of the protocol's, and the same is told however often it is asked."""

import asyncio
from itertools import repeat
from typing import Any

from tests.server.agents import HeldModel, acting, echo
from tests.server.agui.clients import (
    Ran,
    agui,
    essence,
    named,
    run,
    running,
    user,
    wanted,
)
from tests.server.rig import Rig

from remit.core.agent import Agent
from remit.core.errors import ModelRequestError, ModelTimeoutError
from remit.core.events import MessageReceived
from remit.core.limits import Limits
from remit.core.moves import Brief, Strategy, ask, fork
from remit.core.moves import run as perform
from remit.core.ports import Delta, Emit, Reply, Request
from remit.models import Retrying
from remit.models.wrappers import Backoff
from remit.testing import EffectCounter, ScriptedModel, says, use


async def _told(rig: Rig, ran: Ran) -> list[str]:
    """Give what the session behind a run was told."""
    records = await rig.service.home.store.read(ran.events[0]["metadata"]["remit"]["session"])
    return [record.event.text for record in records if isinstance(record.event, MessageReceived)]


async def test_a_conversation_goes_on_in_one_session_and_only_what_is_new_is_said() -> None:
    async with agui(echo()) as rig:
        first = await run(rig, wanted(user("hello there")), agent="echo")
        assert named(first.events) == [
            "RUN_STARTED", "STEP_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END",
            "STEP_FINISHED", "RUN_FINISHED",
        ]  # fmt: skip
        assert (first.text, first.last["result"], first.last["outcome"]) == (
            "hello there", "hello there", {"type": "success"},
        )  # fmt: skip
        assert (first.events[0]["protocolVersion"], first.last["usage"][0]["inputTokens"]) == ("1.0", 2)
        said = {"id": first.of("TEXT_MESSAGE_START")[0]["messageId"], "role": "assistant", "content": "hello there"}
        second = await run(rig, wanted(user("hello there"), said, user("again", "u2"), run="r2"), agent="echo")
        assert (second.text, second.of("MESSAGES_SNAPSHOT")) == ("again", [])
        assert await _told(rig, second) == ["hello there", "again"]
        other = await run(rig, wanted(user("else"), run="r3") | {"threadId": "t2"}, agent="echo")
        assert await _told(rig, other) == ["else"]


async def test_the_same_run_again_does_nothing_twice_and_tells_the_same() -> None:
    effect = EffectCounter()
    async with agui(acting(effect)) as rig:
        body = wanted(user("go"))
        first, again, third = await run(rig, body), await run(rig, body), await run(rig, body | {"runId": "other"})
        assert essence(first) == essence(again) == essence(third)
        assert (third.last["runId"], len(effect.called())) == ("other", 1)
        result = first.of("TOOL_CALL_RESULT")[0]
        # Who has some of it already is told to let go of that first, or would have it twice.
        had = {"id": result["messageId"], "role": "tool", "toolCallId": result["toolCallId"], "content": "half"}
        told = await run(rig, wanted(user("go"), had))
        assert told.kinds[:2] == ["RUN_STARTED", "MESSAGES_SNAPSHOT"]
        assert [one["id"] for one in told.of("MESSAGES_SNAPSHOT")[0]["messages"]] == ["u1"]
        assert essence(told)[1:] == ["MESSAGES_SNAPSHOT", *essence(first)[1:]]


async def test_a_run_sent_many_times_at_once_is_one_run() -> None:
    effect = EffectCounter(pause=0.02)
    async with agui(acting(effect)) as rig:
        runs = await asyncio.gather(*(run(rig, wanted(user("go"), run=f"r{place}")) for place in range(5)))
        assert {one.last["result"] for one in runs} == {"done"}
        assert (len(effect.called()), await _told(rig, runs[0])) == (1, ["go"])


async def test_text_is_passed_on_as_it_is_written() -> None:
    model = HeldModel()
    async with agui(Agent("held", model)) as rig, running(rig, wanted(user("count")), agent="held") as events:
        assert [(await anext(events))["type"] for _ in range(2)] == ["RUN_STARTED", "STEP_STARTED"]
        model.go.release()
        assert (await anext(events))["type"] == "TEXT_MESSAGE_START"
        # Each is here before the model was let go on, so it waited for nothing.
        assert (await anext(events))["delta"] == "one "
        model.go.release()
        assert (await anext(events))["delta"] == "two "
        model.go.release()
        assert [event["type"] async for event in events] == [
            "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "STEP_FINISHED", "RUN_FINISHED",
        ]  # fmt: skip


async def test_who_leaves_does_not_stop_the_session_and_comes_back_to_the_rest() -> None:
    model = HeldModel()
    async with agui(Agent("held", model)) as rig:
        async with running(rig, wanted(user("count")), agent="held") as events:
            await anext(events)
        await model.asked.wait()
        model.go.release()
        while rig.service.streams.open:
            await rig.ask("GET", "/health/live")
        async with running(rig, wanted(user("count")), agent="held") as events:
            await anext(events)
            model.go.release()
            model.go.release()
            rest = Ran([event async for event in events])
        # Its beginning was not heard, so all of it comes at once.
        assert (rest.text, len(rest.of("TEXT_MESSAGE_CONTENT"))) == ("one two three", 1)
        assert rest.last["outcome"] == {"type": "success"}


async def _at_once(seconds: float) -> None:
    pass


class _Fickle:
    """A model that breaks off in its answer once."""

    def __init__(self) -> None:
        self.spec = HeldModel().spec
        self._broken = False

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """See `Model.complete`."""
        emit(Delta("I think "))
        if not self._broken:
            self._broken = True
            raise ModelTimeoutError("it took too long")
        emit(Delta("so"))
        return Reply("I think so", reasoning={"text": "hm", "order": [{"type": "thinking", "thinking": "well"}]})


async def test_what_was_written_of_an_answer_that_broke_off_is_taken_back() -> None:
    async with agui(Agent("fickle", Retrying(_Fickle(), ambiguous=1, backoff=Backoff(sleep=_at_once)))) as rig:
        ran = await run(rig, wanted(user("really?")), agent="fickle")
        snapshot = ran.kinds.index("MESSAGES_SNAPSHOT")
        assert [one["id"] for one in ran.events[snapshot]["messages"]] == ["u1"]
        assert Ran(ran.events[snapshot:]).text == "I think so"
        assert ran.of("REASONING_MESSAGE_CONTENT")[0]["delta"] == "hm\n\nwell"


async def test_a_run_that_fails_ends_in_an_error_with_its_reason() -> None:
    busy = ScriptedModel(repeat(says("", use("effect"))))
    tired = Agent("clerk", busy, tools=[EffectCounter()], limits=Limits(steps=2))
    async with agui(Agent("broken", ScriptedModel([ModelRequestError("nobody is there")])), tired) as rig:
        failed = await run(rig, wanted(user("go")), agent="broken")
        assert (failed.last["type"], failed.last["code"]) == ("RUN_ERROR", "failed")
        assert "nobody is there" in failed.last["message"]
        stopped = await run(rig, wanted(user("go")))
        assert (stopped.last["type"], stopped.last["code"]) == ("RUN_ERROR", "stopped")
        assert stopped.last["usage"][0]["inputTokens"] == 0


async def test_a_run_that_somebody_paused_says_so_and_is_told_on_once_it_is_resumed() -> None:
    rigs: list[Rig] = []

    def turn(request: Request) -> Reply:
        living = rigs[0].service.home.lives.living(request.session)
        assert living is not None
        living.pause("wait a little")
        return says("", use("effect"))

    model = ScriptedModel(iter([turn, says("done"), says("and on")]))
    async with agui(Agent("clerk", model, tools=[EffectCounter()])) as rig:
        rigs.append(rig)
        paused = await run(rig, wanted(user("go")))
        assert (paused.last["type"], paused.last["code"]) == ("RUN_ERROR", "paused")
        assert "wait a little" in paused.last["message"]
        session = paused.events[0]["metadata"]["remit"]["session"]
        # What is said meanwhile is kept, and nobody is left waiting for it.
        more = wanted(user("go"), user("and on", "u2"), run="r2")
        assert [(await run(rig, more)).last["code"] for _ in range(2)] == ["paused", "paused"]
        await rig.good("POST", f"/v1/sessions/{session}/resume")
        await rig.until(session, "RunEnded")
        assert (await run(rig, wanted(user("go")))).last["result"] == "done"
        assert (await run(rig, more)).last["result"] == "and on"


async def test_a_server_that_stops_says_that_the_run_goes_on_and_the_next_one_tells_the_rest(tmp_path: Any) -> None:
    model = HeldModel()
    async with agui(Agent("held", model), place=str(tmp_path)) as rig:
        async with running(rig, wanted(user("count")), agent="held") as events:
            await anext(events)
            await model.asked.wait()
            await rig.service.drain(0.01)
            ended = Ran([event async for event in events])
        assert (ended.last["type"], ended.last["code"]) == ("RUN_ERROR", "server_stopping")
    async with agui(Agent("held", model), place=str(tmp_path)) as rig:
        for _ in range(9):
            model.go.release()
        assert (await run(rig, wanted(user("count")), agent="held")).last["result"] == "one two three"


async def test_what_a_strategy_asks_for_itself_is_a_step_and_what_it_does_there_is_told() -> None:
    def branch() -> Strategy:
        answer = yield from ask("think")
        results = yield from perform(answer.calls)
        return results[0].status

    def both(brief: Brief) -> Strategy:
        found = yield from fork([branch(), branch()])
        return f"found {', '.join(map(str, found))}"

    effect = EffectCounter()
    script = ScriptedModel(repeat(says("let me see", use("effect"))))
    async with agui(Agent("clerk", script, tools=[effect], strategy=both)) as rig:
        ran = await run(rig, wanted(user("go")))
        assert (ran.text, ran.last["result"]) == ("found ok, ok", "found ok, ok")
        steps = {one["stepName"] for one in ran.of("STEP_STARTED")}
        assert steps == {one["stepName"] for one in ran.of("STEP_FINISHED")}
        assert len(steps) == 2
        calls = {one["toolCallId"] for one in ran.of("TOOL_CALL_START")}
        assert calls == {one["toolCallId"] for one in ran.of("TOOL_CALL_RESULT")}
        assert len(calls) == len(effect.called()) == 2
