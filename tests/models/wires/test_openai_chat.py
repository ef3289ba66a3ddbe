"""The wire of OpenAI's chat completions: what is sent is what servers take, what is read is what they said."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter
from tests.models.wires.chunks import STOP, WIRE, WISH, chunk, read, tool
from tests.models.wires.conversations import (
    BLOBS,
    CITIES,
    CITY,
    PIXEL,
    PLACE,
    RICH,
    WEATHER,
    conversations,
    eager,
    prefix,
    turns,
    written,
)

from remit.core.errors import (
    ConfigError,
    ModelRequestError,
)
from remit.core.messages import AssistantMessage, Call, Message, Outcome, Part, ToolMessage, UserMessage
from remit.core.ports import Request, ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.models.wires.legible import NO_OUTPUT, NOTHING_SAID
from remit.models.wires.openai_chat import OpenAIChat
from remit.models.wires.profiles import COMPATIBLE, OPENAI

OTHER = OpenAIChat("some", profile=COMPATIBLE)
SHOWN = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
THEIRS: TypeAdapter[CompletionCreateParamsStreaming] = TypeAdapter(CompletionCreateParamsStreaming)
WHOLE: TypeAdapter[CompletionCreateParamsNonStreaming] = TypeAdapter(CompletionCreateParamsNonStreaming)
HELLO = Request((UserMessage("hello"),))
TOOLS = (WEATHER, PLACE)


def accepted(body: JsonObject) -> None:
    """The official client's types know every field of a body."""
    assert eager(THEIRS.validate_python(body)) == body


def sent(wire: OpenAIChat, *messages: Message) -> list[JsonValue]:
    body = written(wire, Request(messages))["messages"]
    assert isinstance(body, list)
    return body


# -- what is sent ------------------------------------------------------------------------------------------------------


def test_a_request_holds_its_stable_parts_first() -> None:
    request = Request(RICH, instructions="Be brief.", tools=TOOLS, shape=CITY, max_output=99)
    body = written(WIRE, request)
    accepted(body)
    assert list(body)[:3] == ["model", "tools", "messages"]
    assert body["model"] == "gpt-5"
    assert body["max_completion_tokens"] == 99
    assert body["stream"] is True
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": SHOWN}},
                {"type": "text", "text": "What is it like here?"},
            ],
        },
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [
                {"id": "c1_0_0", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}},
                {"id": "c1_0_1", "type": "function", "function": {"name": "place", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1_0_0", "content": '{"degrees":31}'},
        {"role": "tool", "tool_call_id": "c1_0_1", "content": "the arguments are not a JSON object"},
        {
            "role": "user",
            "content": [
                {
                    "type": "file",
                    "file": {"filename": "paper.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQgLi4u"},
                },
                {"type": "text", "text": "And is it written here?"},
            ],
        },
        {"role": "assistant", "content": "It is hot."},
        {"role": "user", "content": NOTHING_SAID},
    ]


def test_a_tool_whose_schema_fits_is_strict_and_another_is_told_as_it_is() -> None:
    bare_tool = ToolSpec(name="now", description="What time is it?", schema={"type": "object"})
    body = written(WIRE, Request(HELLO.messages, tools=(WEATHER, PLACE, bare_tool)))
    accepted(body)
    tools = body["tools"]
    assert isinstance(tools, list)
    assert tools[0] == {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Weather in a city now.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "description": '{"minLength":1}'}},
                "required": ["city"],
                "additionalProperties": False,
            },
            "strict": True,
        },
    }
    assert tools[1] == {
        "type": "function",
        "function": {"name": "place", "description": "Find a place.", "parameters": PLACE.schema},
    }
    assert "'properties': {}" in str(tools[2])


def test_a_shape_is_a_strict_format_and_a_list_is_told_after_all_that_is_cached() -> None:
    body = written(WIRE, Request(HELLO.messages, shape=CITY))
    accepted(body)
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "answer",
            "schema": {
                "type": "object",
                "description": "What an answer may have to be.",
                "properties": {"name": {"type": "string"}, "people": {"type": "integer"}},
                "required": ["name", "people"],
                "additionalProperties": False,
            },
            "strict": True,
        },
    }
    told = Request(HELLO.messages, instructions="Be brief.", shape=CITIES)
    accepted(written(WIRE, told))
    assert prefix(WIRE, told) == prefix(WIRE, Request(HELLO.messages, instructions="Be brief."))


def test_options_override_what_would_be_written_and_none_takes_it_away() -> None:
    options: JsonObject = {
        "temperature": 0,
        "reasoning_effort": "low",
        "max_tokens": 5,
        "stream_options": {"include_obfuscation": False},
        "prompt_cache_key": None,
        "tool_choice": "required",
    }
    wire = OpenAIChat("gpt-5", options=options)
    body = written(wire, HELLO)
    accepted(body)
    assert body == {
        "model": "gpt-5",
        "messages": [{"role": "user", "content": "hello"}],
        "stream_options": {"include_usage": True, "include_obfuscation": False},
        "temperature": 0,
        "reasoning_effort": "low",
        "max_tokens": 5,
        "stream": True,
    }
    assert written(wire, Request(HELLO.messages, tools=TOOLS))["tool_choice"] == "required"
    bare_body = written(
        OpenAIChat("m", options={"max_completion_tokens": None}, profile=COMPATIBLE), HELLO, stream=False
    )
    assert bare_body == {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize("name", ["messages", "n", "stream"])
def test_what_the_wire_writes_itself_is_no_option(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        OpenAIChat("gpt-5", options={name: 2})


def test_a_key_is_a_bearers_and_none_is_no_header() -> None:
    assert WIRE.headers("sk-1")["authorization"] == "Bearer sk-1"
    assert "authorization" not in WIRE.headers("")
    assert (WIRE.name, WIRE.path) == ("openai-chat", "/chat/completions")


def test_agents_with_another_head_have_another_cache_key() -> None:
    def key(request: Request) -> JsonValue:
        return written(WIRE, request)["prompt_cache_key"]

    longer = Request((*HELLO.messages, AssistantMessage("hi"), UserMessage("and?")))
    assert key(HELLO) == key(longer)
    assert key(HELLO) != key(Request(HELLO.messages, instructions="Be brief."))


def test_outcomes_stand_before_what_was_said_and_are_never_empty() -> None:
    messages = sent(
        WIRE,
        UserMessage("go"),
        AssistantMessage("", (Call("weather", {}, "c" * 60), Call("no such tool!", {}, "c2"))),
        UserMessage("wait"),
        ToolMessage(Outcome("c" * 60, "ok", None), "weather"),
        ToolMessage(Outcome("c2", "ok", ""), "weather"),
    )
    wish, first, second, said = messages[1:]
    assert isinstance(wish, dict)
    assert wish["content"] is None
    calls = wish["tool_calls"]
    assert isinstance(calls, list)
    assert isinstance(calls[0], dict)
    assert isinstance(calls[1], dict)
    assert len(str(calls[0]["id"])) <= 40
    assert calls[1]["function"] == {"name": "no_such_tool_", "arguments": "{}"}
    assert first == {"role": "tool", "tool_call_id": calls[0]["id"], "content": NO_OUTPUT}
    assert second == {"role": "tool", "tool_call_id": "c2", "content": NO_OUTPUT}
    assert said == {"role": "user", "content": "wait"}


def test_an_answer_without_words_or_calls_is_still_legal() -> None:
    assert sent(WIRE, UserMessage("a"), AssistantMessage(" \n"))[1] == {"role": "assistant", "content": NOTHING_SAID}


def test_parts_are_sent_as_the_server_takes_them() -> None:
    blobs = {**BLOBS, "song": b"RIFF", "nothing": b""}
    message = UserMessage(
        " ",
        (
            Part("image/JPEG", url="https://example.org/a.jpg"),
            Part("audio/mpeg", "song"),
            Part("audio/x-wav", "song"),
            Part("text/plain; charset=utf-8", "note", name="note.txt"),
            Part("application/json", "note"),
            Part("text/csv", "nothing"),
            Part("application/pdf", "paper"),
        ),
    )
    assert json.loads(WIRE.turn([message], blobs))["content"] == [
        {"type": "image_url", "image_url": {"url": "https://example.org/a.jpg"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "mp3"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "text", "text": "note.txt:\ngrüße"},
        {"type": "text", "text": "grüße"},
        {"type": "text", "text": NOTHING_SAID},
        {"type": "file", "file": {"filename": "file.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQgLi4u"}},
    ]


@pytest.mark.parametrize(
    "part",
    [
        Part("video/mp4", "pixel"),
        Part("image/svg+xml", "pixel"),
        Part("audio/ogg", "pixel"),
        Part("application/zip", "pixel"),
        Part("application/pdf", url="https://example.org/a.pdf"),
        Part("audio/wav", url="https://example.org/a.wav"),
        Part("image/png"),
    ],
)
def test_a_part_that_cannot_be_taken_is_refused_by_its_media_type(part: Part) -> None:
    with pytest.raises(ModelRequestError, match=part.media.partition("+")[0]):
        WIRE.turn([UserMessage("see", (part,))], BLOBS)


def _readable(messages: list[Message]) -> list[Message]:
    """Leave out the parts that chat completions take as bytes only."""
    return [
        UserMessage(message.text, tuple(part for part in message.parts if part.media != "application/pdf" or part.blob))
        if isinstance(message, UserMessage)
        else message
        for message in messages
    ]


_OURS: JsonObject = {"wire": "openai-chat", "model": "some", "field": "reasoning_content", "text": "hm"}
REASONED: st.SearchStrategy[JsonValue] = st.sampled_from([None, _OURS])


@settings(deadline=None)
@given(conversations(REASONED).map(_readable), st.booleans())
def test_any_conversation_is_one_that_the_official_client_could_send(messages: list[Message], stream: bool) -> None:  # noqa: FBT001
    request = Request(messages, instructions="Be brief.", tools=TOOLS, shape=CITY)
    body = written(WIRE, request, stream=stream)
    assert eager((THEIRS if stream else WHOLE).validate_python(body)) == body
    answered = [str(item["tool_call_id"]) for item in body_messages(body) if item["role"] == "tool"]
    wished = [call.id for message in messages if isinstance(message, AssistantMessage) for call in message.calls]
    assert answered == wished


def body_messages(body: JsonObject) -> list[JsonObject]:
    messages = body["messages"]
    assert isinstance(messages, list)
    return [message for message in messages if isinstance(message, dict)]


@settings(deadline=None)
@given(conversations(REASONED).map(_readable))
def test_a_growing_conversation_never_changes_the_bytes_of_its_older_turns(messages: list[Message]) -> None:
    cut = turns(messages)
    whole = prefix(OTHER, Request(messages, instructions="Be brief.", tools=TOOLS))
    for number in range(len(cut)):
        older = [message for turn in cut[: number + 1] for message in turn]
        assert whole.startswith(prefix(OTHER, Request(older, instructions="Be brief.", tools=TOOLS)))


# -- reasoning ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_goes_back_with_the_calls_it_led_to_in_the_field_it_came_in(name: str) -> None:
    wish = tool(0, "weather", '{"city":"Rome"}', "a")
    reply = read(chunk({name: "let me "}), chunk({name: "see", "content": ""}), wish, WISH, wire=OTHER)
    assert reply.text == ""
    assert reply.reasoning == {"wire": "openai-chat", "model": "some", "field": name, "text": "let me see"}
    calls = (Call("weather", {"city": "Rome"}, "c1"),)
    back = sent(OTHER, UserMessage("a"), AssistantMessage("", calls, reply.reasoning))[1]
    assert isinstance(back, dict)
    assert back[name] == "let me see"
    assert "let me see" not in str(sent(OTHER, UserMessage("a"), AssistantMessage("b", (), reply.reasoning)))


def test_reasoning_goes_back_to_nobody_else() -> None:
    calls = (Call("weather", {}, "c1"),)
    ours: JsonObject = {"wire": "openai-chat", "model": "some", "field": "reasoning_content", "text": "secret thought"}
    strangers: list[JsonValue] = [
        {**ours, "wire": "anthropic"},
        {**ours, "model": "another"},
        {**ours, "field": None},
        {**ours, "text": 1},
        "secret thought",
        None,
    ]
    for reasoning in strangers:
        assert "secret" not in str(sent(OTHER, UserMessage("a"), AssistantMessage("", calls, reasoning)))
    assert "secret" not in str(sent(OpenAIChat("some", profile=OPENAI), AssistantMessage("", calls, ours)))


def test_a_thought_said_under_two_names_is_kept_once() -> None:
    reply = read(chunk({"reasoning_content": "hm", "reasoning": "hm"}), STOP)
    assert reply.reasoning == {"wire": "openai-chat", "model": "gpt-5", "field": "reasoning_content", "text": "hm"}


def test_what_came_with_a_call_goes_back_with_it() -> None:
    signed: JsonObject = {"google": {"thought_signature": "abc"}}
    first = chunk({"tool_calls": [{"index": 0, "function": {"name": "weather"}, "extra_content": signed}]})
    reply = read(first, tool(1, "place", "{}"), WISH)
    assert reply.reasoning == {"wire": "openai-chat", "model": "gpt-5", "extra": [signed, None]}
    calls = tuple(Call(call.tool, call.args, f"c{number}") for number, call in enumerate(reply.calls))
    back = sent(WIRE, UserMessage("a"), AssistantMessage("", calls, reply.reasoning))[1]
    assert isinstance(back, dict)
    wishes = back["tool_calls"]
    assert isinstance(wishes, list)
    assert ["extra_content" in str(wish) for wish in wishes] == [True, False]
    fewer = sent(WIRE, UserMessage("a"), AssistantMessage("", calls[:1], reply.reasoning))[1]
    assert "extra_content" not in str(fewer)
