"""Server-sent events: the same events from any split of the bytes."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import UnreadableAnswerError
from remit.models.http.sse import EventStream, ServerSentEvent

LINES = st.sampled_from(
    [
        "data: {}", "data:x", "data", "data:  two", "event: ping", "event", ": keep-alive", "id: 7", "", "", "dat",
        "data: ü€😀", "retry: 5", "datum: 1", "event: a:b", "\ufeffdata: inside",
    ]
)  # fmt: skip
TEXTS = st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"])).map("".join)).map("".join)
PREFIXES = st.sampled_from(["", "\ufeff"])
TAILS = st.sampled_from(["", "data: unterminated"])


def by_the_book(text: str) -> list[ServerSentEvent]:
    """Read a whole stream line by line, as the standard is written."""
    events: list[ServerSentEvent] = []
    name, data = "", ""
    for line in re.split("\r\n|\n|\r", text.removeprefix("\ufeff"))[:-1]:
        if not line:
            if data:
                events.append(ServerSentEvent(name, data.removesuffix("\n").encode()))
            name, data = "", ""
            continue
        field, _, value = line.partition(":")
        match field:
            case "data":
                data += value.removeprefix(" ") + "\n"
            case "event":
                name = value.removeprefix(" ")
            case _:
                pass
    return events


def fed(pieces: list[bytes], limit: int = 1 << 20) -> list[ServerSentEvent]:
    stream = EventStream(limit)
    events = [event for piece in pieces for event in stream.feed(piece)]
    return events + stream.end()


def split(body: bytes, cuts: list[int]) -> list[bytes]:
    marks = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(marks)]


@given(PREFIXES, TEXTS, TAILS, st.lists(st.integers(0, 10_000)))
def test_any_split_of_a_stream_gives_the_events_of_the_standard(
    prefix: str, text: str, tail: str, cuts: list[int]
) -> None:
    body = (prefix + text + tail).encode()
    assert fed(split(body, cuts)) == by_the_book(prefix + text + tail)


@given(PREFIXES, TEXTS)
def test_byte_by_byte_gives_the_same_events(prefix: str, text: str) -> None:
    body = (prefix + text).encode()
    assert fed([body[index : index + 1] for index in range(len(body))]) == by_the_book(prefix + text)


def test_a_whole_event_in_one_piece() -> None:
    assert fed([b'data: {"a":1}\n\n']) == [ServerSentEvent("", b'{"a":1}')]
    assert fed([b"event: stop\ndata: {}\n\n"]) == [ServerSentEvent("stop", b"{}")]


def test_several_data_lines_are_joined() -> None:
    assert fed([b"data: a\ndata:b\ndata\n\n"]) == [ServerSentEvent("", b"a\nb\n")]


def test_comments_and_events_without_data_are_none() -> None:
    assert fed([b": ping\n\nevent: lonely\n\ndata: x\n\n"]) == [ServerSentEvent("", b"x")]


def test_an_unterminated_event_is_discarded_and_the_stream_may_be_used_again() -> None:
    stream = EventStream()
    assert stream.feed(b"data: cut\r") == []
    assert stream.end() == []
    assert stream.feed(b"\n\xef\xbb\xbfdata: x\n\n") == []
    assert stream.end() == []
    assert stream.feed(b"\xef\xbb\xbfdata: x\n\n") == [ServerSentEvent("", b"x")]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_an_event_may_be_as_long_as_the_limit_and_not_a_byte_longer(size: int) -> None:
    longest = b"data: " + b"x" * 94
    fits, too_long = longest + b"\n\n", longest + b"x\n\n"
    assert fed([fits[at : at + size] for at in range(0, len(fits), size)], 100) == [ServerSentEvent("", b"x" * 94)]
    with pytest.raises(UnreadableAnswerError, match="longer than 100 bytes"):
        fed([too_long[at : at + size] for at in range(0, len(too_long), size)], 100)


def test_a_name_that_is_no_utf8_does_not_break_the_stream() -> None:
    assert fed([b"event: \xff\ndata: x\n\n"]) == [ServerSentEvent("\ufffd", b"x")]
