"""Reading: however a body comes, it is whole or it is refused, and never more than wanted is held."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.tools.http.reading import Body, TooLargeError, Unpacking

LARGEST = 2000


def cut(body: bytes, sizes: list[int]) -> list[bytes]:
    """Cut bytes into pieces of these sizes, and the rest."""
    pieces: list[bytes] = []
    for size in sizes:
        pieces.append(body[:size])
        body = body[size:]
    return [*pieces, body]


@given(st.lists(st.binary(max_size=400), max_size=4), st.lists(st.integers(0, 50)), st.sampled_from(["", "gzip"]))
def test_a_body_is_itself_however_it_is_cut_and_packed(parts: list[bytes], sizes: list[int], coding: str) -> None:
    packed = b"".join(gzip.compress(part) if coding else part for part in parts)
    body = Body(coding, LARGEST)
    for piece in cut(packed, sizes):
        body.feed(piece)
    assert body.whole() == b"".join(parts)
    assert body.came == len(packed)


@given(st.integers(0, 50_000), st.sampled_from(["", "gzip"]))
def test_a_body_is_refused_exactly_when_it_is_larger_than_wanted(size: int, coding: str) -> None:
    plain = bytes(size)
    body = Body(coding, LARGEST)
    if size <= LARGEST:
        body.feed(gzip.compress(plain) if coding else plain)
        assert body.whole() == plain
        return
    with pytest.raises(TooLargeError):
        body.feed(gzip.compress(plain) if coding else plain)


def test_nothing_that_came_is_kept_back_until_more_comes() -> None:
    packed = gzip.compress(bytes(65536 + 200))
    for size in range(len(packed)):
        unpacking = Unpacking("gzip", 1_000_000)
        pieces = list(unpacking.feed(packed[:size]))
        assert sum(map(len, pieces)) == len(zlib.decompressobj(31).decompress(packed[:size]))
        assert all(len(piece) <= 65536 for piece in pieces)


@given(st.binary(min_size=1, max_size=300))
def test_noise_is_no_packed_body(noise: bytes) -> None:
    body = Body("GZIP ", LARGEST)
    try:
        body.feed(noise)
        whole = body.whole()
    except ValueError:
        return
    assert whole == gzip.decompress(noise)
