"""Reading Anthropic's messages: what is read is what was said, and no broken stream is an answer."""

import json

import pytest
from anthropic.types import RawMessageStreamEvent
from anthropic.types.message import Message as TheirMessage
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.models.wires.anthropic_streams import (
    FULL,
    NEW,
    PING,
    START,
    STOP,
    block,
    ended,
    message,
    said,
    thought,
    used,
)
from tests.models.wires.conversations import bare, fed, heard, streamed

from remit.core.errors import (
    AuthenticationError,
    CutStreamError,
    ModelError,
    ModelRequestError,
    OverloadedError,
    RateLimitError,
    UnreadableAnswerError,
)
from remit.core.messages import Call, Usage
from remit.core.values import JsonObject, JsonValue
from remit.models.wires.anthropic import AnthropicMessages

WIRE = AnthropicMessages(NEW)
EVENTS: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


def test_the_streams_here_are_streams_as_the_official_client_reads_them() -> None:
    for event in FULL:
        if event["type"] != "ping":
            EVENTS.validate_python(event)


@given(st.lists(st.integers(0, 4000), max_size=30))
def test_an_answer_is_the_same_however_its_bytes_are_split(cuts: list[int]) -> None:
    shown, reply = heard(WIRE, streamed(FULL), cuts)
    assert shown == reply.text == "It is h\u00f6t \U0001f600."
    assert reply.calls == (Call("weather", {"city": "Rome"}), Call("weather", {"city": "Oslo"}))
    assert reply.usage == Usage(13, 20, 3)
    assert reply.stop == ""


def test_a_thought_without_its_signature_is_not_kept() -> None:
    reply = fed(WIRE, START, *thought(0, "cut", signature=""), *said(1, "so"), ended("max_tokens"), STOP)
    assert (reply.reasoning, reply.stop) == (None, "length")


def test_thinking_is_counted() -> None:
    end = ended()
    end["usage"] = {"output_tokens": 50, "output_tokens_details": {"thinking_tokens": 30}, "input_tokens": 7}
    more: JsonObject = {"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 100}
    start: JsonObject = {"type": "message_start", "message": message(usage=more)}
    assert fed(WIRE, start, *said(0, "x"), end, STOP).usage == Usage(107, 50, 0, 100, 30)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", ""),
        ("tool_use", ""),
        ("stop_sequence", ""),
        ("something_new", ""),
        ("max_tokens", "length"),
        ("pause_turn", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "filter"),
    ],
)
def test_it_says_why_an_answer_stopped(reason: str, stop: str) -> None:
    assert fed(WIRE, START, *said(0, "half"), ended(reason), STOP).stop == stop


def test_a_refusal_without_words_is_told_in_the_providers() -> None:
    details: JsonObject = {"type": "refusal", "category": "cyber", "explanation": "I must not."}
    reply = fed(WIRE, START, ended("refusal", stop_details=details), STOP)
    assert (reply.text, reply.stop) == ("I must not.", "filter")
    said_before = fed(WIRE, START, *said(0, "Sure"), ended("refusal", stop_details=details), STOP)
    assert (said_before.text, said_before.stop) == ("Sure", "filter")
    silent = fed(WIRE, START, ended("refusal", stop_details={"type": "refusal", "explanation": None}), STOP)
    assert (silent.text, silent.stop) == ("", "filter")


@pytest.mark.parametrize(
    ("inputs", "args", "malformed"),
    [
        ((), {}, ""),
        (("", ""), {}, ""),
        (('{"a": ', "1}"), {"a": 1}, ""),
        (('{"a": ',), {}, '{"a": '),
        (("[1]",), {}, "[1]"),
        (('{"a": "\\ud800"}',), {}, '{"a": "\\ud800"}'),
    ],
)
def test_arguments_that_are_no_object_are_kept_as_they_came(
    inputs: tuple[str, ...], args: JsonObject, malformed: str
) -> None:
    (call,) = fed(WIRE, START, *used(0, "place", *inputs), ended("tool_use"), STOP).calls
    assert call == Call("place", args, malformed=malformed)


@pytest.mark.parametrize(
    ("given", "call"),
    [
        ({"a": 1}, Call("place", {"a": 1})),
        (None, Call("place", {})),
        ('{"a": 1}', Call("place", {"a": 1})),
        ([1], Call("place", {}, malformed="[1]")),
    ],
)
def test_a_server_may_give_the_arguments_at_once(given: JsonValue, call: Call) -> None:
    body: JsonObject = {"type": "tool_use", "id": "x", "name": "place", "input": given}
    assert fed(WIRE, START, *block(0, body), ended("tool_use"), STOP).calls == (call,)


def test_blocks_and_events_nobody_knows_are_passed_over() -> None:
    odd: JsonObject = {"type": "something_new", "content": [1], "delta": "not an object"}
    citation: JsonObject = {"type": "citations_delta", "citation": {"type": "char_location"}}
    search: JsonObject = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    query: JsonObject = {"type": "input_json_delta", "partial_json": '{"q": 1}'}
    new: JsonObject = {"type": "new_delta", "text": "no text"}
    text = block(1, {"type": "text", "text": ""}, citation, new, {"type": "text_delta", "text": "found"})
    reply = fed(WIRE, odd, START, odd, *block(0, search, query), *text, ended(), STOP, odd)
    assert (reply.text, reply.calls, reply.reasoning) == ("found", (), None)


def test_events_without_a_name_are_read_by_their_type() -> None:
    reader = WIRE.reader()
    events = [bare(event) for event in [START, PING, *said(0, "hi"), ended()]]
    assert "".join(map(reader.feed, events)) == "hi"
    assert not reader.done
    assert reader.feed(bare(STOP)) == ""
    assert reader.done
    assert reader.feed(bare(START)) == ""
    assert reader.reply().text == "hi"


def test_calls_are_in_the_order_of_their_index() -> None:
    reply = fed(WIRE, START, *used(1, "place"), *used(0, "weather"), ended("tool_use"), STOP)
    assert [call.tool for call in reply.calls] == ["weather", "place"]


def test_an_end_may_only_count() -> None:
    counts: JsonObject = {"type": "message_delta", "usage": {"output_tokens": 5}}
    assert fed(WIRE, START, *said(0, "x"), counts, STOP).usage.output == 5


def test_text_that_a_block_begins_with_is_shown() -> None:
    reply = fed(WIRE, START, *block(0, {"type": "text", "text": "He"}, {"type": "text_delta", "text": "y"}), ended())
    assert reply.text == "Hey"


@pytest.mark.parametrize("length", range(len(FULL) - 2))
def test_a_stream_that_breaks_off_is_no_answer(length: int) -> None:
    with pytest.raises(CutStreamError):
        fed(WIRE, *FULL[:length])


def test_a_stream_that_ends_after_it_said_why_is_an_answer() -> None:
    assert fed(WIRE, *FULL[:-1]).text.startswith("It is")


@pytest.mark.parametrize(
    "events",
    [
        said(0, "no beginning"),
        [START, {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}],
        [START, {"type": "content_block_delta", "index": 0}],
        [START, {"type": "content_block_start", "index": 0}],
        [START, *said(0, "x"), *said(0, "y")],
        [START, {"type": "content_block_start", "index": "zero"}],
    ],
)
def test_what_cannot_follow_is_unreadable(events: list[JsonObject]) -> None:
    with pytest.raises(UnreadableAnswerError):
        fed(WIRE, *events)


def test_what_is_no_json_is_unreadable() -> None:
    for name in ("message_start", "something_new"):
        with pytest.raises(UnreadableAnswerError):
            heard(WIRE, f"event: {name}\ndata: {{oops\n\n".encode())


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", OverloadedError),
        ("api_error", OverloadedError),
        ("rate_limit_error", RateLimitError),
        ("authentication_error", AuthenticationError),
        ("invalid_request_error", ModelRequestError),
    ],
)
def test_an_error_in_the_stream_is_raised(kind: str, error: type[ModelError]) -> None:
    report: JsonObject = {"type": "error", "error": {"type": kind, "message": "so it is"}}
    with pytest.raises(error, match="so it is"):
        fed(WIRE, START, *said(0, "half"), report)
    with pytest.raises(error, match="so it is"):
        WIRE.whole(json.dumps(report).encode())


def test_an_answer_that_came_whole_is_the_one_that_was_streamed() -> None:
    content: list[JsonValue] = [
        {"type": "thinking", "thinking": "Let me think.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "aGlkZGVu"},
        {"type": "text", "text": "It is h\u00f6t \U0001f600."},
        {"type": "tool_use", "id": "toolu_3", "name": "weather", "input": {"city": "Rome"}},
        {"type": "tool_use", "id": "toolu_4", "name": "weather", "input": {"city": "Oslo"}},
    ]
    usage: JsonObject = {"input_tokens": 10, "output_tokens": 20, "cache_read_input_tokens": 3}
    body = message(content=content, stop_reason="tool_use", usage=usage)
    TheirMessage.model_validate(body)
    assert WIRE.whole(json.dumps(body).encode()) == fed(WIRE, *FULL)


@pytest.mark.parametrize("body", [b"{oops", b"[]", b"{}", b'{"type": "batch"}'])
def test_what_is_no_message_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswerError):
        WIRE.whole(body)


def test_a_refused_request_is_an_error_of_the_tree() -> None:
    body = json.dumps({"type": "error", "error": {"type": "rate_limit_error", "message": "slower"}}).encode()
    error = WIRE.error(429, {"retry-after": "3"}, body)
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 3.0


@pytest.mark.parametrize("value", [b'"\xff"', b"[" * 100_000 + b"]" * 100_000, b'"\\ud800"'])
def test_what_is_no_text_or_too_deep_is_unreadable(value: bytes) -> None:
    for name in ("error", "something_new"):
        body = b'{"type": "error", "error": ' + value + b"}"
        stream = f"event: {name}\ndata: ".encode() + body + b"\n\n"
        if name == "error" or not value.startswith(b'"\xff'):
            with pytest.raises(UnreadableAnswerError):
                heard(WIRE, stream)
    with pytest.raises(UnreadableAnswerError):
        WIRE.whole(body)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"input_tokens": -5, "output_tokens": -9, "cache_read_input_tokens": -3}, Usage()),
        ({"input_tokens": 5.0, "output_tokens": 2.0}, Usage(5, 2)),
        ({"output_tokens": 2, "output_tokens_details": {"thinking_tokens": 9}}, Usage(0, 2, reasoning=2)),
        ({"input_tokens": 10**30}, Usage(1 << 40)),
    ],
)
def test_no_usage_gives_money_back_or_is_more_than_a_journal_holds(usage: JsonObject, counted: Usage) -> None:
    assert WIRE.whole(json.dumps(message(stop_reason="end_turn", usage=usage)).encode()).usage == counted
