"""Inclusion: what is said to be accepted is accepted, and what is not is named at its place."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.tools.contracts.schemas import ANY, edited, guessed

from remit.core.values import JsonObject, JsonValue
from remit.tools.contracts.inclusion import Finding, beyond

TEXT: JsonObject = {"type": "string"}
WHOLE: JsonObject = {"type": "integer"}
OTHERS = "null, a boolean, an array, an object or a number"


def closed(**properties: JsonValue) -> JsonObject:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def validator(schema: Any) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema)


def kind(value: str, **properties: JsonValue) -> JsonObject:
    return {"type": "object", "properties": {"kind": {"const": value}, **properties}, "required": ["kind"]}


def tree(name: str, value: JsonValue) -> JsonObject:
    node = closed(value=value, children={"type": "array", "items": {"$ref": f"#/$defs/{name}"}})
    return {"$ref": f"#/$defs/{name}", "$defs": {name: node}}


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_what_is_shown_to_be_included_has_no_value_outside(data: st.DataObject) -> None:
    old = data.draw(ANY)
    new = data.draw(edited(data.draw(edited(old))))
    if beyond(old, new):
        return
    before, after = validator(old), validator(new)
    for _ in range(8):
        value = data.draw(guessed(data.draw(st.sampled_from([old, new]))))
        assert not before.is_valid(value) or after.is_valid(value)


@settings(max_examples=100, deadline=None)
@given(ANY)
def test_every_schema_is_included_in_itself(schema: JsonValue) -> None:
    assert beyond(schema, schema) == []


@settings(max_examples=100, deadline=None)
@given(ANY)
def test_every_schema_is_included_in_a_choice_that_has_it(schema: JsonValue) -> None:
    assert beyond(schema, {"anyOf": [{"type": "null"}, schema]}) == []


WIDER: dict[str, tuple[JsonValue, JsonValue]] = {
    "a whole number is a number": (WHOLE, {"type": "number"}),
    "a type of several": (TEXT, {"type": ["string", "null"]}),
    "a nullable, as a list and as a choice": ({"type": ["string", "null"]}, {"anyOf": [TEXT, {"type": "null"}]}),
    "a nullable, as a choice and as a list": ({"anyOf": [TEXT, {"type": "null"}]}, {"type": ["string", "null"]}),
    "anything": (TEXT, True),
    "anything, as an object": (TEXT, {}),
    "nothing": (False, TEXT),
    "a constant of an enum": ({"const": "a"}, {"enum": ["a", "b"]}),
    "a constant that is a number": ({"const": 1.0}, {"const": 1}),
    "an enum of the type": ({"enum": [1, 2]}, {"type": "integer", "maximum": 2}),
    "an enum whose strange options the type forbids": ({"type": "string", "enum": ["a", 1]}, TEXT),
    "the booleans": ({"type": "boolean"}, {"enum": [True, False]}),
    "an exclusive bound of whole numbers": ({"type": "integer", "exclusiveMinimum": 2}, {"minimum": 3}),
    "a bound of draft 4": ({"type": "integer", "minimum": 2, "exclusiveMinimum": True}, {"minimum": 3}),
    "a multiple": ({"type": "integer", "multipleOf": 6}, {"multipleOf": 3}),
    "a length": ({"type": "string", "minLength": 3}, {"minLength": 2}),
    "a format of more": ({"type": "integer", "format": "int32"}, {"type": "integer", "format": "int64"}),
    "a bound of another type": (TEXT, {"minimum": 3, "minItems": 2, "required": ["x"]}),
    "an array of unlike items": (
        {"type": "array", "items": [TEXT, WHOLE], "additionalItems": False},
        {"type": "array", "items": {"type": ["string", "integer"]}, "maxItems": 2},
    ),
    "at most one item": ({"type": "array", "maxItems": 1}, {"type": "array", "uniqueItems": True}),
    "a closed object": (closed(a=TEXT), {"type": "object", "additionalProperties": TEXT, "maxProperties": 1}),
    "a pattern of names": (closed(abc=TEXT), {"patternProperties": {"^a": TEXT}, "additionalProperties": False}),
    "names that are allowed": (closed(abc=TEXT), {"propertyNames": {"maxLength": 3}}),
    "required, so many": ({"type": "object", "required": ["a", "b"]}, {"minProperties": 2}),
    "all of parts": ({"allOf": [closed(a=TEXT), {"required": ["a"]}]}, {"type": "object", "required": ["a"]}),
    "parts of all": ({"type": "object", "required": ["a", "b"]}, {"allOf": [{"required": ["a"]}, {"required": ["b"]}]}),
    "a case of those": (kind("a", x=TEXT), {"oneOf": [kind("a", x=TEXT), kind("b")]}),
    "one more case": ({"oneOf": [kind("a"), kind("b")]}, {"oneOf": [kind("a"), kind("b"), kind("c")]}),
    "cases that may overlap": (
        {"oneOf": [{"minimum": 3}, {"maximum": 1}]},
        {"anyOf": [{"minimum": 3}, {"maximum": 1}]},
    ),
    "less is forbidden": ({"not": {"type": ["string", "null"]}}, {"not": TEXT}),
    "what is forbidden cannot be": (WHOLE, {"not": TEXT}),
    "a tree by another name": (tree("node", TEXT), tree("leaf", TEXT)),
    "a tree of more": (tree("node", WHOLE), tree("node", {"type": "number"})),
    "a reference and what it names": ({"$ref": "#/$defs/a", "$defs": {"a": TEXT}}, TEXT),
    "the same condition": (
        {"if": TEXT, "then": {"minLength": 1}},
        {"if": TEXT, "then": {"minLength": 1}, "title": "x"},
    ),
    "unevaluated, alone": (closed(a=TEXT), {"properties": {"a": TEXT}, "unevaluatedProperties": False}),
    "the same that is needed": (
        {"type": "object", "dependentRequired": {"a": ["b"]}},
        {"dependentRequired": {"a": ["b"]}},
    ),
}


@pytest.mark.parametrize("name", WIDER)
def test_what_is_wider_accepts_it_all(name: str) -> None:
    narrow, wide = WIDER[name]
    assert beyond(narrow, wide) == []


NARROWER: dict[str, tuple[JsonValue, JsonValue, Finding]] = {
    "a type": ({"type": ["string", "null"]}, TEXT, Finding("type", "null")),
    "numbers": ({"type": "number"}, WHOLE, Finding("type", "a number that is not whole")),
    "an option": ({"enum": ["low", "urgent"]}, {"enum": ["low"]}, Finding("value", '"urgent"')),
    "a text": (TEXT, {"enum": ["low"]}, Finding("value", 'anything but "low"')),
    "a bound": ({"type": "integer"}, {"minimum": 1}, Finding("bound", "a number below 1")),
    "a strict bound": (
        {"type": "number", "maximum": 1},
        {"exclusiveMaximum": 1},
        Finding("bound", "a number of at least 1"),
    ),
    "a step": ({"type": "integer"}, {"multipleOf": 2}, Finding("bound", "a number that is no multiple of 2")),
    "a length": (TEXT, {"maxLength": 5}, Finding("bound", "a string with more than 5 characters")),
    "a pattern": (TEXT, {"pattern": "^a"}, Finding("pattern", 'a string that does not match "^a"')),
    "a format": (TEXT, {"format": "date"}, Finding("format", 'a value that is not of the format "date"')),
    "items": ({"type": "array", "items": WHOLE}, {"items": TEXT}, Finding("type", "an integer", "[]")),
    "an item": ({"type": "array"}, {"prefixItems": [True, TEXT]}, Finding("type", OTHERS, "[1]")),
    "equal items": ({"type": "array"}, {"uniqueItems": True}, Finding("bound", "an array with equal items")),
    "a name": ({"type": "object"}, {"required": ["due date"]}, Finding("required", "", "['due date']")),
    "other names": (
        {"type": "object"},
        {"type": "object", "additionalProperties": False},
        Finding("closed", "other members than those it names"),
    ),
    "a member deep within": (
        {"properties": {"fields": {"properties": {"priority": TEXT}}}, "type": "object"},
        {"properties": {"fields": {"properties": {"priority": WHOLE}}}},
        Finding("type", "a string", ".fields.priority"),
    ),
    "a case": (
        {"oneOf": [kind("a"), kind("b")]},
        {"oneOf": [kind("a")]},
        Finding("value", '"b"', ".kind"),
    ),
    "overlapping cases": ({"minimum": 3}, {"oneOf": [{"minimum": 3}, {"minimum": 2}]}, Finding("unproved", "`oneOf`")),
    "what is forbidden": (TEXT, {"not": {"maxLength": 3}}, Finding("unproved", "`not`")),
    "a condition": (TEXT, {"if": {"minLength": 1}, "then": {"maxLength": 9}}, Finding("unproved", "`if`")),
    "a reference to nowhere": (TEXT, {"$ref": "#/$defs/gone"}, Finding("unproved", "a reference that leads nowhere")),
    "a reference elsewhere": (
        TEXT,
        {"$ref": "https://a.example/b"},
        Finding("unproved", "a reference that leads nowhere"),
    ),
    "an unknown keyword": (TEXT, {"colour": "red"}, Finding("unproved", "`colour`")),
    "a schema that is none": (TEXT, {"anyOf": [3]}, Finding("unproved", "`$malformed`")),
    "what is needed": (
        {"type": "object"},
        {"dependentRequired": {"a": ["b"]}},
        Finding("unproved", "`dependentRequired`", ".a"),
    ),
    "a tree of less": (
        tree("n", {"type": "number"}),
        tree("n", WHOLE),
        Finding("type", "a number that is not whole", ".value"),
    ),
    "unevaluated in parts": (
        {"allOf": [{"properties": {"a": TEXT, "b": TEXT}}], "unevaluatedProperties": False, "type": "object"},
        {"allOf": [{"properties": {"a": TEXT}}], "unevaluatedProperties": False, "type": "object"},
        Finding("unproved", "`unevaluatedProperties`"),
    ),
}


@pytest.mark.parametrize("name", NARROWER)
def test_what_is_narrower_is_named_at_its_place(name: str) -> None:
    wide, narrow, finding = NARROWER[name]
    assert finding in beyond(wide, narrow)


VALUES: dict[str, tuple[JsonValue, JsonValue, JsonValue]] = {
    "a type": (1, {"type": "number"}, TEXT),
    "whole though written with a point": (2.0, WHOLE, {"type": "string"}),
    "not whole": (2.5, {"type": "number"}, WHOLE),
    "bounds": (3, {"minimum": 3, "maximum": 3}, {"exclusiveMinimum": 3}),
    "a step": (9, {"multipleOf": 3}, {"multipleOf": 2}),
    "a length": ("abc", {"minLength": 3}, {"maxLength": 2}),
    "a pattern": ("abc", {"pattern": "^a.c$"}, {"pattern": "^b"}),
    "one of": (3, {"oneOf": [{"minimum": 3}, {"maximum": 2}]}, {"oneOf": [{"minimum": 3}, {"minimum": 2}]}),
    "any of": (3, {"anyOf": [TEXT, WHOLE]}, {"anyOf": [TEXT, {"minimum": 4}]}),
    "all of": (3, {"allOf": [{"minimum": 3}, WHOLE]}, {"allOf": [{"minimum": 4}, WHOLE]}),
    "not": (3, {"not": TEXT}, {"not": WHOLE}),
    "items": ([1, 2], {"items": WHOLE, "minItems": 2}, {"items": TEXT}),
    "a row of items": ([1, "a"], {"prefixItems": [WHOLE, TEXT]}, {"prefixItems": [WHOLE, WHOLE]}),
    "unlike items": ([1, 2], {"uniqueItems": True}, {"maxItems": 1}),
    "like items": ([1, 1.0], {"uniqueItems": False}, {"uniqueItems": True}),
    "members": ({"a": "x"}, closed(a=TEXT), closed(a=WHOLE)),
    "other members": ({"b": "x"}, {"additionalProperties": TEXT}, closed(a=TEXT)),
    "members by pattern": ({"ab": "x"}, {"patternProperties": {"^a": TEXT}}, {"patternProperties": {"b$": WHOLE}}),
    "required": ({"a": 1}, {"required": ["a"], "minProperties": 1}, {"required": ["b"]}),
    "names": ({"a": 1}, {"propertyNames": {"maxLength": 1}}, {"propertyNames": {"minLength": 2}}),
    "a tree": ({"value": 1, "children": [{"value": 2}]}, tree("n", WHOLE), tree("n", TEXT)),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_constant_is_tried_against_the_schema(name: str) -> None:
    value, fits, refuses = VALUES[name]
    assert beyond({"const": value}, fits) == []
    assert {finding.topic for finding in beyond({"const": value}, refuses)} == {"value"}
    # References lead to the root, so a schema that has some cannot be put into another.
    assert "tree" in name or beyond({"const": value}, {"not": refuses}) == []


DOUBTS: dict[str, tuple[JsonValue, JsonValue]] = {
    "a format": ("2026-01-01", {"format": "date"}),
    "a pattern of a dialect": ("abc", {"pattern": r"\p{L}+"}),
    "a broken pattern": ("abc", {"pattern": "("}),
    "a step that is not whole": (0.3, {"multipleOf": 0.1}),
    "a name by a pattern of a dialect": ({"a": 1}, {"patternProperties": {r"\p{L}": TEXT}}),
    "an item among others": ([1], {"contains": WHOLE}),
    "a condition": (1, {"if": WHOLE, "then": {"minimum": 0}}),
    "a broken bound": (1, {"minimum": "0"}),
    "a broken enum": (1, {"enum": 1}),
    "a reference to nowhere": (1, {"anyOf": [{"$ref": "#/$defs/gone"}]}),
    "a choice of doubts": ("a", {"oneOf": [{"format": "date"}, {"format": "time"}]}),
    "a doubt denied": ("a", {"not": {"format": "date"}}),
}


@pytest.mark.parametrize("name", DOUBTS)
def test_a_constant_that_cannot_be_tried_is_not_called_included(name: str) -> None:
    value, schema = DOUBTS[name]
    assert beyond({"const": value}, schema) == [Finding("unproved", "`enum`")]


def test_broken_bounds_are_not_called_included() -> None:
    broken: JsonObject = {"minimum": "3", "maxLength": "3", "type": 3, "minItems": [], "dependentRequired": 3}
    for name, value in broken.items():
        assert Finding("unproved", f"`{name}`") in beyond({}, {name: value})


def test_a_property_that_is_called_like_a_keyword_is_a_property() -> None:
    names = ["$ref", "$defs", "definitions", "title", "description", "enum", "default"]
    for name in names:
        assert beyond(closed(**{name: TEXT}), closed(**{name: TEXT})) == []
        assert [finding.topic for finding in beyond(closed(**{name: TEXT}), closed(**{name: WHOLE}))] == ["type"]


def test_a_schema_that_refers_only_to_itself_proves_nothing() -> None:
    loop: JsonObject = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert beyond(TEXT, loop) == [Finding("unproved", "a reference that leads nowhere")]
    choice: JsonObject = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}}}
    assert beyond(TEXT, choice)


def test_a_comparison_without_end_is_given_up_and_proves_nothing() -> None:
    row: list[JsonValue] = [{"anyOf": [{"minimum": n}, {"maxLength": n}, {"minItems": n}]} for n in range(24)]
    assert Finding("unproved", "a schema too large to compare") in beyond({"allOf": row}, {"maximum": 3})


def test_members_that_nobody_described_count_as_written_only_when_read_strictly() -> None:
    old: JsonObject = {"type": "object", "properties": {"a": TEXT}}
    new: JsonObject = {"type": "object", "properties": {"a": TEXT, "b": WHOLE}}
    assert [finding.where for finding in beyond(old, new)] == [".b"]
    assert beyond(old, new, "arguments") == []
    assert beyond({**new, "additionalProperties": False}, {**old, "additionalProperties": False}, "answer") == []
