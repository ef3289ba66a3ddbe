"""Reading OpenAI's responses: what is read is what was said, and no broken stream is an answer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from tests.models.wires.conversations import bare, fed, heard, streamed
from tests.models.wires.responses_streams import FULL, ITEMS, added, call, delta, done, finished, response, text, words

from remit.core.errors import (
    ContentFilterError,
    CutStreamError,
    ModelError,
    OverloadedError,
    RateLimitError,
    UnreadableAnswerError,
)
from remit.core.messages import Call, Usage
from remit.core.values import JsonObject, JsonValue
from remit.models.wires.openai_responses import OpenAIResponses

WIRE = OpenAIResponses("gpt-5")
EVENTS: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)


def test_the_streams_here_are_streams_as_the_official_client_reads_them() -> None:
    for event in FULL:
        EVENTS.validate_python(event)


@given(st.lists(st.integers(0, 8000), max_size=30))
def test_an_answer_is_the_same_however_its_bytes_are_split(cuts: list[int]) -> None:
    shown, reply = heard(WIRE, streamed(FULL), cuts)
    assert shown == reply.text == "It is h\u00f6t \U0001f600."
    assert reply.calls == (Call("weather", {"city": "Rome"}), Call("weather", {"city": "Oslo"}))
    assert reply.usage == Usage(100, 40, 60, 20, 30)
    assert reply.stop == ""


def test_an_answer_is_the_same_when_its_items_are_not_finished_one_by_one() -> None:
    bare_items = [event for event in FULL if event["type"] != "response.output_item.done"]
    assert fed(WIRE, *bare_items) == fed(WIRE, *FULL)


def test_an_answer_is_the_same_when_only_its_end_comes() -> None:
    assert fed(WIRE, done(*ITEMS)) == fed(WIRE, *FULL)


def test_an_answer_is_the_same_when_its_end_holds_nothing() -> None:
    assert fed(WIRE, *FULL[:-1], done()) == fed(WIRE, *FULL)


def test_an_answer_that_came_whole_is_the_one_that_was_streamed() -> None:
    body = response("completed", ITEMS)
    Response.model_validate(body)
    assert WIRE.whole(json.dumps(body).encode()) == fed(WIRE, *FULL)


@pytest.mark.parametrize(
    ("reason", "stop"), [("max_output_tokens", "length"), ("content_filter", "filter"), ("max_messages", "length")]
)
def test_it_says_why_an_answer_stopped(reason: str, stop: str) -> None:
    end = done(text(words("half")), status="incomplete", incomplete_details={"reason": reason})
    EVENTS.validate_python(end)
    assert fed(WIRE, delta("output_text", 0, "half"), end).stop == stop


def test_a_refusal_is_the_text() -> None:
    refusal: JsonObject = {"type": "refusal", "refusal": "I must not."}
    for events in (
        [delta("refusal", 0, "I must"), delta("refusal", 0, " not."), done()],
        [delta("refusal", 0, "I must"), finished(0, text(refusal)), done()],
        [done(text(refusal))],
    ):
        reply = fed(WIRE, *events)
        assert (reply.text, reply.stop) == ("I must not.", "filter")


@pytest.mark.parametrize(
    ("arguments", "args", "malformed"),
    [
        ("", {}, ""),
        (None, {}, ""),
        ('{"a": 1}', {"a": 1}, ""),
        ({"a": 1}, {"a": 1}, ""),
        ('{"a": ', {}, '{"a": '),
        ("[1]", {}, "[1]"),
    ],
)
def test_arguments_that_are_no_object_are_kept_as_they_came(
    arguments: JsonValue, args: JsonObject, malformed: str
) -> None:
    assert fed(WIRE, done(call("place", arguments))).calls == (Call("place", args, malformed=malformed),)


def test_contents_that_are_no_list_of_parts_are_passed_over() -> None:
    contents: list[JsonValue] = [None, "odd", ["odd"]]
    for content in contents:
        item: JsonObject = {"type": "message", "content": content}
        assert fed(WIRE, delta("output_text", 0, "hi"), finished(0, item), done()).text == "hi"
    assert fed(WIRE, delta("output_text", 0, None), done(ITEMS[1])).text == "It is h\u00f6t \U0001f600."


def test_arguments_may_come_only_in_pieces_or_only_in_the_end() -> None:
    begun = added(0, call("place", ""))
    last: JsonObject = {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"a":1}'}
    pieces = [delta("function_call_arguments", 0, '{"a"'), delta("function_call_arguments", 0, ":1}")]
    for events in ([begun, *pieces], [begun, last], [begun, *pieces, last]):
        assert fed(WIRE, *events, done()).calls == (Call("place", {"a": 1}),)


def test_calls_are_in_the_order_of_their_index() -> None:
    reply = fed(WIRE, finished(1, call("place", "")), finished(0, call("weather", "")), done())
    assert [call.tool for call in reply.calls] == ["weather", "place"]


def test_events_and_items_nobody_knows_are_passed_over() -> None:
    odd: JsonObject = {"type": "response.something_new.delta", "delta": {"x": 1}, "item": "none", "output_index": "x"}
    search: JsonObject = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
    reply = fed(WIRE, odd, added(0, search), finished(0, search), finished(1, ITEMS[1]), done(search, ITEMS[1]), odd)
    assert (reply.text, reply.calls, reply.reasoning) == ("It is h\u00f6t \U0001f600.", (), None)


def test_events_without_a_name_are_read_by_their_type() -> None:
    reader = WIRE.reader()
    assert reader.feed(bare({"type": "keepalive", "delta": {"x": 1}})) == ""
    assert reader.feed(bare(delta("output_text", 0, "hi"))) == "hi"
    assert not reader.done
    assert reader.feed(bare(done())) == ""
    assert reader.done
    assert reader.feed(bare(done())) == ""
    assert reader.reply().text == "hi"


def test_a_done_mark_of_chat_completions_is_passed_over() -> None:
    assert heard(WIRE, b"data: [DONE]\n\n" + streamed([done(ITEMS[1])]))[0] == "It is h\u00f6t \U0001f600."


def test_what_the_end_says_counts_when_it_differs_from_what_was_streamed() -> None:
    shown, reply = heard(WIRE, streamed([delta("output_text", 0, "Hullo"), done(text(words("Hello")))]))
    assert (shown, reply.text) == ("Hullo", "Hello")


@pytest.mark.parametrize("length", range(len(FULL)))
def test_a_stream_that_breaks_off_is_no_answer(length: int) -> None:
    with pytest.raises(CutStreamError):
        fed(WIRE, *FULL[:length])


def test_a_cancelled_answer_is_no_answer() -> None:
    with pytest.raises(CutStreamError):
        fed(WIRE, done(status="cancelled"))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("server_error", OverloadedError),
        ("rate_limit_exceeded", RateLimitError),
        ("invalid_prompt", ContentFilterError),
    ],
)
def test_an_error_in_the_stream_is_raised(code: str, error: type[ModelError]) -> None:
    why: JsonObject = {"code": code, "message": "so it is"}
    failed = done(status="failed", error=why)
    EVENTS.validate_python(failed)
    flat: JsonObject = {"type": "error", **why, "param": None, "sequence_number": 4}
    EVENTS.validate_python(flat)
    nested: JsonObject = {"type": "error", "error": why}
    for event in (failed, flat, nested):
        with pytest.raises(error, match="so it is"):
            fed(WIRE, delta("output_text", 0, "half"), event)
    with pytest.raises(error, match="so it is"):
        WIRE.whole(json.dumps({"error": why}).encode())


def test_a_failure_without_a_reason_is_an_error_all_the_same() -> None:
    with pytest.raises(ModelError, match="failed"):
        fed(WIRE, done(status="failed"))


@pytest.mark.parametrize("body", [b"{oops", b"[]", b"{}", b'{"output": 1}'])
def test_what_is_no_response_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswerError):
        WIRE.whole(body)
    if body != b"{}":
        with pytest.raises(UnreadableAnswerError):
            heard(WIRE, b"event: response.completed\ndata: " + body.replace(b"output", b"response") + b"\n\n")


def test_what_is_no_json_is_unreadable_also_where_nobody_knows_the_event() -> None:
    for name in ("response.completed", "response.something_new"):
        with pytest.raises(UnreadableAnswerError):
            heard(WIRE, f"event: {name}\ndata: {{oops\n\n".encode())


def test_a_refused_request_is_an_error_of_the_tree() -> None:
    body = json.dumps({"error": {"type": "requests", "code": "rate_limit_exceeded", "message": "slower"}}).encode()
    error = WIRE.error(429, {"retry-after-ms": "1500"}, body)
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 1.5


@pytest.mark.parametrize("value", [b'"\xff"', b"[" * 100_000 + b"]" * 100_000, b'"\\ud800"'])
def test_what_is_no_text_or_too_deep_is_unreadable(value: bytes) -> None:
    for name in ("error", "response.something_new"):
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
        ({"input_tokens": -5, "output_tokens": -9}, Usage()),
        ({"input_tokens": 5.0, "output_tokens": 2.0}, Usage(5, 2)),
        ({"input_tokens": 5, "input_tokens_details": {"cached_tokens": 500, "cache_write_tokens": 9}}, Usage(5, 0, 5)),
        ({"input_tokens": 10**30}, Usage(1 << 40)),
    ],
)
def test_no_usage_gives_money_back_or_is_more_than_a_journal_holds(usage: JsonObject, counted: Usage) -> None:
    assert fed(WIRE, done(text(words("yes")), usage=usage)).usage == counted


@pytest.mark.parametrize("places", [(1, 2, 3), (0, 0, 0), (2, 1, 0)])
def test_no_call_is_made_twice_when_a_server_counts_its_items_otherwise(places: tuple[int, int, int]) -> None:
    rome, oslo = {**call("weather", '{"city": "Rome"}'), "id": "fc_1"}, {**call("weather", "{}"), "id": "fc_2"}
    items = [text(words("Hm.")), rome, oslo]
    streamed_items = [event for place, item in zip(places, items, strict=True) for event in begun(place, item)]
    shown, reply = heard(WIRE, streamed([*streamed_items, done(*items)]))
    assert shown == reply.text == "Hm."
    assert reply.calls == (Call("weather", {"city": "Rome"}), Call("weather", {}))


def begun(place: int, item: JsonObject) -> list[JsonObject]:
    """An item from its beginning to its end."""
    said = [delta("output_text", place, "Hm.")] if item["type"] == "message" else []
    return [added(place, item), *said, finished(place, item)]
