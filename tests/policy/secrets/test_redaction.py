"""Text in pieces: however it is split, it adds up to the redacted whole, and nothing shown on the way holds a value."""

import base64
import json
from collections.abc import Iterator

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from remit.core.errors import ConfigError
from remit.policy import Secrets

KEY = "sk-live-4f9a77c1"
SECRETS = Secrets({"API_KEY": KEY})


def fed(secrets: Secrets, pieces: list[str]) -> list[str]:
    stream = secrets.stream()
    return [*(stream.feed(piece) for piece in pieces), stream.end()]


def test_a_value_split_over_pieces_never_comes_out() -> None:
    assert fed(SECRETS, ["use ", "sk-li", "ve-4f9", "a77c1", " now"]) == [
        "use ",
        "",
        "",
        "[secret:API_KEY]",
        " now",
        "",
    ]
    assert fed(SECRETS, list(f"a{KEY}b"))[-3:] == ["[secret:API_KEY]", "b", ""]


def test_only_what_may_become_a_value_waits() -> None:
    pieces = ["The s", "ky is ", "sk-blue", ", sk-live", "ly."]
    assert fed(SECRETS, pieces) == ["The ", "sky is ", "sk-blue", ", ", "sk-lively.", ""]


def test_what_waits_at_the_end_comes_then_and_another_text_begins() -> None:
    stream = SECRETS.stream()
    assert (stream.feed(KEY[:8]), stream.end(), stream.feed(KEY[8:]), stream.end()) == ("", KEY[:8], KEY[8:], "")


def test_text_passes_at_once_while_nothing_is_registered() -> None:
    stream, text = Secrets().stream(), "anything"
    assert stream.feed(text) is text
    assert stream.end() == ""


def test_a_value_registered_meanwhile_counts_from_then_on() -> None:
    secrets = Secrets({"A": "other-value"})
    stream = secrets.stream()
    assert stream.feed("fresh-1 oth") == "fresh-1 "
    secrets.register("B", "fresh-1")
    secrets.register("C", "other thing")
    assert stream.feed("er thing fresh-1") == "[secret:C] [secret:B]"


def test_a_longer_value_that_begins_like_a_whole_one_is_waited_for() -> None:
    secrets = Secrets({"SHORT": "abcdef", "LONG": "abcdefghi", "OTHER": "defxyz"})
    assert fed(secrets, ["abcdef", "gh", "i!"]) == ["", "", "[secret:LONG]!", ""]
    assert fed(secrets, ["abcdef", "gh", "?"]) == ["", "", "[secret:SHORT]gh?", ""]
    assert fed(secrets, ["abcdef", "xyz"]) == ["", "[secret:SHORT]xyz", ""]
    assert fed(secrets, ["abcdef"]) == ["", "[secret:SHORT]"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\\n", "\\r\\n", "\\\\r\\\\n", "\n  "])
def test_lines_of_base64_are_put_together_across_pieces(end: str) -> None:
    digits = base64.b64encode(f"{'.' * 40}{KEY} and more".encode()).decode()
    text = end.join(digits[at : at + 60] for at in range(0, len(digits), 60))
    whole = SECRETS.redact(text)
    assert "[secret:API_KEY]" in whole
    assert "".join(fed(SECRETS, list(text))) == whole
    assert "".join(fed(SECRETS, [text[:63], text[63:]])) == whole


def test_an_end_of_a_line_that_does_not_go_on_is_let_go() -> None:
    digits = base64.b64encode(f"{'.' * 40}{KEY}".encode()).decode()[:60]
    stream = SECRETS.stream()
    shown = stream.feed(digits + "\n")
    assert shown != digits + "\n"
    assert shown + stream.feed("\n") == digits + "\n\n"


def test_text_that_is_not_quite_unicode_passes() -> None:
    assert "".join(fed(SECRETS, ["\ud83d", "\ude00 ", KEY, "\ud83d"])) == "\ud83d\ude00 [secret:API_KEY]\ud83d"


ALPHABET = 'ab/+"\\é]['
VALUES = st.text(ALPHABET, min_size=6, max_size=9) | st.text("abcdef0123456789ABCDEF", min_size=12, max_size=60)


def writings(value: str) -> st.SearchStrategy[str]:
    digits = base64.b64encode(f"..{value}..".encode()).decode()
    lines = ["\n".join(digits[at : at + width] for at in range(0, len(digits), width)) for width in (16, 20, 76)]
    forms = [value, value[:4], value[4:], json.dumps(value)[1:-1], value.encode().hex(), digits, *lines]
    return st.sampled_from([*forms, lines[0].replace("\n", "\\r\\n"), "\n", "\\", "[secret:A]"]) | st.text(
        ALPHABET, max_size=3
    )


def pieces(text: str, sizes: list[int]) -> Iterator[str]:
    at, turn = 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        yield text[at : at + size]
        at, turn = at + size, turn + 1


@given(
    data=st.data(),
    values=st.lists(VALUES, min_size=1, max_size=3),
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5),
)
def test_the_pieces_add_up_to_the_redacted_whole_and_show_no_value(
    data: st.DataObject, values: list[str], sizes: list[int]
) -> None:
    try:
        secrets = Secrets(dict(zip("ABC", values, strict=False)))
    except ConfigError:
        assume(condition=False)
        return
    text = "".join(data.draw(st.lists(st.one_of(*map(writings, values)), max_size=6)))
    shown = ""
    stream = secrets.stream()
    whole = secrets.redact(text)
    for piece in pieces(text, sizes):
        shown += stream.feed(piece)
        assert whole.startswith(shown)
    assert shown + stream.end() == whole
    assert not any(value in whole for value in values)
    assert secrets.redact(whole) is whole, "what is clean stays as it is"


@given(text=st.text("sk-live4f9a", max_size=40), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3))
@example(text="sksk-sk-live-4f9a77c1", sizes=[1])
def test_no_more_waits_than_the_longest_beginning_of_a_value(text: str, sizes: list[int]) -> None:
    stream, given_out = SECRETS.stream(), ""
    for number, piece in enumerate(pieces(text, sizes)):
        given_out += stream.feed(piece)
        taken = "".join(list(pieces(text, sizes))[: number + 1])
        waiting = SECRETS.redact(taken).removeprefix(given_out)
        assert not waiting or KEY.startswith(waiting)
