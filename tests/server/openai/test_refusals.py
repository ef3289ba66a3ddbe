"""What is refused, so that the official client raises what it should, and what is ignored."""

from typing import Any

import openai
import pytest
from tests.server.agents import echo
from tests.server.openai.clients import client, served, told
from tests.server.rig import bearer

from remit.server.entrance import Bounds

HI: Any = [{"role": "user", "content": "hi"}]


async def test_strangers_and_who_may_only_look_are_told_so() -> None:
    async with served(echo()) as (rig, _):
        async with client(rig, role="nobody") as stranger:
            with pytest.raises(openai.AuthenticationError):
                await stranger.models.list()
        async with client(rig, role="viewer") as viewer:
            assert [one.id async for one in await viewer.models.list()] == ["echo"]
            with pytest.raises(openai.PermissionDeniedError):
                await viewer.chat.completions.create(model="echo", messages=HI)
            with pytest.raises(openai.PermissionDeniedError):
                await viewer.responses.create(model="echo", input="hi")
        async with client(rig, tenant="stranger") as elsewhere:
            with pytest.raises(openai.InternalServerError) as found:
                await elsewhere.chat.completions.create(model="echo", messages=HI)
            assert found.value.status_code == 503


async def test_a_model_that_is_no_agent_is_not_found() -> None:
    async with served(echo()) as (_, ann):
        for ask in (
            ann.chat.completions.create(model="gpt", messages=HI),
            ann.responses.create(model="gpt", input="hi"),
            ann.models.retrieve("gpt"),
        ):
            with pytest.raises(openai.NotFoundError) as found:
                await ask
            assert (found.value.code, found.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"n": 2}, "n"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"store": False}, "store"),
        ({"stop": ["x"]}, "stop"),
        ({"extra_body": {"surprise": 1}}, "surprise"),
        ({"extra_body": {"stream": "yes"}}, "stream"),
        ({"extra_body": {"session": "a b"}}, "session"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, "messages"),
        ({"messages": [{"role": "tool", "content": "hi", "tool_call_id": "1"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc"}}]}]},
         "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}]},
         "messages[0].content[0]"),
    ],
)  # fmt: skip
async def test_what_would_mean_something_else_is_refused_in_a_chat(more: Any, param: str) -> None:
    async with served(echo()) as (rig, ann):
        body: Any = {"model": "echo", "messages": HI, **more}
        with pytest.raises(openai.BadRequestError) as found:
            await ann.chat.completions.create(**body)
        assert found.value.param == param
        assert (await rig.good("GET", "/v1/sessions"))["sessions"] == []


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"max_output_tokens": 5}, "max_output_tokens"),
        ({"text": {"format": {"type": "json_object"}}}, "text"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"store": False}, "store"),
        ({"input": []}, "input"),
        ({"input": [{"type": "function_call_output", "call_id": "1", "output": "x"}]}, "input[0]"),
        ({"input": [{"type": "mcp_approval_response", "approve": True}]}, "input[0]"),
    ],
)
async def test_what_would_mean_something_else_is_refused_in_a_response(more: Any, param: str) -> None:
    async with served(echo()) as (rig, ann):
        body: Any = {"model": "echo", "input": "hi", **more}
        with pytest.raises(openai.BadRequestError) as found:
            await ann.responses.create(**body)
        assert found.value.param == param
        assert (await rig.good("GET", "/v1/sessions"))["sessions"] == []


async def test_how_a_model_should_go_about_it_is_ignored() -> None:
    async with served(echo()) as (_, ann):
        done = await ann.chat.completions.create(
            model="echo", messages=HI, temperature=0.1, seed=1, n=1, tools=[], response_format={"type": "text"}
        )
        assert done.choices[0].message.content == "hi"
        more = await ann.responses.create(
            model="echo", input="hi", top_p=0.5, store=True, text={"verbosity": "low"}, truncation="auto"
        )
        assert more.output_text == "hi"


@pytest.mark.parametrize(
    ("name", "status"),
    [("resp_nothing.2", 404), ("resp_nothing.0", 404), ("nothing", 404), ("resp_nothing.2-x", 404)],
)
async def test_a_response_that_is_none_is_not_found(name: str, status: int) -> None:
    async with served(echo()) as (_, ann):
        with pytest.raises(openai.NotFoundError) as found:
            await ann.responses.retrieve(name)
        assert found.value.status_code == status
        begun = await ann.responses.create(model="echo", input="hi")
        session = told(begun)["session"]
        for place in (1, 3, 999):
            # Nothing of these was said to the agent.
            with pytest.raises(openai.NotFoundError):
                await ann.responses.retrieve(f"resp_{session}.{place}")


async def test_bodies_that_are_none_too_long_or_of_another_kind_are_refused_in_openais_words() -> None:
    async with served(echo(), bounds=Bounds(body=1000)) as (rig, ann):
        path = "/openai/v1/chat/completions"
        for body, media, status in (
            (b"{", "application/json", 400),
            (b"[1]", "application/json", 400),
            (b"{}", "application/json", 404),
            (b"{}", "text/plain", 415),
            (b'{"a":' + b"[" * 900, "application/json", 400),
            (b" " * 1001, "application/json", 413),
        ):
            answer = await rig.client.post(path, content=body, headers={**bearer(), "Content-Type": media})
            assert (answer.status_code, set(answer.json()["error"])) == (status, {"message", "type", "param", "code"})
        with pytest.raises(openai.APIStatusError) as found:
            await ann.chat.completions.create(model="echo", messages=[{"role": "user", "content": "x" * 2000}])
        assert found.value.status_code == 413
        with pytest.raises(openai.NotFoundError, match="there are models"):
            await ann.embeddings.create(model="echo", input="hi")
