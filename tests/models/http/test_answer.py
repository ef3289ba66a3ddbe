"""An answer while it is parsed: the same from any split of its bytes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.http.served import OK, STREAM, chunk

from remit.core.errors import UnreadableAnswerError
from remit.models.http.answer import Answer

ANSWERS = st.sampled_from(
    [
        OK,
        STREAM + chunk(b"o") + chunk(b"k") + chunk(b""),
        STREAM + b"2;x=y\r\nok\r\n0\r\nx-trailer: 1\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\n" + OK,
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nX: a\r\nx: b\r\nContent-Length: 2\r\n\r\nok",
    ]
)


def fed(*pieces: bytes) -> Answer:
    answer = Answer()
    for piece in pieces:
        answer.feed(piece)
    return answer


@given(ANSWERS, st.lists(st.integers(0, 1000)))
def test_any_split_gives_the_same_answer(body: bytes, cuts: list[int]) -> None:
    marks = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    whole, split = fed(body), fed(*(body[at:end] for at, end in itertools.pairwise(marks) if at < end))
    assert (split.status, split.headers, split.keeps) == (whole.status, whole.headers, whole.keeps)
    assert split.complete
    assert not split.spoilt
    assert split.take() == whole.take() == b"ok"


def test_a_body_without_a_frame_ends_with_the_connection() -> None:
    answer = fed(b"HTTP/1.1 200 OK\r\n\r\nok")
    assert not answer.complete
    assert answer.closed()
    assert answer.take() == b"ok"
    assert not answer.keeps


@pytest.mark.parametrize("body", [b"", b"HTTP/1.1 200 OK\r\n", OK[:-1], STREAM + chunk(b"ok")])
def test_an_answer_that_is_cut_is_not_whole(body: bytes) -> None:
    assert not fed(body).closed()


@pytest.mark.parametrize("more", [b"x", OK, b"\0", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_what_comes_after_an_answer_spoils_the_connection_and_not_the_answer(more: bytes) -> None:
    for answer in (fed(OK + more), fed(OK, more)):
        assert answer.complete
        assert answer.spoilt
        assert answer.take() == b"ok"
        assert answer.status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx y: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswerError):
        fed(body)


@pytest.mark.parametrize("filler", [b"x" * 4096, b"a: b\r\n" * 700])
@pytest.mark.parametrize("start", [b"0\r\nx: ", b"0\r\n", b"5;x="])
def test_what_is_no_body_does_not_go_on_for_ever(start: bytes, filler: bytes) -> None:
    answer = fed(STREAM + chunk(b"ok"), start)
    with pytest.raises(UnreadableAnswerError):
        list(map(answer.feed, [filler] * 1000))
    assert answer.take() == b"ok"


def test_a_long_head_leaves_room_for_what_comes_between_the_pieces_of_a_body() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx: " + b"y" * 65_000 + b"\r\n\r\n"
    answer = fed(head, b"2;" + b"x" * 600, b"\r\nok\r\n0\r\n\r\n")
    assert answer.complete
