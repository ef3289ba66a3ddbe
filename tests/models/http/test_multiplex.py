"""A multiplex: its frames from any split of the bytes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import UnreadableAnswerError
from remit.models.http.multiplex import Farewells


def frame(kind: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind]) + b"\0\0\0\0\1" + payload


FRAMES = st.lists(st.tuples(st.sampled_from([0, 1, 4, 7]), st.binary(max_size=40)))


@given(FRAMES, st.lists(st.integers(0, 10_000)))
def test_farewells_are_taken_out_of_any_split_and_the_rest_is_left(
    frames: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    body = b"".join(frame(kind, payload) for kind, payload in frames)
    marks = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    farewells = Farewells()
    fed = [farewells.feed(body[at:end]) for at, end in itertools.pairwise(marks)]
    taken = [payload for kind, payload in frames if kind == 7 and len(payload) >= 8]
    left = [frame(kind, payload) for kind, payload in frames if kind != 7 or len(payload) < 8]
    assert b"".join(kept for kept, _ in fed) == b"".join(left)
    lasts = [last for _, last in fed if last is not None]
    assert (lasts[-1] if lasts else None) == (int.from_bytes(taken[-1][:4], "big") & 0x7FFFFFFF if taken else None)


def test_a_frame_that_is_too_long_is_refused_before_it_is_held() -> None:
    with pytest.raises(UnreadableAnswerError, match="16385 bytes"):
        Farewells().feed(b"\x00\x40\x01\x00\0\0\0\0\1")
