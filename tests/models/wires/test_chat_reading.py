"""Reading chat completions: what servers say, with their habits, and what it comes to."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.models.wires.chunks import COUNTED, DONE, STOP, USAGE, WIRE, WISH, chunk, read, says, tool
from tests.models.wires.conversations import bare, heard, streamed

from remit.core.errors import (
    CutStreamError,
    ModelError,
    ModelRequestError,
    OverloadedError,
    RateLimitError,
    UnreadableAnswerError,
)
from remit.core.messages import Call, Stop, Usage
from remit.core.ports import Reply
from remit.core.values import JsonObject, JsonValue
from remit.models.http.sse import ServerSentEvent

# -- what is read ------------------------------------------------------------------------------------------------------


def test_text_is_put_together_and_the_usage_comes_last() -> None:
    details: JsonObject = {
        **USAGE,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 20, "audio_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 1},
    }
    opening = chunk({"role": "assistant", "content": "", "refusal": None})
    last: JsonObject = {**COUNTED, "usage": details}
    events = (opening, says("two "), says("words"), STOP, last)
    for event in events:
        ChatCompletionChunk.model_validate(event)
    assert read(*events) == Reply("two words", (), Usage(100, 40, 60, 20, 30, 5, 1))


CALLS = (Call("weather", {"city": "Rome"}), Call("place", {"most": 3}))


def test_parallel_calls_come_in_pieces_and_their_ids_are_not_kept() -> None:
    reply = read(
        tool(0, "weather", "", "call_a"),
        tool(0, args='{"ci'),
        tool(1, "place", "", "call_b"),
        tool(0, args='ty":"Rome"}'),
        tool(1, args='{"most":3}'),
        WISH,
    )
    assert reply == Reply("", CALLS)


def test_calls_keep_the_order_of_their_index() -> None:
    reply = read(tool(1, "place", '{"most":3}', "b"), tool(0, "weather", '{"city":"Rome"}', "a"), WISH)
    assert reply.calls == CALLS


@pytest.mark.parametrize(
    "events",
    [
        [tool(None, "weather", '{"city":"Rome"}'), tool(None, "place", '{"most":3}')],
        [tool(None, "weather", '{"city":"Rome"}', "a"), tool(None, "place", '{"most":3}', "b")],
        [tool(None, "weather", '{"city":"Rome"}', "a"), tool(None, "place", '{"most":3}', "a")],
        [tool(None, "weather", '{"ci', "a"), tool(None, args='ty":"Rome"}'), tool(None, "place", '{"most":3}', "b")],
        [tool(0, "weather", '{"city":"Rome"}', "a"), tool(0, "place", '{"most":3}', "b")],
        [tool(0, "weather", {"city": "Rome"}), tool(1, "place", {"most": 3})],
        [tool(0, "weather", '{"ci', "a"), tool(0, "weather", 'ty":"Rome"}', "a"), tool(1, "place", '{"most":3}', "b")],
        [tool(0, "weather", '{"ci', "a"), tool(0, "", 'ty":"Rome"}', "x"), tool(1, "place", '{"most":3}', "b")],
        [tool(0, "weather", '{"city":"Rome"}', "a"), tool(1, "place", '{"most":3}', "a")],
    ],
    ids=[
        "without index and id",
        "without index",
        "without index, one id for all",
        "without index, in pieces",
        "one index for all",
        "objects for arguments",
        "name in every piece",
        "another id in every piece",
        "one id for all",
    ],
)
def test_calls_are_told_apart_in_spite_of_a_servers_habits(events: list[JsonObject]) -> None:
    assert read(*events, WISH).calls == CALLS


@pytest.mark.parametrize(
    ("raw", "call"),
    [
        ("", Call("t", {})),
        (" \n", Call("t", {})),
        ("null", Call("t", {})),
        ("{}", Call("t", {})),
        ('{"a": 1', Call("t", {}, malformed='{"a": 1')),
        ("[1]", Call("t", {}, malformed="[1]")),
        ("'a'", Call("t", {}, malformed="'a'")),
        ("{" * 9, Call("t", {}, malformed="{" * 9)),
        (None, Call("t", {})),
        ([1], Call("t", {}, malformed="[1]")),
    ],
)
def test_arguments_that_are_no_object_are_kept_as_they_came(raw: JsonValue, call: Call) -> None:
    assert read(tool(0, "t", raw), WISH).calls == (call,)


def test_the_old_form_of_a_call_is_read_too() -> None:
    first = chunk({"function_call": {"name": "weather", "arguments": '{"city"'}})
    reply = read(first, chunk({"function_call": {"arguments": ':"Rome"}'}}), chunk(finish="function_call"))
    assert reply.calls == CALLS[:1]


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", ""),
        ("eos", ""),
        ("tool_calls", ""),
        ("function_call", ""),
        ("STOP", ""),
        ("whatever", ""),
        ("length", "length"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("content_filter", "filter"),
        ("content_filter: RECITATION", "filter"),
        ("SAFETY", "filter"),
        ("sensitive", "filter"),
    ],
)
def test_why_an_answer_stopped_is_read_in_every_servers_words(finish: str, stop: Stop) -> None:
    assert read(says("a"), chunk(finish=finish)) == Reply("a", stop=stop)


def test_a_refusal_is_the_text_of_an_answer_that_was_filtered() -> None:
    reply = read(chunk({"refusal": "I can"}), chunk({"refusal": "not."}), STOP)
    assert (reply.text, reply.stop) == ("I cannot.", "filter")


def test_an_empty_answer_is_an_answer() -> None:
    assert read(chunk({"content": None}), STOP) == Reply("")
    assert read(STOP, end=b"") == Reply("")


def test_the_end_of_a_stream_may_be_said_in_either_way() -> None:
    assert read(says("a"), STOP, end=b"").text == "a"
    assert read(says("a"), end=DONE).text == "a"
    assert read(says("a"), STOP, end=b"data:[DONE] \n\ndata: {}\n\n").text == "a"


@pytest.mark.parametrize("events", [[], [says("a")], [says("a"), tool(0, "t", '{"a')], [COUNTED]])
def test_a_stream_that_ends_before_its_answer_was_cut(events: list[JsonObject]) -> None:
    with pytest.raises(CutStreamError):
        heard(WIRE, streamed(events, named=False))


def test_a_stream_that_ends_without_a_beginning_is_no_answer() -> None:
    with pytest.raises(UnreadableAnswerError):
        heard(WIRE, DONE)


@pytest.mark.parametrize("reason", ["error", "abort", "insufficient_system_resource"])
def test_a_server_that_gives_up_in_the_middle_did_not_answer(reason: str) -> None:
    with pytest.raises(CutStreamError, match=reason):
        read(says("a"), chunk(finish=reason))


def test_chunks_of_other_choices_and_kinds_are_passed_over() -> None:
    second: JsonObject = {"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}
    unknown: JsonObject = {"choices": [{"index": 0, "delta": {"audio": {"data": "x"}, "strange": [1]}}], "more": {}}
    empty: JsonObject = {"choices": None}
    other: JsonObject = {"choices": [second, {"index": 0, "delta": {"content": "yes"}}]}
    keeps = b": keep-alive\n\ndata:\n\ndata:   \n\n"
    stream = keeps + streamed([unknown, other, empty, {"choices": [{"index": 0}]}, STOP], named=False) + keeps + DONE
    assert heard(WIRE, stream) == ("yes", Reply("yes"))


def test_content_in_parts_is_its_text() -> None:
    thinking: JsonObject = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    words: list[JsonValue] = [thinking, {"type": "text", "text": "a"}, {"type": "text", "text": 1}, "x"]
    assert read(chunk({"content": words}), STOP).text == "a"
    assert read(chunk({"content": {"a": 1}}), STOP).text == ""


@pytest.mark.parametrize(
    ("report", "error"),
    [
        ({"error": {"message": "The server had an error", "type": "server_error"}}, OverloadedError),
        ({"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}, RateLimitError),
        ({"object": "error", "message": "no", "type": "BadRequestError", "code": 400}, ModelRequestError),
        ({"choices": [], "error": {"code": 502, "message": "Provider disconnected"}}, OverloadedError),
        ({"error": "gone"}, CutStreamError),
    ],
)
def test_an_error_in_the_stream_is_raised(report: JsonObject, error: type[ModelError]) -> None:
    for stream in (streamed([says("a"), report], named=False), b"event: error\n" + streamed([report], named=False)):
        with pytest.raises(error):
            heard(WIRE, stream)
    with pytest.raises(error):
        WIRE.whole(json.dumps(report).encode())


def test_an_error_in_plain_words_is_raised_too() -> None:
    with pytest.raises(CutStreamError, match="out of memory"):
        WIRE.reader().feed(ServerSentEvent("error", b"out of memory"))


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[]",
        b'"text"',
        b"nonsense",
        b'{"choices": 1}',
        b'{"choices": [{"index": "x"}]}',
        b'{"choices": [{"delta": {"tool_calls": [1]}}]}',
        b'{"choices": [{"delta": {"content": ' + b"[" * 5000 + b"]" * 5000 + b"}}]}",
        b"\xff\xfe",
    ],
)
def test_what_is_no_chunk_cannot_be_read(data: bytes) -> None:
    with pytest.raises(UnreadableAnswerError):
        WIRE.reader().feed(ServerSentEvent("", data))


def test_half_a_sign_does_not_spoil_an_answer() -> None:
    reader = WIRE.reader()
    said = reader.feed(ServerSentEvent("", b'{"choices": [{"delta": {"content": "a\\ud83d"}}]}'))
    said += reader.feed(ServerSentEvent("", b'{"choices": [{"delta": {"content": "\xff!"}, "finish_reason": "stop"}]}'))
    assert said == reader.reply().text == "a?\ufffd!"


@given(st.lists(st.integers(0, 2000), max_size=12))
def test_any_split_of_a_stream_gives_the_same_answer(cuts: list[int]) -> None:
    events = [says("grüße "), tool(0, "weather", '{"city":', "a"), tool(0, args='"Rome"}'), says("b"), WISH, COUNTED]
    stream = b": hello\r\n\r\n" + streamed(events, named=False).replace(b"\n\n", b"\r\n\r\n") + DONE
    assert heard(WIRE, stream, cuts) == ("grüße b", Reply("grüße b", CALLS[:1], Usage(100, 40)))


@given(st.binary(max_size=200) | st.from_type(dict[str, int]).map(lambda value: json.dumps(value).encode()))
def test_nothing_a_server_says_is_more_than_a_models_error(data: bytes) -> None:
    for attempt in (lambda: WIRE.reader().feed(ServerSentEvent("", data)), lambda: WIRE.whole(data)):
        try:
            attempt()
        except ModelError as error:
            assert len(str(error)) < 1500  # noqa: PT017 - some of them are answers


# -- usage -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": None}, Usage(5, 3)),
        ({"prompt_tokens": 5, "completion_tokens": None, "total_tokens": None}, Usage(5)),
        ({"prompt_tokens": 5.0, "completion_tokens": 3.0}, Usage(5, 3)),
        ({"prompt_tokens": -1, "completion_tokens": -2}, Usage()),
        ({"prompt_tokens": 1e300, "completion_tokens": 10**30}, Usage(1 << 40, 1 << 40)),
        ({"prompt_tokens": 5, "completion_tokens": 3, "prompt_cache_hit_tokens": 4}, Usage(5, 3, 4)),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9, "cache_write_tokens": 9}}, Usage(5, 0, 5)),
        (
            {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 18}
            | {"completion_tokens_details": {"reasoning_tokens": 10}},
            Usage(5, 13, reasoning=10),
        ),
        ({"completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 10}}, Usage(0, 3, reasoning=3)),
    ],
)
def test_usage_is_read_so_that_its_parts_never_exceed_the_whole(usage: JsonObject, counted: Usage) -> None:
    assert read(STOP, {**COUNTED, "usage": usage}).usage == counted


def test_the_last_usage_of_a_stream_counts_and_nothing_does_not() -> None:
    early: JsonObject = {**says("a"), "usage": {"prompt_tokens": 5, "completion_tokens": 1}}
    assert read(early, COUNTED, {**STOP, "usage": None}).usage == Usage(100, 40)


# -- whole answers -----------------------------------------------------------------------------------------------------


def test_an_answer_that_was_not_streamed_is_read_alike() -> None:
    function: JsonObject = {"name": "weather", "arguments": '{"city":"Rome"}'}
    other: JsonObject = {"name": "place", "arguments": {"most": 3}}
    message: JsonObject = {
        "role": "assistant",
        "content": "Let me look.",
        "tool_calls": [{"id": "a", "type": "function", "function": function}, {"id": "a", "function": other}],
    }
    choice: JsonObject = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    body: JsonObject = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    assert WIRE.whole(json.dumps({**body, "usage": USAGE}).encode()) == Reply("Let me look.", CALLS, Usage(100, 40))


def test_an_answer_reads_to_what_the_official_client_reads() -> None:
    message: JsonObject = {"role": "assistant", "content": None, "refusal": "No."}
    choice: JsonObject = {"index": 0, "message": message, "finish_reason": "stop"}
    body: JsonObject = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    theirs = ChatCompletion.model_validate(body).choices[0].message
    ours = WIRE.whole(json.dumps(body).encode())
    assert (ours.text, ours.stop) == (theirs.refusal, "filter")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"choices": []}', b'{"choices": null}', b"<html>", b'{"choices": [{"index": 1}]}']
)
def test_a_body_without_a_choice_is_no_answer(body: bytes) -> None:
    with pytest.raises(UnreadableAnswerError):
        WIRE.whole(body)


def test_events_after_the_end_add_nothing() -> None:
    reader = WIRE.reader()
    reader.feed(bare(says("a")))
    assert not reader.done
    reader.feed(ServerSentEvent("", b"[DONE]"))
    assert reader.done
    assert reader.feed(bare(says("b"))) == ""
    assert reader.reply().text == "a"


def test_very_many_calls_are_told_apart_in_time_that_grows_with_their_number() -> None:
    reader = WIRE.reader()
    for number in range(50_000):
        part = {"index": number, "id": f"c{number}", "function": {"name": "f", "arguments": "{}"}}
        reader.feed(ServerSentEvent("", json.dumps({"choices": [{"delta": {"tool_calls": [part]}}]}).encode()))
    reader.feed(ServerSentEvent("", json.dumps(WISH).encode()))
    assert len(reader.reply().calls) == 50_000
