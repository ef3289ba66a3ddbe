"""Schemas: references and `allOf` are followed, and what several members demand holds together."""

import pytest

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.tools.checking import Options
from remit.tools.checking.schemas import Path, Schema, has, kinds, reached, shown


def test_all_of_demands_what_each_of_its_members_demands() -> None:
    schema: JsonObject = {
        "allOf": [
            {"$ref": "#/$defs/A"},
            {"type": "object", "required": ["b", "a"], "properties": {"a": {"minimum": 3}}, "minProperties": 2},
        ],
        "maxProperties": 4,
        "$defs": {
            "A": {
                "type": ["object", "null"],
                "required": ["a"],
                "properties": {"a": {"minimum": 1, "maximum": 9, "enum": [1, 5, 7]}},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 5,
            }
        },
    }
    opened = Schema(schema).open(schema)
    assert opened["required"] == ["a", "b"]
    assert (opened["minProperties"], opened["maxProperties"]) == (2, 4)
    assert opened["additionalProperties"] is False
    (place,) = Schema(schema).places()
    assert (shown(place.path), place.required) == ("a", True)
    assert (place.node["minimum"], place.node["maximum"]) == (3, 9)


def test_values_and_types_that_all_members_allow_are_left() -> None:
    schema: JsonObject = {
        "allOf": [{"enum": [1, 2], "type": ["integer", "null"]}, {"enum": [2, 3], "type": ["integer"]}]
    }
    opened = Schema(schema).open(schema)
    assert (opened["enum"], opened["type"]) == ([2], ["integer"])


def test_pointers_are_read_as_they_are_written() -> None:
    schema: JsonObject = {"$defs": {"a/b~c d": {"type": "string"}, "e": {"$ref": "#/$defs/a~1b~0c%20d"}}}
    assert Schema(schema).open({"$ref": "#/$defs/e"}) == {"type": "string"}
    assert Schema(schema).open({"$ref": "other.json#/x"}) == {}
    assert Schema(schema).open({"$ref": "#/$defs/e/deeper/still"}) == {}
    never: JsonValue = False
    assert kinds(Schema(schema).open(never)) == kinds({})


def test_a_place_in_arguments_is_reached_or_not() -> None:
    args: JsonObject = {"a": [{"b": 1}, {"c": 2}], "e": []}
    found: dict[Path, JsonValue] = {("a", 0, "b"): 1, (): args}
    absent: list[Path] = [("a", 0, "c"), ("x",), ("e", 0), ("a", "b")]
    assert {path: reached(args, path) for path in found} == found
    assert all(has(args, path) for path in found)
    assert not any(has(args, path) or reached(args, path) for path in absent)


def test_figures_with_which_nothing_could_be_checked_are_refused() -> None:
    with pytest.raises(ConfigError, match="a check needs calls"):
        Options(calls=0)
    with pytest.raises(ConfigError, match="a check needs calls"):
        Options(samples=-1)
    with pytest.raises(ConfigError, match="timeout is above 0"):
        Options(timeout=0.0)
