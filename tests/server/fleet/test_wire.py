"""The wire of text: whatever is said arrives in payloads that signals carry, and is whole when put together."""

from hypothesis import given
from hypothesis import strategies as st

from remit.server.fleet.signals import LARGEST, read, written
from remit.server.fleet.wire import Watch, payloads, watches
from remit.server.service.pieces import Assembly, Piece

texts = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=50),
    st.tuples(st.sampled_from(("x", "\0", "\u00e4", "\U0001f600", '\\"')), st.integers(1, 30_000)).map(
        lambda given: given[0] * given[1]
    ),
)


@given(st.lists(st.tuples(st.sampled_from("abc"), texts, st.booleans()), max_size=12))
def test_pieces_arrive_whole_however_long_they_are(said: list[tuple[str, str, bool]]) -> None:
    pieces = [Piece(session, "v", place, 0, place, 0, text, fresh) for place, (session, text, fresh) in enumerate(said)]
    got: list[str] = []
    fresh: list[bool] = []
    assembly, last = Assembly(), (-1, -1, "")
    for payload in payloads(pieces):
        assert len(payload.encode()) <= LARGEST
        for piece in read(payload, tuple[Piece, ...]) or ():
            delta = assembly.take(piece)
            if assembly.utterance != last:
                last = assembly.utterance
                got.append("")
                fresh.append(bool(delta and delta.fresh))
            got[-1] += delta.text if delta else ""
    assert got == [text for _, text, _ in said]
    assert fresh == [fresh for _, _, fresh in said]


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200), max_size=200))
def test_watches_arrive_whole(names: list[str]) -> None:
    got: list[str] = []
    for watch in watches("watch", "remit_deltas_0123456789abcdef", names):
        payload = written(watch)
        assert len(payload.encode()) <= LARGEST
        assert read(payload, Watch) == watch
        got.extend(watch.sessions)
    assert got == names


def test_a_session_whose_name_fits_nowhere_is_left_out() -> None:
    pieces = [Piece("s" * 8000, "v", 1, 0, 1, 0, "hello"), Piece("t", "v", 1, 0, 1, 0, "hello")]
    [payload] = payloads(pieces)
    assert read(payload, tuple[Piece, ...]) == tuple(pieces[1:])
    [watch] = watches("watch", "c", ["s" * 8000, "t"])
    assert watch.sessions == ("t",)
