"""Arguments: a rule sees every value at a path."""

import pytest

from remit.core.values import JsonObject, JsonValue
from remit.policy.arguments import MISSING, glob, reach, written


@pytest.mark.parametrize(
    ("args", "path", "found"),
    [
        ({"a": 1}, "a", [1]),
        ({"a": {"b": 2}}, "a.b", [2]),
        ({"a": {"b": 2}}, "a", [{"b": 2}]),
        ({"a": [1, [2, 3]]}, "a", [1, 2, 3]),
        ({"a": [{"b": 1}, {"b": 2}]}, "a.b", [1, 2]),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", [2, 1]),
        ({"a": None}, "a", [None]),
    ],
)
def test_every_value_at_a_path_is_found(args: JsonObject, path: str, found: list[JsonValue]) -> None:
    assert list(reach(args, path)) == found


@pytest.mark.parametrize(
    "args", [{}, {"a": 1}, {"a": {}}, {"a": []}, {"a": {"b": []}}, {"a": None}, {"a": "b"}], ids=repr
)
def test_what_is_not_there_is_missing(args: JsonObject) -> None:
    assert list(reach(args, "a.b")) == [MISSING]


def test_an_item_that_lacks_the_argument_is_missing_beside_those_that_have_it() -> None:
    assert list(reach({"a": [{"b": 1}, {}]}, "a.b")) == [1, MISSING]


@pytest.mark.parametrize(
    ("value", "text"), [("é", "é"), (5, "5"), (True, "true"), (None, "null"), ({"b": 1, "a": [2]}, '{"a":[2],"b":1}')]
)
def test_text_is_written_as_it_is_and_all_else_as_json(value: JsonValue, text: str) -> None:
    assert written(value) == text


def test_a_glob_minds_case_and_spans_lines() -> None:
    assert glob("rm *")("rm a\nb")
    assert not glob("rm *")("RM a")
    assert not glob("rm")("rm\n")
