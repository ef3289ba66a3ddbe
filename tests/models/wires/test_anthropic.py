"""The wire of Anthropic's messages: what is sent is what the provider takes, and what it wants back it gets back."""

import itertools
import json
from typing import cast

import pytest
from anthropic.types.beta.message_create_params import MessageCreateParamsStreaming as BetaParams
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.models.wires.anthropic_streams import FULL, NEW, START, STOP, ended, said, thought, used
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

from remit.core.errors import (
    ConfigError,
    ModelRequestError,
)
from remit.core.messages import AssistantMessage, Call, Message, Outcome, Part, ToolMessage, UserMessage
from remit.core.ports import Request, ToolSpec
from remit.core.shape import Shape
from remit.core.values import JsonObject, JsonValue
from remit.models.wires.anthropic import AnthropicMessages
from remit.models.wires.legible import NO_OUTPUT, NOTHING_SAID

BOUND = "claude-opus-5-5"
WIRE = AnthropicMessages(NEW)
THEIRS: TypeAdapter[MessageCreateParamsStreaming] = TypeAdapter(MessageCreateParamsStreaming)
BETA: TypeAdapter[BetaParams] = TypeAdapter(BetaParams)
HELLO = Request((UserMessage("hello"),))


def accepted(body: JsonObject) -> None:
    """The official client's types know every field of a body."""
    assert eager(THEIRS.validate_python(body)) == body


REASONING: JsonValue = fed(WIRE, *FULL).reasoning


def _again(text: str, calls: tuple[Call, ...], reasoning: JsonValue) -> AssistantMessage:
    named = tuple(Call(call.tool, call.args, f"c1_0_{number}") for number, call in enumerate(calls))
    return AssistantMessage(text, named, reasoning)


def _outcomes(count: int) -> list[Message]:
    return [ToolMessage(Outcome(f"c1_0_{number}", "ok", "warm"), "weather") for number in range(count)]


def _content(body: JsonObject, place: int) -> list[JsonObject]:
    messages = cast("list[dict[str, list[JsonObject]]]", body["messages"])
    return messages[place]["content"]


def test_a_rich_conversation_is_written_as_the_provider_wants_it() -> None:
    body = written(WIRE, Request(RICH, "Be kind.", (WEATHER, PLACE), CITY, 1000))
    accepted(body)
    assert list(body)[:4] == ["model", "system", "tools", "messages"]
    assert [item["type"] for item in _content(body, 0)] == ["image", "text"]
    assert _content(body, 1)[2] == {"type": "tool_use", "id": "c1_0_1", "name": "place", "input": {}}
    assert _content(body, 2) == [
        {"type": "tool_result", "tool_use_id": "c1_0_0", "content": '{"degrees":31}'},
        {
            "type": "tool_result",
            "tool_use_id": "c1_0_1",
            "content": "the arguments are not a JSON object",
            "is_error": True,
        },
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQgLi4u"},
            "title": "paper.pdf",
        },
        {"type": "text", "text": "And is it written here?"},
    ]
    assert _content(body, 4) == [{"type": "text", "text": NOTHING_SAID}]
    assert (body["max_tokens"], body["stream"]) == (1000, True)


def test_the_cache_is_marked_after_the_instructions_the_tools_and_the_whole() -> None:
    body = written(WIRE, Request(RICH, "Be kind.", (WEATHER, PLACE)))
    marker = {"type": "ephemeral"}
    tools, system = cast("list[JsonObject]", body["tools"]), cast("list[JsonObject]", body["system"])
    assert ["cache_control" in tool for tool in tools] == [False, True]
    assert tools[1]["cache_control"] == system[0]["cache_control"] == body["cache_control"] == marker
    assert b"cache_control" not in b"".join(WIRE.turn([message], BLOBS) for message in RICH)


@settings(max_examples=60)
@given(
    conversations(st.sampled_from([None, REASONING, {"wire": "openai-responses"}, {"wire": "anthropic"}, "odd"])),
    st.sampled_from(["", " ", "Be kind.", "\ud800"]),
    st.sampled_from([(), (WEATHER,), (WEATHER, PLACE)]),
    st.sampled_from([None, CITY, CITIES]),
)
def test_every_conversation_is_written_as_the_official_types_say(
    messages: list[Message], instructions: str, tools: tuple[ToolSpec, ...], shape: Shape | None
) -> None:
    body = written(WIRE, Request(messages, instructions, tools, shape))
    accepted(body)
    written_messages = cast("list[dict[str, list[JsonObject]]]", body["messages"])
    assert written_messages[0]["role"] == "user"
    for said_by, after in itertools.pairwise(written_messages):
        wished = [item["id"] for item in said_by["content"] if item["type"] == "tool_use"]
        answered = [item["tool_use_id"] for item in after["content"] if item["type"] == "tool_result"]
        assert wished == answered
    for content in (item["content"] for item in written_messages):
        assert content
        assert all(str(block.get("text", "x")).strip() for block in content)
        kinds = [block["type"] == "tool_result" for block in content]
        assert kinds == sorted(kinds, reverse=True)


@settings(max_examples=60)
@given(conversations(st.sampled_from([None, REASONING])), st.booleans())
def test_the_prefix_is_the_same_from_call_to_call(messages: list[Message], shaped: bool) -> None:  # noqa: FBT001 - hypothesis passes it
    before = b""
    for place, spoken in enumerate(messages):
        if isinstance(spoken, AssistantMessage):
            asked = Request(messages[:place], "Be kind.", (WEATHER,), CITIES if shaped else None)
            now = prefix(WIRE, asked)
            assert now.startswith(before)
            before = now


def test_headers_hold_the_key_and_the_version() -> None:
    assert WIRE.headers("k") == {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": "k",
    }
    assert "x-api-key" not in WIRE.headers("")
    assert (WIRE.name, WIRE.path) == ("anthropic", "/messages")


def test_betas_are_a_header() -> None:
    wire = AnthropicMessages(BOUND, options={"betas": ["fast-mode-2026-02-01"]})
    assert wire.headers("k")["anthropic-beta"] == "fast-mode-2026-02-01,thinking-binding-controls-2026-08-01"
    assert "betas" not in written(wire, HELLO)
    assert "anthropic-beta" not in AnthropicMessages(NEW, options={"betas": "odd"}).headers("k")


def test_a_model_that_binds_its_thoughts_is_told_to_drop_those_that_no_longer_fit() -> None:
    body = written(AnthropicMessages(BOUND), HELLO)
    assert eager(BETA.validate_python(body)) == body
    assert body["thinking"] == {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
    shown = written(AnthropicMessages(BOUND, options={"thinking": {"type": "adaptive", "display": "omitted"}}), HELLO)
    assert cast("JsonObject", shown["thinking"]).keys() == {"type", "block_binding", "display"}
    off = AnthropicMessages(BOUND, options={"thinking": {"type": "between_tools"}})
    assert written(off, HELLO)["thinking"] == {"type": "between_tools"}
    assert "anthropic-beta" not in off.headers("k")
    none = AnthropicMessages(BOUND, options={"thinking": None})
    assert "thinking" not in written(none, HELLO)
    assert "anthropic-beta" not in none.headers("k")


@pytest.mark.parametrize(("most", "budget"), [(10_000, 5000), (5001, 5000), (5000, 2500), (1500, 1024)])
def test_thinking_leaves_room_for_an_answer(most: int, budget: int) -> None:
    wire = AnthropicMessages(NEW, options={"thinking": {"type": "enabled", "budget_tokens": 5000}})
    body = written(wire, Request(HELLO.messages, max_output=most))
    accepted(body)
    assert body["max_tokens"] == most
    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}


def test_thinking_without_any_room_is_refused_before_the_call() -> None:
    wire = AnthropicMessages(NEW, options={"thinking": {"type": "enabled", "budget_tokens": 5000}})
    with pytest.raises(ModelRequestError, match="max_output"):
        wire.tail(Request(HELLO.messages, max_output=1024), stream=True)


def test_options_override_and_none_takes_away() -> None:
    options: JsonObject = {
        "service_tier": "auto",
        "max_tokens": 7,
        "cache_control": None,
        "output_config": {"effort": "low"},
        "system": "Mine.",
    }
    body = written(AnthropicMessages(NEW, options=options), Request(HELLO.messages, "Be kind.", shape=CITY))
    accepted(body)
    assert (body["service_tier"], body["max_tokens"], body["system"]) == ("auto", 7, "Mine.")
    assert "cache_control" not in body
    assert cast("JsonObject", body["output_config"]).keys() == {"effort", "format"}


@pytest.mark.parametrize("name", ["messages", "stream"])
def test_what_the_wire_writes_cannot_be_an_option(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        AnthropicMessages(NEW, options={name: True})


def test_tools_are_chosen_only_when_there_are_some() -> None:
    wire = AnthropicMessages(NEW, options={"tool_choice": {"type": "any"}})
    assert "tool_choice" not in written(wire, Request(RICH))
    assert "tool_choice" in written(wire, Request(RICH, tools=(WEATHER,)))
    own = AnthropicMessages(NEW, options={"tool_choice": {"type": "auto"}, "tools": []})
    assert "tool_choice" in written(own, Request(RICH))


def test_only_tools_whose_schema_can_be_held_are_strict() -> None:
    weather, place = cast("list[JsonObject]", written(WIRE, Request(RICH, tools=(WEATHER, PLACE)))["tools"])
    assert weather["strict"] is True
    assert "minLength" not in json.dumps(cast("JsonObject", weather["input_schema"])["required"])
    assert "strict" not in place
    assert place["input_schema"] == PLACE.schema
    old = cast(
        "list[JsonObject]", written(AnthropicMessages("claude-3-5-haiku"), Request(RICH, tools=(WEATHER,)))["tools"]
    )
    assert "strict" not in old[0]
    assert old[0]["input_schema"] == WEATHER.schema


def test_a_shape_is_asked_for_natively_where_that_can_be() -> None:
    body = written(WIRE, Request(HELLO.messages, shape=CITY))
    assert cast("JsonObject", cast("JsonObject", body["output_config"])["format"])["type"] == "json_schema"
    assert len(cast("list[JsonValue]", body["messages"])) == 1


@pytest.mark.parametrize(("wire", "shape"), [(WIRE, CITIES), (AnthropicMessages("claude-3-5-haiku"), CITY)])
def test_a_shape_is_told_at_the_very_end_where_it_cannot(wire: AnthropicMessages, shape: Shape) -> None:
    body = written(wire, Request(RICH, shape=shape))
    accepted(body)
    last = cast("list[JsonObject]", body["messages"])[-1]
    assert last["role"] == "user"
    assert "JSON Schema" in str(last["content"])
    assert "output_config" not in body


def test_a_server_that_is_not_anthropics_gets_no_fields_it_may_not_know() -> None:
    body = written(AnthropicMessages("glm-4.6"), Request(RICH, "Be kind.", (WEATHER,)))
    assert "cache_control" not in body
    assert "strict" not in cast("list[JsonObject]", body["tools"])[0]


def test_an_answer_without_words_or_calls_is_still_a_message() -> None:
    for text in ("", " \n"):
        content = json.loads(WIRE.turn([AssistantMessage(text, (), REASONING)], {}))["content"]
        assert content == [{"type": "text", "text": NOTHING_SAID}]


def test_results_without_output_say_so() -> None:
    for output in (None, "", "\n"):
        content = json.loads(WIRE.turn([ToolMessage(Outcome("c1", "ok", output), "x")], {}))["content"]
        assert content[0]["content"] == NO_OUTPUT


def test_long_and_strange_ids_are_shortened_alike_on_both_sides() -> None:
    for name in ("c" * 65, "c 1", ""):
        call = json.loads(WIRE.turn([AssistantMessage("", (Call("x y", {}, name),))], {}))["content"][0]
        result = json.loads(WIRE.turn([ToolMessage(Outcome(name), "x y")], {}))["content"][0]
        assert call["id"] == result["tool_use_id"] != name
        assert 0 < len(call["id"]) <= 64
        assert call["name"] == "x_y"


def test_text_files_are_documents_in_words() -> None:
    content = json.loads(WIRE.turn([UserMessage("", (Part("application/json", "note"),))], BLOBS))["content"]
    source = {"type": "text", "media_type": "text/plain", "data": "gr\u00fc\u00dfe"}
    assert content == [{"type": "document", "source": source}]


@pytest.mark.parametrize(
    "part", [Part("audio/wav", "pixel"), Part("image/tiff", "pixel"), Part("text/plain", url="https://example.org")]
)
def test_parts_that_cannot_be_taken_are_refused_by_name(part: Part) -> None:
    with pytest.raises(ModelRequestError, match=part.media):
        WIRE.turn([UserMessage("", (part,))], BLOBS)


def test_an_answer_that_is_not_streamed_is_asked_for_without_a_stream() -> None:
    assert "stream" not in written(WIRE, HELLO, stream=False)


def test_words_that_are_empty_are_left_out_unless_nothing_else_was_said() -> None:
    empty, spoken = UserMessage("\t"), UserMessage("hi")
    assert json.loads(WIRE.turn([empty, spoken], {}))["content"] == [{"type": "text", "text": "hi"}]
    assert json.loads(WIRE.turn([empty, empty], {}))["content"] == [{"type": "text", "text": NOTHING_SAID}]


def test_thoughts_go_back_in_their_order_before_the_calls() -> None:
    reply = fed(WIRE, *FULL)
    body = written(WIRE, Request((UserMessage("?"), _again(reply.text, reply.calls, reply.reasoning), *_outcomes(2))))
    accepted(body)
    content = _content(body, 1)
    kinds = [item["type"] for item in content]
    assert kinds == ["thinking", "redacted_thinking", "text", "tool_use", "tool_use"]
    assert content[0] == {"type": "thinking", "thinking": "Let me think.", "signature": "c2ln"}
    assert content[1] == {"type": "redacted_thinking", "data": "aGlkZGVu"}


def test_thoughts_between_words_and_calls_go_back_to_where_they_were() -> None:
    events = [*thought(0, "a"), *said(1, "one"), *thought(2, "b"), *used(3, "weather"), *thought(4, "c")]
    reply = fed(WIRE, START, *events, *said(5, "two"), *used(6, "weather"), ended("tool_use"), STOP)
    again = _again(reply.text, reply.calls, reply.reasoning)
    content = _content(written(WIRE, Request((UserMessage("?"), again, *_outcomes(2)))), 1)
    kinds = [item.get("thinking") or item.get("text") or item["type"] for item in content]
    assert kinds == ["a", "one", "b", "tool_use", "c", "two", "tool_use"]


def test_thoughts_of_another_model_or_wire_are_not_sent() -> None:
    reply = fed(WIRE, *FULL)
    again = _again(reply.text, reply.calls, reply.reasoning)
    content = _content(written(AnthropicMessages(BOUND), Request((UserMessage("?"), again, *_outcomes(2)))), 1)
    assert [item["type"] for item in content] == ["text", "tool_use", "tool_use"]


def test_thoughts_from_which_something_was_taken_out_are_not_sent() -> None:
    reply = fed(WIRE, *FULL)
    changed = json.loads(json.dumps(reply.reasoning).replace("think.", "[secret]"))
    again = _again(reply.text, reply.calls, changed)
    content = _content(written(WIRE, Request((UserMessage("?"), again, *_outcomes(2)))), 1)
    assert [item["type"] for item in content] == ["text", "tool_use", "tool_use"]


def test_thoughts_come_first_when_the_words_after_them_were_changed() -> None:
    reply = fed(WIRE, *FULL)
    again = _again("other words", reply.calls[:1], reply.reasoning)
    content = _content(written(WIRE, Request((UserMessage("?"), again, *_outcomes(1)))), 1)
    assert [item["type"] for item in content] == ["thinking", "redacted_thinking", "text", "tool_use"]
