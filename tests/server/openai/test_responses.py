"""Responses with the official client: whole, streamed, gone on with, with people in the middle."""

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response
from openai.types.responses.response_output_item import McpApprovalRequest, McpCall
from tests.server.agents import HeldModel, acting, asking, echo
from tests.server.openai.clients import client, served, told

from remit.core.agent import Agent
from remit.core.events import EffectInDoubt, RunSuspended
from remit.core.messages import ToolMessage
from remit.policy import AskBefore
from remit.testing import EffectCounter, ScriptedModel, says, use


def decision(response: Response, *, approve: bool, **more: Any) -> Any:
    (item,) = [one for one in response.output if isinstance(one, McpApprovalRequest)]
    return [{"type": "mcp_approval_response", "approval_request_id": item.id, "approve": approve, **more}]


async def waited(ann: AsyncOpenAI) -> Response:
    return await ann.responses.create(model="clerk", input="go")


async def test_a_conversation_goes_on_from_the_id_of_its_last_response() -> None:
    async with served(echo()) as (rig, ann):
        first = await ann.responses.create(model="echo", input="hello there", metadata={"a": "b"})
        assert (first.output_text, first.status, first.model, first.metadata) == (
            "hello there", "completed", "echo", {"a": "b"},
        )  # fmt: skip
        assert first.usage is not None
        assert (first.usage.input_tokens, first.usage.total_tokens) == (2, 4)
        second = await ann.responses.create(
            model="echo", input=[{"role": "user", "content": "more"}], previous_response_id=first.id
        )
        assert (second.output_text, second.previous_response_id) == ("more", first.id)
        assert len((await rig.good("GET", "/v1/sessions"))["sessions"]) == 1
        again = await ann.responses.retrieve(first.id)
        assert (again.output_text, again.id) == ("hello there", first.id)
        with pytest.raises(openai.ConflictError, match="gone on"):
            await ann.responses.create(model="echo", input="else", previous_response_id=first.id)


async def test_a_response_is_streamed_as_it_is_written() -> None:
    model = HeldModel()
    async with served(Agent("held", model)) as (_, ann):
        kinds: list[str] = []
        deltas: list[str] = []
        model.go.release()
        last: Any = None
        async for event in await ann.responses.create(model="held", input="count", stream=True):
            assert event.sequence_number == len(kinds)
            kinds.append(event.type)
            if event.type == "response.output_text.delta":
                deltas.append(event.delta)
                model.go.release()
            last = event
        assert deltas == ["one ", "two ", "three"]
        assert kinds[:4] == [
            "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
        ]  # fmt: skip
        assert kinds[-4:] == [
            "response.output_text.done", "response.content_part.done", "response.output_item.done",
            "response.completed",
        ]  # fmt: skip
        assert last.response.output_text == "one two three"
        kept = await ann.responses.retrieve(last.response.id)
        assert kept.output == last.response.output


async def test_the_streaming_helper_of_the_client_puts_the_same_together() -> None:
    def turn(request: Any) -> Any:
        return says("Done.") if isinstance(request.messages[-1], ToolMessage) else says("Looking.", use("effect", n=1))

    agent = Agent("talker", ScriptedModel(itertools.repeat(turn)), tools=[EffectCounter()])
    async with served(agent) as (_, ann), ann.responses.stream(model="talker", input="go") as stream:
        kinds = [event.type async for event in stream]
        put = await stream.get_final_response()
        assert [one.type for one in put.output] == ["message", "mcp_call", "message"]
        assert put.output_text == "Looking.Done."
        call = put.output[1]
        assert isinstance(call, McpCall)
        assert (call.name, call.arguments, call.status, call.server_label) == (
            "effect", '{"n":1}', "completed", "talker",
        )  # fmt: skip
        assert "response.mcp_call.completed" in kinds


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_person_allows_a_call_and_it_runs_once(*, streamed: bool) -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as (rig, ann), client(rig, name="bob") as bob:
        asked = await waited(ann)
        (item,) = asked.output
        assert isinstance(item, McpApprovalRequest)
        assert (item.name, item.arguments, item.server_label) == ("effect", '{"number":0}', "clerk")
        said = decision(asked, approve=True, reason="looks right")
        done: Any = None
        for _ in range(2):
            # The second time is the same decision, made again.
            if streamed:
                created = await bob.responses.create(
                    model="clerk", input=said, previous_response_id=asked.id, stream=True
                )
                last: Any = [event async for event in created][-1]
                done = last.response
            else:
                done = await bob.responses.create(model="clerk", input=said, previous_response_id=asked.id)
            assert (done.output_text, done.status) == ("done", "completed")
            call = done.output[0]
            assert isinstance(call, McpCall)
            assert (call.approval_request_id, call.error) == (item.id, None)
        assert len(effect.called()) == 1
        session = told(done)["session"]
        (given,) = [one["fields"] for one in await rig.past(session) if one["kind"] == "ApprovalGiven"]
        assert (given["by"], given["granted"], given["reason"]) == ("bob", True, "looks right")
        with pytest.raises(openai.ConflictError):
            await bob.responses.create(model="clerk", input=decision(asked, approve=False))


async def test_a_person_denies_a_call_and_it_never_runs() -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as (rig, ann), client(rig, name="bob", role="operator") as bob:
        asked = await waited(ann)
        done = await bob.responses.create(model="clerk", input=decision(asked, approve=False, reason="no"))
        call = done.output[0]
        assert isinstance(call, McpCall)
        assert call.status == "failed"
        assert call.error is not None
        assert effect.called() == []


async def test_a_decision_about_other_arguments_decides_nothing() -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True), own=True) as (_, ann):
        said = decision(await waited(ann), approve=True)
        whole = said[0]["approval_request_id"]
        for other in (whole[:-16] + "0" * 16, whole.replace(".c1_", ".c2_")):
            about: Any = [{**said[0], "approval_request_id": other}]
            with pytest.raises(openai.ConflictError, match="with these arguments"):
                await ann.responses.create(model="clerk", input=about)
        assert effect.called() == []


async def test_where_two_people_must_allow_a_call_the_first_is_told_that_it_still_waits() -> None:
    effect = EffectCounter()
    agent = replace(acting(effect), guards=[AskBefore("effect", persons=2)])
    async with served(agent) as (rig, ann), client(rig, name="bob") as bob, client(rig, name="eve") as eve:
        asked = await waited(ann)
        first = await bob.responses.create(model="clerk", input=decision(asked, approve=True))
        assert [one.type for one in first.output] == ["mcp_approval_request"]
        assert effect.called() == []
        second = await eve.responses.create(model="clerk", input=decision(first, approve=True))
        assert [one.type for one in second.output] == ["mcp_call", "message"]
        assert len(effect.called()) == 1


async def test_who_may_not_decide_is_told_so_and_nothing_happens() -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as (rig, ann):
        asked = await waited(ann)
        said = decision(asked, approve=True)
        # Nobody allows what they asked for themselves; a developer may not decide, an operator not give work.
        with pytest.raises(openai.PermissionDeniedError, match="themselves"):
            await ann.responses.create(model="clerk", input=said)
        async with client(rig, name="dev", role="developer") as dev:
            with pytest.raises(openai.PermissionDeniedError, match="may not decide"):
                await dev.responses.create(model="clerk", input=said)
        async with client(rig, name="bob", role="operator") as bob:
            with pytest.raises(openai.PermissionDeniedError, match="may not work"):
                await bob.responses.create(model="clerk", input=[*said, {"role": "user", "content": "and then?"}])
        assert effect.called() == []


async def test_who_asked_may_allow_it_where_the_server_says_so_and_say_more_at_once() -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True), own=True) as (_, ann):
        asked = await waited(ann)
        said: Any = [*decision(asked, approve=True), {"role": "user", "content": "again"}]
        more = await ann.responses.create(model="clerk", input=said, previous_response_id=asked.id)
        assert len(effect.called()) == 1
        assert [one.type for one in more.output] == ["mcp_call", "message", "mcp_approval_request"]
        again = await ann.responses.create(model="clerk", input=said, previous_response_id=asked.id, extra_headers={
            "X-Stainless-Retry-Count": "1"
        })  # fmt: skip
        assert again.id == more.id
        assert len(effect.called()) == 1


async def test_nobody_reads_or_decides_in_another_tenant() -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as (rig, ann), client(rig, tenant="other", name="eve") as eve:
        asked = await waited(ann)
        missing = asked.id.replace("-0", "-7")
        words: list[str] = []
        for name in (asked.id, missing):
            for ask in (
                eve.responses.retrieve(name),
                eve.responses.cancel(name),
                eve.responses.create(model="clerk", input="hi", previous_response_id=name),
            ):
                with pytest.raises(openai.NotFoundError) as found:
                    await ask
                words.append(found.value.message.replace(name, "ID"))
        assert words[:3] == words[3:]
        with pytest.raises(openai.NotFoundError):
            await eve.responses.create(model="clerk", input=decision(asked, approve=True))
        session: str = told(asked)["session"]
        for name in (session, session.replace("-0", "-7")):
            # In the same words, whether there is one or not.
            with pytest.raises(openai.ConflictError, match="begins with its tenant"):
                await eve.chat.completions.create(
                    model="clerk",
                    messages=[{"role": "user", "content": "hi"}],
                    extra_headers={"X-Remit-Session": name},
                )
        assert effect.called() == []


async def test_a_reader_that_leaves_finds_the_response_later() -> None:
    effect = EffectCounter(pause=0.05)
    async with served(acting(effect, times=4)) as (rig, ann):
        stream = await ann.responses.create(model="clerk", input="go", stream=True)
        name = ""
        async for event in stream:
            if event.type == "response.created":
                name = event.response.id
                assert event.response.status == "in_progress"
                break
        await stream.close()
        now = await ann.responses.retrieve(name)
        assert now.status in {"queued", "in_progress"}
        await rig.until(told(now)["session"], "RunEnded")
        done = await ann.responses.retrieve(name)
        assert (done.status, done.output_text, len(done.output)) == ("completed", "done", 5)
        last: Any = [event async for event in await ann.responses.retrieve(name, stream=True)][-1]
        assert last.response.output == done.output
        assert len(effect.called()) == 4


async def test_work_in_the_background_is_looked_at_and_cancelled() -> None:
    effect = EffectCounter(pause=0.05)
    async with served(acting(effect, times=40)) as (rig, ann):
        begun = await ann.responses.create(model="clerk", input="go", background=True)
        assert begun.status in {"queued", "in_progress"}
        session = told(begun)["session"]
        await rig.until(session, "EffectStarted")
        await ann.responses.cancel(begun.id)
        await rig.until(session, "RunEnded")
        assert (await ann.responses.retrieve(begun.id)).status == "cancelled"
        with pytest.raises(openai.ConflictError):
            await ann.responses.cancel(begun.id)
        with pytest.raises(openai.APIStatusError, match="journal"):
            await ann.responses.delete(begun.id)


@pytest.mark.parametrize("headers", [{"Idempotency-Key": "k1"}, {"X-Stainless-Retry-Count": "1"}])
async def test_a_request_that_is_made_again_has_no_second_effect(headers: dict[str, str]) -> None:
    effect = EffectCounter()
    async with served(acting(effect)) as (_, ann):
        first = [await ann.responses.create(model="clerk", input="go", extra_headers=headers) for _ in "ab"]
        assert first[0].id == first[1].id
        assert len(effect.called()) == 1
        plain = await ann.responses.create(model="clerk", input="go")
        assert plain.id != first[0].id
        assert len(effect.called()) == 2


async def test_what_somebody_else_allowed_is_told_with_the_next_message() -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as (rig, ann), client(rig, name="bob") as bob:
        asked = await waited(ann)
        await bob.responses.create(model="clerk", input=decision(asked, approve=True))
        more = await ann.responses.create(model="clerk", input="again", previous_response_id=asked.id)
        assert [one.type for one in more.output] == ["mcp_call", "message", "mcp_approval_request"]
        assert (await ann.responses.retrieve(more.id)).output == more.output
        still = await ann.responses.create(model="clerk", input="well?", previous_response_id=more.id)
        assert [one.type for one in still.output] == ["mcp_approval_request"]
        assert len(effect.called()) == 1


async def test_a_question_and_a_doubt_are_said_with_what_to_do() -> None:
    effect = EffectCounter(pause=30)
    async with served(asking(), acting(effect)) as (rig, ann):
        asked = await ann.responses.create(model="asking", input="go")
        assert "which colour?" in asked.output_text
        session = told(asked)["session"]
        assert f"/v1/sessions/{session}/answers/" in asked.output_text
        begun = await ann.responses.create(model="clerk", input="go", background=True)
        session = told(begun)["session"]
        started = (await rig.until(session, "EffectStarted"))[-1]
        # As a worker would that finds the call of a dead one.
        await rig.service.driver.drain(0)
        store = rig.service.home.store
        tail = len(await store.read(session))
        doubt = EffectInDoubt(started["fields"]["call"], "did it happen?")
        await store.append(session, [doubt, RunSuspended("in_doubt", 1, "did it happen?")], after=tail)
        found = await ann.responses.retrieve(begun.id)
        assert "Nobody knows whether effect" in found.output_text
        assert "/doubts/" in found.output_text


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_a_server_leaves_the_next_one_answers_once(tmp_path: Path, *, streamed: bool) -> None:
    effect = EffectCounter(pause=0.05)
    agent = acting(effect, times=10)
    async with served(agent, place=tmp_path) as (rig, ann):
        asking = asyncio.create_task(answered(ann, streamed=streamed, tried="0"))
        while not effect.called():
            await rig.ask("GET", "/health/live")
        await rig.service.drain(10)
        with pytest.raises(openai.APIError, match="stopping"):
            await asking
    assert 0 < len(effect.called()) < 10
    async with served(agent, place=tmp_path) as (rig, ann):
        done = await answered(ann, streamed=streamed, tried="1")
        assert (done.status, done.output_text) == ("completed", "done")
        assert len((await rig.good("GET", "/v1/sessions"))["sessions"]) == 1
    assert len(effect.called()) == 10


async def answered(ann: AsyncOpenAI, *, streamed: bool, tried: str) -> Response:
    headers = {"X-Stainless-Retry-Count": tried}
    if not streamed:
        return await ann.responses.create(model="clerk", input="go", extra_headers=headers)
    events: list[Any] = []
    stream = await ann.responses.create(model="clerk", input="go", stream=True, extra_headers=headers)
    async for event in stream:
        events.append(event)
    return events[-1].response
