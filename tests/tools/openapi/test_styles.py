"""Styles: every style is written as the standard's own table has it, and servers read back what was meant."""

from urllib.parse import parse_qsl, unquote, unquote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from remit.core.values import JsonObject, JsonValue
from remit.tools.openapi.styles import Style, Writing, header, in_cookie, in_form, in_header, in_path, in_query, text

ARRAY: JsonValue = ["blue", "black", "brown"]
OBJECT: JsonValue = {"R": 100, "G": 200, "B": 150}


@pytest.mark.parametrize(
    ("style", "explode", "empty", "string", "array", "mapping"),
    [
        ("matrix", False, ";color=", ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"),
        ("matrix", True, ";color=", ";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"),
        ("label", False, ".", ".blue", ".blue,black,brown", ".R,100,G,200,B,150"),
        ("label", True, ".", ".blue", ".blue.black.brown", ".R=100.G=200.B=150"),
        ("simple", False, "", "blue", "blue,black,brown", "R,100,G,200,B,150"),
        ("simple", True, "", "blue", "blue,black,brown", "R=100,G=200,B=150"),
    ],
)
def test_paths_are_written_as_in_the_table_of_the_standard(
    style: Style, *, explode: bool, empty: str, string: str, array: str, mapping: str
) -> None:
    writing = Writing("color", style, explode)
    assert [in_path(writing, value) for value in ("blue", ARRAY, OBJECT)] == [string, array, mapping]
    if empty in {"", "."}:
        with pytest.raises(ValueError, match="names another path"):
            in_path(writing, "")
    else:
        assert in_path(writing, "") == empty


@pytest.mark.parametrize(
    ("style", "explode", "array", "mapping"),
    [
        ("form", False, "color=blue,black,brown", "color=R,100,G,200,B,150"),
        ("form", True, "color=blue&color=black&color=brown", "R=100&G=200&B=150"),
        ("spaceDelimited", False, "color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150"),
        ("pipeDelimited", False, "color=blue%7Cblack%7Cbrown", "color=R%7C100%7CG%7C200%7CB%7C150"),
        (
            "deepObject",
            True,
            "color=blue&color=black&color=brown",
            "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150",
        ),
    ],
)
def test_queries_are_written_as_in_the_table_of_the_standard(
    style: Style, *, explode: bool, array: str, mapping: str
) -> None:
    writing = Writing("color", style, explode)
    assert ["&".join(in_query(writing, value)) for value in ("", "blue", ARRAY, OBJECT)] == [
        "color=",
        "color=blue",
        array,
        mapping,
    ]


def test_deep_objects_may_be_deep() -> None:
    value: JsonValue = {"a": {"b": [1, {"c": None}]}}
    written = "&".join(in_query(Writing("f", "deepObject", explode=True), value))
    assert parse_qsl(written, keep_blank_values=True) == [("f[a][b][0]", "1"), ("f[a][b][1][c]", "")]


def test_headers_and_cookies_and_forms_have_their_own_marks() -> None:
    assert in_header(Writing("X", "simple", explode=False), ["a b", 1, True]) == "a b,1,true"
    assert in_header(Writing("X", "simple", explode=True), OBJECT) == "R=100,G=200,B=150"
    assert in_cookie(Writing("c", "form", explode=False), ["a;b", "c"]) == ["c=a%3Bb,c"]
    assert in_form(Writing("f", "form", explode=True), ["a b", "c&d"]) == ["f=a+b", "f=c%26d"]


def test_reserved_marks_stay_where_that_is_allowed_but_never_end_the_value() -> None:
    assert in_query(Writing("q", "form", explode=True, reserved=True), "a/b?c=d&e#f+g") == ["q=a/b?c=d%26e%23f%2Bg"]


@pytest.mark.parametrize(
    ("value", "written"), [(None, ""), (True, "true"), (1.5, "1.5"), (10**20, str(10**20)), ([1], "[1]")]
)
def test_single_values_are_written_as_text(value: JsonValue, written: str) -> None:
    assert text(value) == written


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00", "\x7f"])
def test_a_header_cannot_break_out_of_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        header(value)
    with pytest.raises(ValueError, match="control characters"):
        in_header(Writing("X", "simple", explode=False), [value])


def test_a_header_that_no_header_can_hold_is_refused() -> None:
    assert header("Zürich\t") == "Zürich"
    with pytest.raises(ValueError, match="Latin"):
        header("東京")


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_path_parameter_cannot_become_another_path(value: str) -> None:
    with pytest.raises(ValueError, match="names another path"):
        in_path(Writing("id", "simple", explode=False), value)


@pytest.mark.parametrize(("style", "mark"), [("spaceDelimited", " "), ("pipeDelimited", "|")])
def test_an_item_that_holds_the_mark_between_items_is_refused(style: Style, mark: str) -> None:
    with pytest.raises(ValueError, match="no item may hold"):
        in_query(Writing("q", style, explode=False), [f"a{mark}b"])


WORD = st.text(st.characters(codec="utf-8"), max_size=12)
OBJECTS = st.dictionaries(WORD, WORD, min_size=1, max_size=4)
LISTS = st.lists(WORD, min_size=1, max_size=4)


@given(WORD)
def test_law_a_path_segment_is_read_back_and_stays_one_segment(value: str) -> None:
    assume(value not in {"", ".", ".."})
    written = in_path(Writing("id", "simple", explode=False), value)
    assert not set(written) & set("/?#")
    assert unquote(written) == value


@given(LISTS)
def test_law_lists_are_read_back(values: list[str]) -> None:
    given_values: JsonValue = [*values]
    exploded = "&".join(in_query(Writing("q", "form", explode=True), given_values))
    assert parse_qsl(exploded, keep_blank_values=True) == [("q", value) for value in values]
    joined = "".join(in_query(Writing("q", "form", explode=False), given_values)).partition("=")[2]
    assert [unquote(part) for part in joined.split(",")] == values
    in_a_form = "&".join(in_form(Writing("q", "form", explode=True), given_values))
    assert [unquote_plus(piece.partition("=")[2]) for piece in in_a_form.split("&")] == values


@given(OBJECTS)
def test_law_objects_are_read_back(values: dict[str, str]) -> None:
    mapping: JsonObject = {**values}
    exploded = "&".join(in_query(Writing("q", "form", explode=True), mapping))
    assert parse_qsl(exploded, keep_blank_values=True) == list(values.items())
    deep = "&".join(in_query(Writing("q", "deepObject", explode=True), mapping))
    assert parse_qsl(deep, keep_blank_values=True) == [(f"q[{key}]", value) for key, value in values.items()]
    parts = "".join(in_query(Writing("q", "form", explode=False), mapping)).partition("=")[2].split(",")
    assert {unquote(key): unquote(value) for key, value in zip(parts[::2], parts[1::2], strict=True)} == values
