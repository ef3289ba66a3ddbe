"""Laws of assembling: whatever is lost, repeated or overtaken, what is shown is a beginning of what was said."""

from hypothesis import given
from hypothesis import strategies as st

from remit.core.ports import Delta
from remit.server.service.pieces import Assembly, Piece, Utterance

Said = dict[Utterance, str]


@st.composite
def spoken(draw: st.DrawFn) -> tuple[Said, list[Piece]]:
    """Some utterances of a session, and pieces of them that may overlap, in any order."""
    said: Said = {}
    pieces: list[Piece] = []
    for place in range(draw(st.integers(1, 4))):
        voice, number = draw(st.sampled_from("vw")), draw(st.integers(0, 2))
        key = (place * draw(st.integers(1, 3)), number, voice)
        text = draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
        if any(other[:2] == key[:2] for other in said):
            continue
        said[key] = text
        for _ in range(draw(st.integers(1, 8))):
            start = draw(st.integers(0, len(text)))
            end = draw(st.integers(start, len(text)))
            pieces.append(Piece("s", voice, key[0], number, key[0], start, text[start:end], draw(st.booleans())))
    return said, draw(st.permutations(pieces))


@given(spoken())
def test_what_is_shown_is_a_beginning_of_what_was_said(case: tuple[Said, list[Piece]]) -> None:
    said, pieces = case
    assembly = Assembly()
    shown: list[tuple[Utterance, str]] = []
    for piece in pieces:
        delta = assembly.take(piece)
        if delta is None:
            continue
        if not shown or shown[-1][0] != assembly.utterance:
            shown.append((assembly.utterance, ""))
        else:
            assert not delta.fresh
        shown[-1] = (assembly.utterance, shown[-1][1] + delta.text)
        assert shown[-1][1] == assembly.whole()
        assert said[assembly.utterance].startswith(assembly.whole())
        assert len(assembly.whole()) == assembly.length
    # Nobody goes back to what was said before.
    assert [key for key, _ in shown] == sorted({key for key, _ in shown})


@given(spoken())
def test_what_was_missed_is_all_there_once_it_is_said_again(case: tuple[Said, list[Piece]]) -> None:
    said, pieces = case
    assembly = Assembly()
    for piece in pieces:
        assembly.take(piece)
    key = max(said)
    assembly.take(Piece("s", key[2], key[0], key[1], key[0], 0, said[key]))
    assert assembly.whole() == said[key]
    assert not assembly.missing


def test_what_was_let_go_is_not_told_as_a_whole_and_goes_on_all_the_same() -> None:
    assembly = Assembly()
    assembly.take(Piece("s", "v", 5, 0, 5, 0, "ab"))
    assembly.let_go()
    delta = assembly.take(Piece("s", "v", 5, 0, 6, 0, "abc", fresh=True))
    assert (delta, assembly.whole()) == (Delta("c"), "")
    assembly.take(Piece("s", "v", 7, 0, 7, 0, "x"))
    assert assembly.whole() == "x"


def test_whoever_lacks_something_knows() -> None:
    assembly = Assembly()
    assembly.take(Piece("s", "v", 5, 0, 5, 0, "ab"))
    assert assembly.take(Piece("s", "v", 5, 0, 5, 3, "d")) is None
    assert assembly.missing
    delta = assembly.take(Piece("s", "v", 5, 0, 5, 0, "abcd"))
    assert (delta and delta.text, assembly.missing) == ("cd", False)
    assert assembly.take(Piece("s", "v", 7, 0, 7, 1, "x")) is None
    assert assembly.missing


def test_of_two_who_claim_the_same_place_the_first_is_believed() -> None:
    assembly = Assembly()
    assembly.take(Piece("s", "v", 5, 0, 5, 0, "ab"))
    assert assembly.take(Piece("s", "w", 5, 0, 5, 0, "xyz")) is None
    assert assembly.take(Piece("s", "w", 5, 0, 5, 2, "z")) is None
    assert assembly.whole() == "ab"


def test_text_that_makes_what_was_before_void_says_so_once() -> None:
    assembly = Assembly()
    assembly.take(Piece("s", "v", 5, 0, 5, 0, "ab"))
    first = assembly.take(Piece("s", "v", 5, 1, 5, 0, "", fresh=True))
    again = assembly.take(Piece("s", "v", 5, 1, 5, 0, "c", fresh=True))
    assert first is not None
    assert again is not None
    assert [(one.text, one.fresh) for one in (first, again)] == [("", True), ("c", False)]
