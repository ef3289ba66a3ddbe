"""Validation: every message says where, what, and what instead."""

from pathlib import Path

import pytest

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.tools.validation import Validator

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 1},
        "size": {"enum": ["small", "large"]},
        "tags": {"type": "array", "items": {"type": ["string", "null"]}},
        "code": {"type": "string", "pattern": "^[A-Z]+$"},
        "shape": {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"kind": {"const": "circle"}, "r": {"type": "number"}},
                    "required": ["kind", "r"],
                },
                {"type": "object", "properties": {"kind": {"const": "line"}}, "required": ["kind"]},
                {"type": "string"},
            ]
        },
        "same": {"oneOf": [{"type": "integer"}, {"type": "number"}]},
        "inner": {"type": "object", "additionalProperties": False},
    },
    "required": ["count"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"count": 1}, ""),
        ({}, "count: is required"),
        ({"count": 0}, "count: 0 is less than the minimum of 1"),
        ({"count": "1"}, 'count: should be an integer; got "1"'),
        ({"count": 1, "size": "big"}, 'size: should be one of "small", "large"; got "big"'),
        ({"count": 1, "tags": ["a", 2]}, "tags[1]: should be null or a string; got 2"),
        ({"count": 1, "code": "a"}, 'code: should match ^[A-Z]+$; got "a"'),
        ({"count": 1, "shape": {"kind": "circle"}}, "shape.r: is required (or use another of 3 forms)"),
        ({"count": 1, "shape": {"kind": "line", "r": 1}}, ""),
        ({"count": 1, "same": 1}, "same: fits more than one of 2 forms; say more to choose one"),
        ({"count": 1, "inner": {"x": 1}}, "inner: takes no members; there is 1"),
        ({"count": 1, "x": 1}, "x: there is no such argument; known: count, size, tags, code, shape, same, inner"),
        ({"count": [1] * 100}, "count: should be an integer; got [" + "1," * 29 + "1..."),
    ],
)
def test_a_problem_says_where_and_what_instead(args: JsonObject, message: str) -> None:
    assert Validator(SCHEMA).problems(args) == message


def test_a_constant_is_named() -> None:
    assert Validator({"properties": {"a": {"const": 3}}}).problems({"a": 4}) == "a: should be 3; got 4"
    assert (
        Validator({"properties": {}, "additionalProperties": False}).problems({"a": 4}).endswith("the tool takes none")
    )
    assert Validator({"properties": {"a": False}}).problems({"a": 4}) == "a: may not be given; there is 4"
    assert (
        Validator({"additionalProperties": False, "patternProperties": {"^b": {}}}).problems({"a": 4})
        == "a: there is no such argument"
    )


def test_the_form_that_came_nearest_is_the_one_told_of() -> None:
    ident: JsonObject = {"properties": {"id": {"type": "integer"}}, "required": ["id"], "additionalProperties": False}
    named: JsonObject = {
        "properties": {
            "name": {},
            "kind": {"enum": ["list"]},
            "options": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["name", "kind", "options"],
        "additionalProperties": False,
    }
    schema: JsonObject = {"oneOf": [ident, named, {"type": "null"}]}
    value: JsonObject = {"name": "a", "kind": "list", "options": ["x", 1, 2, 3]}
    assert Validator(schema).problems(value).startswith("options[1]: should be a string; got 1\n")


def test_no_more_than_eight_problems_are_told() -> None:
    names = [f"n{number}" for number in range(12)]
    lines = Validator({"required": [*names]}).problems({}).splitlines()
    assert (len(lines), lines[-1]) == (9, "... and 4 more")


def test_long_lists_of_options_are_cut() -> None:
    assert (
        Validator({"enum": [*range(50)]}).problems(99)
        == f"arguments: should be one of {', '.join(map(str, range(20)))}, ...; got 99"
    )


@pytest.mark.parametrize(
    "schema",
    [{"type": "any"}, {"properties": {"a": {"pattern": "("}}}, {"$ref": "https://x.example/schema"}, {"minimum": "1"}],
)
def test_what_is_no_schema_is_refused_before_anything_is_called(schema: JsonObject) -> None:
    with pytest.raises(ConfigError, match="is not JSON Schema"):
        Validator(schema)


def test_a_schema_reads_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text('{"type": "integer"}', encoding="utf-8")
    with pytest.raises(ConfigError, match="is not JSON Schema"):
        Validator({"$ref": (tmp_path / "there.json").as_uri()})


ODD: list[JsonValue] = [{"a": float("nan")}, {"a": "\ud800"}, {"a": 1 << 80}, [[[{}]]], None]


@pytest.mark.parametrize("value", ODD)
def test_any_value_is_judged_and_never_an_exception(value: JsonValue) -> None:
    assert Validator({"type": "object", "properties": {"a": {"type": "boolean"}}}).problems(value)
