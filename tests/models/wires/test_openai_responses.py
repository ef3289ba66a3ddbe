"""The wire of OpenAI's responses: what is sent is what the provider takes, and its items come back."""

import json
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter
from tests.models.wires.conversations import (
    BLOBS,
    CITIES,
    CITY,
    PLACE,
    RICH,
    WEATHER,
    conversations,
    eager,
    fed,
    prefix,
    written,
)
from tests.models.wires.responses_streams import FULL, ITEMS, call, done, text, thinking, words

from remit.core.errors import (
    ConfigError,
    ModelRequestError,
)
from remit.core.messages import AssistantMessage, Call, Message, Outcome, Part, ToolMessage, UserMessage
from remit.core.ports import Request, ToolSpec
from remit.core.shape import Shape
from remit.core.values import JsonObject, JsonValue
from remit.models.wires.legible import NO_OUTPUT, NOTHING_SAID
from remit.models.wires.openai_responses import OpenAIResponses

WIRE = OpenAIResponses("gpt-5")
THEIRS: TypeAdapter[ResponseCreateParamsStreaming] = TypeAdapter(ResponseCreateParamsStreaming)
WHOLE: TypeAdapter[ResponseCreateParamsNonStreaming] = TypeAdapter(ResponseCreateParamsNonStreaming)
HELLO = Request((UserMessage("hello"),))


def accepted(body: JsonObject) -> None:
    """The official client's types know every field of a body."""
    assert eager(THEIRS.validate_python(body)) == body


REASONING: JsonValue = fed(WIRE, *FULL).reasoning


def _again(said: str, calls: tuple[Call, ...], reasoning: JsonValue) -> AssistantMessage:
    named = tuple(Call(call.tool, call.args, f"c1_0_{number}") for number, call in enumerate(calls))
    return AssistantMessage(said, named, reasoning)


def _outcomes(count: int) -> list[Message]:
    return [ToolMessage(Outcome(f"c1_0_{number}", "ok", "warm"), "weather") for number in range(count)]


def _items(body: JsonObject) -> list[JsonObject]:
    return cast("list[JsonObject]", body["input"])


def test_a_rich_conversation_is_written_as_the_provider_wants_it() -> None:
    body = written(WIRE, Request(RICH, "Be kind.", (WEATHER, PLACE), CITY, 1000))
    accepted(body)
    assert list(body)[:4] == ["model", "instructions", "tools", "input"]
    assert [item.get("type", item.get("role")) for item in _items(body)] == [
        "user",
        "assistant",
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
        "user",
        "assistant",
        "user",
    ]
    assert _items(body)[4] == {"type": "function_call_output", "call_id": "c1_0_0", "output": '{"degrees":31}'}
    assert _items(body)[6]["content"] == [
        {
            "type": "input_file",
            "filename": "paper.pdf",
            "file_data": "data:application/pdf;base64,JVBERi0xLjQgLi4u",
        },
        {"type": "input_text", "text": "And is it written here?"},
    ]
    assert _items(body)[8] == {"role": "user", "content": NOTHING_SAID}
    assert (body["max_output_tokens"], body["store"], body["stream"]) == (1000, False, True)
    assert cast("JsonObject", body["text"])["format"] == {
        "type": "json_schema",
        "name": "answer",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "people": {"type": "integer"}},
            "required": ["name", "people"],
            "additionalProperties": False,
            "description": "What an answer may have to be.",
        },
        "strict": True,
    }
    whole = written(WIRE, Request(RICH), stream=False)
    assert eager(WHOLE.validate_python(whole)) == whole
    assert "stream" not in whole


@settings(max_examples=60)
@given(
    conversations(st.sampled_from([None, REASONING, {"wire": "anthropic"}, {"wire": "openai-responses"}, 7])),
    st.sampled_from(["", " ", "Be kind.", "\ud800"]),
    st.sampled_from([(), (WEATHER,), (WEATHER, PLACE)]),
    st.sampled_from([None, CITY, CITIES]),
)
def test_every_conversation_is_written_as_the_official_types_say(
    messages: list[Message], instructions: str, tools: tuple[ToolSpec, ...], shape: Shape | None
) -> None:
    body = written(WIRE, Request(messages, instructions, tools, shape))
    accepted(body)
    calls = [item["call_id"] for item in _items(body) if item.get("type") == "function_call"]
    outcomes = [item["call_id"] for item in _items(body) if item.get("type") == "function_call_output"]
    assert calls == outcomes
    assert all(item["content"] for item in _items(body) if "role" in item)


@settings(max_examples=60)
@given(conversations(st.sampled_from([None, REASONING])), st.booleans())
def test_the_prefix_is_the_same_from_call_to_call(messages: list[Message], shaped: bool) -> None:  # noqa: FBT001 - hypothesis passes it
    before = b""
    for place, spoken in enumerate(messages):
        if isinstance(spoken, AssistantMessage):
            now = prefix(WIRE, Request(messages[:place], "Be kind.", (WEATHER,), CITIES if shaped else None))
            assert now.startswith(before)
            before = now


def test_headers_hold_the_key() -> None:
    assert WIRE.headers("k") == {"content-type": "application/json", "authorization": "Bearer k"}
    assert "authorization" not in WIRE.headers("")
    assert (WIRE.name, WIRE.path) == ("openai-responses", "/responses")


def test_the_cache_key_is_of_what_all_sessions_of_an_agent_share() -> None:
    first, second = (
        written(WIRE, Request(messages, "Be kind.", (WEATHER,)))["prompt_cache_key"] for messages in (RICH, RICH[:1])
    )
    assert first == second != written(WIRE, Request(RICH, "Be rude.", (WEATHER,)))["prompt_cache_key"]


@pytest.mark.parametrize(
    ("model", "options", "included"),
    [
        ("gpt-5", {}, True),
        ("gpt-5.2-pro", {}, True),
        ("gpt-6-astra", {}, True),
        ("o3-mini", {}, True),
        ("gpt-5-chat-latest", {}, False),
        ("gpt-4.1", {}, False),
        ("gpt-4o", {"reasoning": {"effort": "low"}}, True),
        ("omni-moderation", {}, False),
        ("gpt-5", {"include": None}, False),
    ],
)
def test_reasoning_is_asked_for_only_of_models_that_reason(model: str, options: JsonObject, included: bool) -> None:  # noqa: FBT001 - a case of the table
    assert ("include" in written(OpenAIResponses(model, options=options), HELLO)) is included


def test_options_override_and_none_takes_away() -> None:
    options: JsonObject = {"temperature": 0.5, "prompt_cache_key": None, "text": {"verbosity": "low"}, "model": "mine"}
    body = written(OpenAIResponses("gpt-5", options=options), Request(HELLO.messages, shape=CITY))
    accepted(body)
    assert (body["temperature"], body["model"]) == (0.5, "mine")
    assert "prompt_cache_key" not in body
    assert cast("JsonObject", body["text"]).keys() == {"verbosity", "format"}


@pytest.mark.parametrize("name", ["input", "stream"])
def test_what_the_wire_writes_cannot_be_an_option(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        OpenAIResponses("gpt-5", options={name: True})


def test_tools_are_chosen_only_when_there_are_some() -> None:
    wire = OpenAIResponses("gpt-5", options={"tool_choice": "required", "parallel_tool_calls": False})
    assert not {"tool_choice", "parallel_tool_calls"} & written(wire, Request(RICH)).keys()
    assert {"tool_choice", "parallel_tool_calls"} <= written(wire, Request(RICH, tools=(WEATHER,))).keys()


def test_only_tools_whose_schema_can_be_held_are_strict() -> None:
    weather, place = cast("list[JsonObject]", written(WIRE, Request(RICH, tools=(WEATHER, PLACE)))["tools"])
    assert (weather["strict"], place["strict"]) == (True, False)
    assert place["parameters"] == PLACE.schema


def test_a_shape_that_is_no_object_is_told_at_the_very_end() -> None:
    body = written(WIRE, Request(RICH, shape=CITIES))
    accepted(body)
    assert _items(body)[-1]["role"] == "developer"
    assert "JSON Schema" in str(_items(body)[-1]["content"])
    assert "text" not in body


def test_results_without_output_say_so() -> None:
    for output in (None, "", "\n"):
        assert json.loads(WIRE.turn([ToolMessage(Outcome("c1", "ok", output), "x")], {}))["output"] == NO_OUTPUT


def test_long_ids_are_shortened_alike_on_both_sides() -> None:
    name = "c" * 41
    wished = json.loads(WIRE.turn([AssistantMessage("", (Call("x", {}, name),))], {}))
    result = json.loads(WIRE.turn([ToolMessage(Outcome(name), "x")], {}))
    assert wished["call_id"] == result["call_id"] != name
    assert len(wished["call_id"]) <= 40


def test_images_and_files_go_as_data_or_by_their_url() -> None:
    parts = (
        Part("image/png", url="https://example.org/a.png"),
        Part("application/pdf", url="https://example.org/a.pdf"),
        Part("text/plain", "note"),
        Part("image/png", "pixel"),
    )
    content = json.loads(WIRE.turn([UserMessage("", parts)], BLOBS))["content"]
    assert content[0] == {"type": "input_image", "detail": "auto", "image_url": "https://example.org/a.png"}
    assert content[1] == {"type": "input_file", "file_url": "https://example.org/a.pdf"}
    assert (content[2]["filename"], content[2]["file_data"][:23]) == ("file.txt", "data:text/plain;base64,")
    assert content[3]["image_url"].startswith("data:image/png;base64,iVBOR")


def test_parts_that_cannot_be_taken_are_refused_by_name() -> None:
    with pytest.raises(ModelRequestError, match="audio/wav"):
        WIRE.turn([UserMessage("", (Part("audio/wav", "pixel"),))], BLOBS)


def test_words_that_are_empty_are_left_out_unless_nothing_else_was_said() -> None:
    empty, spoken = UserMessage("\t"), UserMessage("hi")
    assert json.loads(WIRE.turn([empty, spoken], {})) == {"role": "user", "content": "hi"}
    assert json.loads(WIRE.turn([empty, empty], {})) == {"role": "user", "content": NOTHING_SAID}


def test_items_go_back_in_their_order() -> None:
    reply = fed(WIRE, *FULL)
    body = written(WIRE, Request((UserMessage("?"), _again(reply.text, reply.calls, reply.reasoning), *_outcomes(2))))
    accepted(body)
    assert _items(body)[1:5] == [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "aGlkZGVuIGZvciBnb29k"},
        {"role": "assistant", "content": "It is h\u00f6t \U0001f600."},
        {"type": "function_call", "call_id": "c1_0_0", "name": "weather", "arguments": '{"city":"Rome"}'},
        {"type": "function_call", "call_id": "c1_0_1", "name": "weather", "arguments": '{"city":"Oslo"}'},
    ]


def test_phases_and_reasoning_between_the_words_go_back_to_where_they_were() -> None:
    order = [
        text(words("Looking."), phase="commentary"),
        call("weather", "{}"),
        thinking(content=[{"type": "reasoning_text", "text": "hm"}], encrypted_content=None),
        text(words("There."), phase="final_answer"),
    ]
    reply = fed(WIRE, done(*order))
    again = _again(reply.text, reply.calls, reply.reasoning)
    body = written(WIRE, Request((UserMessage("?"), again, *_outcomes(1))))
    accepted(body)
    assert _items(body)[1:5] == [
        {"role": "assistant", "content": "Looking.", "phase": "commentary"},
        {"type": "function_call", "call_id": "c1_0_0", "name": "weather", "arguments": "{}"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"role": "assistant", "content": "There.", "phase": "final_answer"},
    ]


def test_reasoning_of_another_model_or_that_is_a_bare_id_is_not_sent() -> None:
    reply = fed(WIRE, *FULL)
    again = _again(reply.text, reply.calls, reply.reasoning)
    items = _items(written(OpenAIResponses("gpt-5-mini"), Request((UserMessage("?"), again, *_outcomes(2)))))
    assert "reasoning" not in [item.get("type") for item in items]
    assert fed(WIRE, done(thinking(encrypted_content=None), ITEMS[1])).reasoning is None


def test_reasoning_that_nothing_follows_is_not_sent() -> None:
    again = AssistantMessage("", (), fed(WIRE, *FULL).reasoning)
    assert json.loads(b"[" + WIRE.turn([again], {}) + b"]") == [{"role": "assistant", "content": NOTHING_SAID}]
