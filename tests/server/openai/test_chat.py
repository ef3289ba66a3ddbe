"""Chat completions with the official client: whole, streamed, gone on with, edited, sent again."""

import asyncio
import base64
import itertools
from typing import Any

import httpx2
import openai
import pytest
from tests.server.agents import HeldModel, acting, asking, echo
from tests.server.openai.clients import client, served, told
from tests.server.rig import Rig, bearer

from remit.core.agent import Agent
from remit.core.messages import ToolMessage
from remit.models.prices import FREE
from remit.testing import EffectCounter, ScriptedModel, says, use


def user(text: Any) -> Any:
    return {"role": "user", "content": text}


def assistant(text: str | None) -> Any:
    return {"role": "assistant", "content": text}


async def sessions(rig: Rig) -> list[str]:
    return [one["id"] for one in (await rig.good("GET", "/v1/sessions"))["sessions"]]


async def test_an_agent_is_a_model_and_answers_a_chat() -> None:
    async with served(echo()) as (rig, ann):
        assert [one.id async for one in await ann.models.list()] == ["echo"]
        assert (await ann.models.retrieve("echo")).owned_by == "remit"
        done = await ann.chat.completions.create(model="echo", messages=[user("hello there")])
        choice = done.choices[0]
        assert (choice.message.content, choice.finish_reason, done.model) == ("hello there", "stop", "echo")
        assert done.usage is not None
        assert (done.usage.prompt_tokens, done.usage.completion_tokens, done.usage.total_tokens) == (2, 2, 4)
        assert done.id.startswith("chatcmpl-")
        assert [told(done)["session"]] == await sessions(rig)


async def test_text_is_streamed_as_it_is_written() -> None:
    model = HeldModel()
    async with served(Agent("held", model)) as (_, ann):
        stream = await ann.chat.completions.create(
            model="held", messages=[user("count")], stream=True, stream_options={"include_usage": True}
        )
        seen: list[str] = []
        last: Any = None
        async for chunk in stream:
            last = chunk
            if not chunk.choices:
                continue
            if chunk.choices[0].delta.content is not None:
                seen.append(chunk.choices[0].delta.content)
                # Each piece is here before the model was let go on.
                model.go.release()
            if chunk.choices[0].finish_reason:
                assert chunk.choices[0].finish_reason == "stop"
                assert told(chunk)["session"]
        assert seen == ["", "one ", "two ", "three"]
        assert last.usage.total_tokens == 0


async def test_a_conversation_is_one_session_and_only_what_is_new_is_said() -> None:
    async with served(echo()) as (rig, ann):
        messages: list[Any] = [{"role": "system", "content": "Be brief."}]
        for text in ("one", "two", "three"):
            messages.append(user(text))
            done = await ann.chat.completions.create(model="echo", messages=messages)
            messages.append(assistant(done.choices[0].message.content))
        (session,) = await sessions(rig)
        said = [one["fields"]["text"] for one in await rig.past(session) if one["kind"] == "MessageReceived"]
        assert said == ["Be brief.\n\none", "two", "three"]


async def test_an_edited_history_is_a_new_session_that_is_told_it() -> None:
    async with served(echo()) as (rig, ann):
        first = await ann.chat.completions.create(model="echo", messages=[user("one")])
        (session,) = await sessions(rig)
        edited: list[Any] = [user("one"), assistant("something else"), user("two")]
        done = await ann.chat.completions.create(model="echo", messages=edited)
        assert first.choices[0].message.content == "one"
        assert "assistant: something else" in (done.choices[0].message.content or "")
        assert len(await sessions(rig)) == 2
        kinds = [one["kind"] for one in await rig.past(session)]
        assert kinds.count("MessageReceived") == 1
        edited += [assistant(done.choices[0].message.content), user("three")]
        again = await ann.chat.completions.create(model="echo", messages=edited)
        assert again.choices[0].message.content == "three"
        assert len(await sessions(rig)) == 2
        # The same words again, though they were answered: another answer is wanted, in a session of its own.
        await ann.chat.completions.create(model="echo", messages=edited)
        assert len(await sessions(rig)) == 3


async def test_of_two_sessions_with_the_same_words_none_is_taken_unless_it_is_named() -> None:
    async with served(echo()) as (_, ann):
        first, second = [await ann.chat.completions.create(model="echo", messages=[user("hi")]) for _ in range(2)]
        names = [told(one)["session"] for one in (first, second)]
        assert len(set(names)) == 2
        messages: list[Any] = [user("hi"), assistant("hi"), user("more")]
        third = await ann.chat.completions.create(model="echo", messages=messages)
        assert told(third)["session"] not in names
        named = await ann.chat.completions.create(
            model="echo", messages=messages, extra_headers={"X-Remit-Session": names[0]}
        )
        assert told(named)["session"] == names[0]
        assert named.choices[0].message.content == "more"
        split = [await ann.chat.completions.create(model="echo", messages=[user("yo")], user=who) for who in "ab"]
        more: list[Any] = [user("yo"), assistant("yo"), user("more")]
        going = await ann.chat.completions.create(model="echo", messages=more, user="b")
        assert going.id.rpartition(".")[0] == split[1].id.rpartition(".")[0]


async def test_a_session_may_be_named_that_is_not_there_yet() -> None:
    async with served(echo()) as (_, ann):
        body = {"session": "acme.chat-1"}
        first = await ann.chat.completions.create(model="echo", messages=[user("hi")], extra_body=body)
        more = await ann.chat.completions.create(model="echo", messages=[user("on")], extra_body=body)
        assert [one.choices[0].message.content for one in (first, more)] == ["hi", "on"]
        with pytest.raises(openai.ConflictError):
            await ann.chat.completions.create(
                model="echo", messages=[user("hi")], extra_body={"session": "other.chat-1"}
            )


@pytest.mark.parametrize("headers", [{"Idempotency-Key": "k1"}, {"X-Stainless-Retry-Count": "1"}])
async def test_a_request_that_is_made_again_has_no_second_effect(headers: dict[str, str]) -> None:
    effect = EffectCounter()
    async with served(acting(effect)) as (rig, ann):
        first = await ann.chat.completions.create(model="clerk", messages=[user("go")], extra_headers=headers)
        again = await asyncio.gather(
            *(
                ann.chat.completions.create(model="clerk", messages=[user("go")], extra_headers=headers)
                for _ in range(4)
            )
        )
        assert {one.id for one in again} == {first.id}
        assert len(await sessions(rig)) == len(effect.called()) == 1
        messages: list[Any] = [user("go"), assistant(first.choices[0].message.content), user("and again")]
        headers = {**headers, "Idempotency-Key": "k2"} if "Idempotency-Key" in headers else headers
        more = [
            await ann.chat.completions.create(model="clerk", messages=messages, extra_headers=headers) for _ in "ab"
        ]
        assert more[0].id == more[1].id
        assert len(await sessions(rig)) == 1
        assert len(effect.called()) == 2


async def test_the_client_itself_tries_again_and_finds_what_it_began() -> None:
    model, tries = HeldModel(pieces=["done"]), asyncio.Semaphore(0)

    async def count(_: httpx2.Request) -> None:
        tries.release()

    async with (
        served(Agent("held", model)) as (rig, _),
        httpx2.AsyncClient(event_hooks={"request": [count]}) as http,
        client(rig, retries=1) as first,
    ):
        ann = first.with_options(timeout=0.5, http_client=http)
        asking = asyncio.create_task(ann.chat.completions.create(model="held", messages=[user("go")]))
        for _try in range(2):
            await tries.acquire()
        model.go.release()
        assert (await asking).choices[0].message.content == "done"
        assert len(await sessions(rig)) == 1


async def test_a_key_that_was_sent_with_something_else_is_refused() -> None:
    async with served(echo()) as (_, ann):
        headers = {"Idempotency-Key": "k", "X-Remit-Session": "acme.one"}
        await ann.chat.completions.create(model="echo", messages=[user("a")], extra_headers=headers)
        with pytest.raises(openai.UnprocessableEntityError):
            await ann.chat.completions.create(model="echo", messages=[user("b")], extra_headers=headers)


async def test_an_approval_that_waits_is_said_and_the_conversation_goes_on_after_it() -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as (rig, ann):
        messages: list[Any] = [user("go")]
        done = await ann.chat.completions.create(model="clerk", messages=messages)
        text = done.choices[0].message.content or ""
        assert 'approval: effect({"number":0})' in text
        assert done.choices[0].finish_reason == "stop"
        extra = {"remit": told(done)}
        (waits,) = extra["remit"]["waits"]
        session = extra["remit"]["session"]
        assert (waits["tool"], waits["args"]) == ("effect", {"number": 0})
        messages += [assistant(text), user("well?")]
        still = await ann.chat.completions.create(model="clerk", messages=messages)
        assert told(still)["session"] == session
        assert "approval" in (still.choices[0].message.content or "")
        path = f"/v1/sessions/{session}/approvals/{waits['call']}"
        bob = bearer(name="bob", role="operator")
        assert (await rig.ask("POST", path, {"granted": True}, bob)).status_code == 200
        seen = await rig.until(session, "RunEnded")
        # What waited behind it asks for the next one.
        await rig.until(session, "RunSuspended", after=seen[-1]["seq"])
        messages += [assistant(still.choices[0].message.content), user("and now?")]
        after = await ann.chat.completions.create(model="clerk", messages=messages)
        text = after.choices[0].message.content or ""
        assert told(after)["session"] == session
        # It tells how the first one ended, of which the client was not told, and that the second waits.
        assert text.startswith("done\n\n")
        assert len(effect.called()) == 1
        assert await sessions(rig) == [session]


async def test_a_question_is_said_with_what_to_do() -> None:
    async with served(asking()) as (_, ann):
        done = await ann.chat.completions.create(model="asking", messages=[user("go")])
        text = done.choices[0].message.content or ""
        assert "which colour?" in text
        assert "/answers/" in text


async def test_a_reader_that_leaves_stops_nothing() -> None:
    effect = EffectCounter(pause=0.05)
    async with served(acting(effect, times=5)) as (rig, ann):
        stream = await ann.chat.completions.create(model="clerk", messages=[user("go")], stream=True)
        async for _ in stream:
            break
        await stream.close()
        (session,) = await sessions(rig)
        await rig.until(session, "RunEnded")
        assert len(effect.called()) == 5
        while rig.service.streams.open:
            await rig.ask("GET", "/health/live")


async def test_an_image_is_an_attachment() -> None:
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n1234").decode()
    url = f"data:image/png;base64,{data}"
    content: list[Any] = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    async with served(echo()) as (rig, ann):
        done = await ann.chat.completions.create(model="echo", messages=[user(content)])
        assert done.choices[0].message.content == "what is it?"
        (session,) = await sessions(rig)
        (part,) = (await rig.past(session))[1]["fields"]["parts"]
        assert (part["media"], part["size"]) == ("image/png", 12)
        more: list[Any] = [user(content), assistant("what is it?"), user("sure?")]
        await ann.chat.completions.create(model="echo", messages=more)
        assert await sessions(rig) == [session]


async def test_a_run_without_an_answer_is_an_error_that_nobody_tries_again() -> None:
    broken = Agent("broken", ScriptedModel([], price=FREE))
    async with served(broken) as (rig, _), client(rig, retries=2) as ann:
        with pytest.raises(openai.InternalServerError) as found:
            await ann.chat.completions.create(model="broken", messages=[user("go")])
        assert found.value.code == "run_failed"
        assert len(await sessions(rig)) == 1
        with pytest.raises(openai.APIError) as streamed:
            async for _ in await ann.chat.completions.create(model="broken", messages=[user("on")], stream=True):
                pass
        assert streamed.value.code == "run_failed"


async def test_text_beside_calls_is_said_too_whole_and_streamed_alike() -> None:
    def turn(request: Any) -> Any:
        return says("Done.") if isinstance(request.messages[-1], ToolMessage) else says("Looking.", use("effect"))

    agent = Agent("talker", ScriptedModel(itertools.repeat(turn)), tools=[EffectCounter()])
    async with served(agent) as (_, ann):
        whole = await ann.chat.completions.create(model="talker", messages=[user("go")])
        text = "".join(
            [
                chunk.choices[0].delta.content or ""
                async for chunk in await ann.chat.completions.create(model="talker", messages=[user("go")], stream=True)
            ]
        )
        assert whole.choices[0].message.content == text == "Looking.\n\nDone."
