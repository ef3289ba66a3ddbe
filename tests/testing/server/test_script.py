"""The script: the official SDKs hear on every wire what it says, and what is wrong with it where it says so."""

import itertools

import anthropic
import openai
import pytest
from tests.testing.server.sdk_values import WIRES, Wire, anthropic_client, offers, openai_client, sdk_reply

from remit.core.messages import Call, Stop, Usage
from remit.core.ports import Reply
from remit.testing import calls, says, use
from remit.testing.server import (
    PLAIN,
    DuplicatedCallIds,
    EmptyAnswer,
    EnormousAnswer,
    Faulty,
    ModelServer,
    Received,
    Refused,
    UnknownTool,
    WrongArguments,
)

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
EVERY = pytest.mark.parametrize("wire", WIRES)
FULL = Reply(
    "Two  words,\na line — and ünïcode 日本 🎉.",
    (use("look", city="Tokyo", deep={"a": [1, None, 2.5]}), use("look", city='Os"lo'), use("now")),
    Usage(1000, 200, 600, 100, 50),
    reasoning="First this,\n then  that.",
)


@BOTH
@EVERY
async def test_an_sdk_hears_text_calls_thoughts_and_usage_as_scripted(*, wire: Wire, stream: bool) -> None:
    async with ModelServer([FULL, calls(use("now")), says("")], usage=Usage(7, 3)) as server:
        assert await sdk_reply(wire, server.url, stream=stream) == FULL
        assert await sdk_reply(wire, server.url, stream=stream) == Reply("", (Call("now", {}),), Usage(7, 3))
        assert await sdk_reply(wire, server.url, stream=stream) == Reply("", usage=Usage(7, 3))
    assert [request.ending for request in server.requests] == ["answered"] * 3
    assert server.asked == 3


@BOTH
async def test_a_chat_counts_audio_tokens(*, stream: bool) -> None:
    heard = Reply("hm", usage=Usage(100, 50, audio_input=30, audio_output=20))
    async with ModelServer([heard]) as server:
        assert await sdk_reply("openai-chat", server.url, stream=stream) == heard


@BOTH
@EVERY
@pytest.mark.parametrize("stop", ["length", "filter"])
async def test_an_answer_that_stopped_early_says_why(*, wire: Wire, stream: bool, stop: Stop) -> None:
    async with ModelServer([Reply("half of", stop=stop)]) as server:
        assert await sdk_reply(wire, server.url, stream=stream) == Reply("half of", stop=stop)


@BOTH
@EVERY
async def test_a_refusal_is_heard_as_the_text_of_a_filtered_answer(*, wire: Wire, stream: bool) -> None:
    async with ModelServer([Faulty(says("I will not."), Refused())]) as server:
        assert await sdk_reply(wire, server.url, stream=stream) == Reply("I will not.", stop="filter")


@BOTH
@EVERY
async def test_raw_arguments_arrive_as_they_are(*, wire: Wire, stream: bool) -> None:
    broken = Call("look", {}, malformed='{"city": "To')
    async with ModelServer([Reply("", (broken,)), Faulty(calls(use("a"), use("b")), WrongArguments("[1]"))]) as server:
        assert (await sdk_reply(wire, server.url, stream=stream)).calls == (broken,)
        heard = await sdk_reply(wire, server.url, stream=stream)
        assert heard.calls == (Call("a", {}, malformed="[1]"), Call("b", {}, malformed="[1]"))


@BOTH
@EVERY
async def test_wrong_arguments_have_the_names_and_other_types(*, wire: Wire, stream: bool) -> None:
    wrong = [Faulty(calls(use("look", city="Tokyo", at=[1])), WrongArguments()), WrongArguments()]
    async with ModelServer(wrong) as server:
        heard = await sdk_reply(wire, server.url, stream=stream)
        assert heard.calls == (use("look", city=[1, {"not": "this"}], at="not this"),)
        heard = await sdk_reply(wire, server.url, offers(wire, "find"), stream=stream)
        assert heard.calls == (use("find", query=[1, {"not": "this"}]),)


@BOTH
@EVERY
async def test_an_unknown_tool_is_called_in_place_of_others_or_beside_the_text(*, wire: Wire, stream: bool) -> None:
    async with ModelServer([Faulty(calls(use("look", at=1)), UnknownTool()), UnknownTool("other")]) as server:
        assert (await sdk_reply(wire, server.url, stream=stream)).calls == (use("no_such_tool", at=1),)
        heard = await sdk_reply(wire, server.url, stream=stream)
        assert (heard.text, heard.calls[0].tool) == (PLAIN.text, "other")


@BOTH
@EVERY
async def test_an_empty_answer_is_complete(*, wire: Wire, stream: bool) -> None:
    async with ModelServer([EmptyAnswer()]) as server:
        assert await sdk_reply(wire, server.url, stream=stream) == Reply("", usage=PLAIN.usage)


@BOTH
@EVERY
async def test_an_enormous_answer_has_the_size_that_was_asked_for(*, wire: Wire, stream: bool) -> None:
    async with ModelServer([EnormousAnswer(3_000_000, grain=100_000)]) as server:
        assert len((await sdk_reply(wire, server.url, stream=stream)).text) == 3_000_000


async def test_duplicated_ids_are_the_same_on_every_wire() -> None:
    async with (
        ModelServer(itertools.repeat(DuplicatedCallIds())) as server,
        openai_client(server.url) as client,
        anthropic_client(server.url) as other,
    ):
        chat = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        assert len(ids := [call.id for call in chat.choices[0].message.tool_calls or []]) == 2
        assert len(set(ids)) == 1
        response = await client.responses.create(model="m", input="hi")
        assert len({item.call_id for item in response.output if item.type == "function_call"}) == 1
        message = await other.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
        assert len({block.id for block in message.content if block.type == "tool_use"}) == 1


async def test_calls_keep_the_ids_of_the_script_and_else_have_their_own() -> None:
    scripted = calls(Call("a", {}, "mine"), use("b"), use("c"))
    async with (
        ModelServer([scripted]) as server,
        openai_client(server.url) as client,
    ):
        chat = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    ids = [call.id for call in chat.choices[0].message.tool_calls or []]
    assert ids[0] == "mine"
    assert len(set(ids)) == 3


async def test_a_function_answers_from_the_request() -> None:
    def answer(received: Received) -> Reply:
        return says(f"{received.json['model']} at {received.path}")

    async with ModelServer(answer) as server:
        assert (await sdk_reply("openai-responses", server.url, stream=True)).text == "test-model at /v1/responses"
        assert (await sdk_reply("anthropic", server.url, stream=False)).text == "test-model at /v1/messages"
    async with ModelServer([answer, says("then")]) as server:
        assert (await sdk_reply("openai-chat", server.url, stream=True)).text.startswith("test-model")
        assert (await sdk_reply("openai-chat", server.url, stream=True)).text == "then"


async def test_a_script_that_is_over_refuses_for_good_and_says_so() -> None:
    async with ModelServer([says("one")]) as server:
        await sdk_reply("openai-chat", server.url, stream=True)
        with pytest.raises(openai.BadRequestError, match="ended after 1 answers"):
            await sdk_reply("openai-chat", server.url, stream=True)


async def test_what_a_function_raises_is_a_500_for_the_client_and_raised_on_leaving() -> None:
    def broken(received: Received) -> Reply:
        raise LookupError(received.path)

    server = await ModelServer(broken).__aenter__()
    with pytest.raises(anthropic.InternalServerError):
        await sdk_reply("anthropic", server.url, stream=True)
    with pytest.raises(LookupError, match="/v1/messages"):
        await server.__aexit__(None, None, None)


async def test_redacted_and_attached_thoughts_are_given_where_a_wire_has_them() -> None:
    scripted = Reply("", (use("a"),), reasoning={"text": "so", "redacted": "blob", "extra_content": [{"google": 1}]})
    async with (
        ModelServer(itertools.repeat(scripted)) as server,
        openai_client(server.url) as client,
        anthropic_client(server.url) as other,
    ):
        message = await other.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
        assert [block.type for block in message.content] == ["thinking", "redacted_thinking", "tool_use"]
        chat = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        called = (chat.choices[0].message.tool_calls or [])[0]
        assert called.model_extra == {"extra_content": {"google": 1}}
        plain = await client.responses.create(model="m", input="hi")
        kept = await client.responses.create(model="m", input="hi", include=["reasoning.encrypted_content"])
    hidden = [[item.encrypted_content for item in r.output if item.type == "reasoning"] for r in (plain, kept)]
    assert hidden[0] == [None, None]
    assert all(hidden[1])


async def test_the_same_script_gives_the_same_bytes() -> None:
    bodies: list[bytes] = []
    for _ in range(2):
        async with (
            ModelServer([FULL]) as server,
            openai_client(server.url) as client,
        ):
            raw = await client.responses.with_raw_response.create(model="m", input="hi")
            bodies.append(raw.content)
    assert bodies[0] == bodies[1]
