"""What a model writes, shown as it comes and never twice."""

from hypothesis import given
from hypothesis import strategies as st

from remit.core.ports import Delta
from remit.server.openai.speaking import Voice


@given(st.lists(st.text(min_size=1)), st.integers(min_value=0))
def test_what_was_shown_and_the_rest_are_the_text(pieces: list[str], shown: int) -> None:
    voice = Voice()
    voice.begin(1)
    text = "".join(pieces)
    seen = "".join(voice.hear(Delta(piece), aloud=True) for piece in pieces[:shown])
    _, rest = voice.finish(text)
    assert seen + rest == text


def test_who_comes_while_a_text_is_written_gets_it_whole() -> None:
    voice = Voice(past=4)
    voice.begin(4)
    assert voice.hear(Delta("lo"), aloud=True) == ""
    assert voice.finish("hello") == (False, "hello")


def test_what_was_shown_in_vain_is_followed_by_what_is_meant() -> None:
    voice = Voice()
    voice.begin(1)
    assert voice.hear(Delta("hel"), aloud=True) == "hel"
    assert voice.hear(Delta("good", fresh=True), aloud=True) == ""
    assert voice.finish("goodbye") == (True, "\n\ngoodbye")


def test_what_is_only_thought_is_not_shown() -> None:
    voice = Voice()
    voice.begin(1)
    assert voice.hear(Delta("hmm"), aloud=False) == ""
    assert voice.finish("so") == (False, "so")
