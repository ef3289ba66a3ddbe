"""Schemas brought into what a provider can decode under."""

from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.shape import shape
from remit.core.values import JsonObject, JsonValue
from remit.models.wires.schemas import ANTHROPIC, OPENAI, Subset, fitted, rooted


class Leaf(msgspec.Struct):
    """An end."""

    size: int


class Branch(msgspec.Struct):
    """A tree."""

    left: "list[Branch]"
    right: "Branch | None" = None


class Order(msgspec.Struct):
    """What msgspec can say that providers understand."""

    kind: Literal["a", "b"]
    lines: list[Leaf]
    note: str | None = None


def fit(schema: JsonObject, subset: Subset = OPENAI) -> JsonObject | None:
    return fitted([schema], subset)[0]


def holding(item: JsonValue, **more: JsonValue) -> JsonObject:
    """An object with one property."""
    return {"type": "object", "properties": {"x": item}, "required": ["x"], **more}


def test_a_struct_is_held_to_with_its_definitions() -> None:
    result = fit(shape(Order).schema)
    assert result == {
        "type": "object",
        "description": "What msgspec can say that providers understand.",
        "properties": {
            "kind": {"enum": ["a", "b"]},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/Leaf"}},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["kind", "lines", "note"],
        "additionalProperties": False,
        "$defs": {
            "Leaf": {
                "type": "object",
                "description": "An end.",
                "properties": {"size": {"type": "integer"}},
                "required": ["size"],
                "additionalProperties": False,
            }
        },
    }


def test_a_schema_that_contains_itself_is_for_those_who_can() -> None:
    schema = shape(Branch).schema
    assert fit(schema) is not None
    assert fit(schema, ANTHROPIC) is None


def test_the_root_is_written_out_and_only_what_it_needs_is_kept() -> None:
    schema: JsonObject = {
        "$ref": "#/$defs/A",
        "title": "whole",
        "$defs": {"A": holding({"$ref": "#/$defs/B"}), "B": {"$ref": "#/$defs/B"}, "C": {"type": "null"}},
    }
    assert rooted(schema) == {**holding({"$ref": "#/$defs/B"}), "title": "whole", "$defs": {"B": {"$ref": "#/$defs/B"}}}
    plain = holding({"type": "string"})
    assert rooted(plain) is plain
    alone: JsonObject = {"$ref": "#/$defs/A", "$defs": {"A": plain}}
    assert rooted(alone) == plain
    losts: list[JsonObject] = [{"$ref": "#/$defs/A", "$defs": {}}, {"$ref": "#/$defs/A"}]
    for lost in losts:
        assert rooted(lost) is lost
        assert fit(lost) is None


@pytest.mark.parametrize(
    "item",
    [
        {},
        True,
        {"type": "any"},
        {"type": []},
        {"type": ["string", "other"]},
        {"type": "array"},
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "object", "properties": []},
        {"allOf": [{"type": "string"}]},
        {"anyOf": [{"type": "string"}], "oneOf": [{"type": "string"}]},
        {"anyOf": [{"type": "string"}], "properties": {}},
        {"type": "array", "items": {"type": "string"}, "prefixItems": []},
        {"$ref": "https://example.org/schema"},
        {"description": "anything"},
    ],
)
def test_what_no_decoder_can_hold_is_not_strict(item: JsonValue) -> None:
    assert fit(holding(item)) is None


def test_a_root_that_is_no_object_is_not_strict() -> None:
    assert fit(shape(list[int]).schema) is None
    assert fit({"type": "string"}) is None


def test_a_tool_without_arguments_is_closed() -> None:
    closed: JsonObject = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert fit({"type": "object", "properties": {}}) == closed
    assert fit({"type": "object", "additionalProperties": False}) == closed


def test_constraints_the_decoder_cannot_hold_are_told_in_words() -> None:
    item: JsonObject = {"type": "string", "minLength": 2, "pattern": "^a(?=b)", "format": "uri", "description": "A."}
    result = fit(holding(item))
    assert result == {
        **holding({"type": "string", "description": 'A. {"minLength":2,"pattern":"^a(?=b)","format":"uri"}'}),
        "additionalProperties": False,
    }
    number = fit(holding({"type": "integer", "minimum": 1, "default": 3, "title": "N"}))
    assert number == {**holding({"type": "integer", "minimum": 1}), "additionalProperties": False}
    told = fit(holding({"type": "integer", "minimum": 1, "enum": [1, 2]}), ANTHROPIC)
    assert told == {
        **holding({"type": "integer", "enum": [1, 2], "description": '{"minimum":1}'}),
        "additionalProperties": False,
    }
    kept = fit(holding({"type": "string", "pattern": "^a$", "format": "uuid"}))
    assert kept == {**holding({"type": "string", "pattern": "^a$", "format": "uuid"}), "additionalProperties": False}


def test_a_property_that_may_be_left_out_is_needed_only_where_null_says_the_same() -> None:
    either: JsonObject = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
    listed: JsonObject = {"type": ["string", "null"], "default": None}
    nothing: JsonObject = {"type": "null", "default": None}
    both: JsonObject = {"type": "object", "properties": {"a": either, "b": listed, "c": nothing}}
    result = fit(both)
    assert result is not None
    assert result["required"] == ["a", "b", "c"]
    strings: list[JsonValue] = [{"type": "string"}, {"type": "string", "default": None}, {"type": ["string", "null"]}]
    for item in strings:
        assert fit({"type": "object", "properties": {"x": item}}) is None
    loose = fit({"type": "object", "properties": {"x": {"type": "string"}}}, ANTHROPIC)
    assert loose is not None
    assert loose["required"] == []


def test_the_schemas_of_a_request_share_its_room() -> None:
    optional: JsonObject = {"type": "object", "properties": {name: {"type": "string"} for name in "abcdefgh"}}
    closed: JsonObject = {"type": "object", "properties": {}}
    held = fitted([optional, optional, closed], ANTHROPIC)
    assert [result is not None for result in held] == [True, False, True]
    assert [result is not None for result in fitted([closed] * 18, ANTHROPIC)] == [True] * 16 + [False] * 2
    union = holding({"anyOf": [{"type": "string"}, {"type": "integer"}]})
    assert [result is not None for result in fitted([union] * 9, ANTHROPIC)] == [True] * 8 + [False]


def _array(item: JsonValue) -> JsonValue:
    return {"type": "array", "items": item}


def _union(items: list[JsonValue]) -> JsonValue:
    return {"anyOf": items}


def _object(properties: dict[str, JsonValue], needed: list[JsonValue]) -> JsonValue:
    return {"type": "object", "properties": properties, "required": needed}


_letters = st.sampled_from("abc")
_simple: list[JsonValue] = [{"type": "string"}, {"type": "integer"}, {"type": "null"}, {"type": "odd"}, {}]
_schemas: st.SearchStrategy[JsonValue] = st.recursive(
    st.sampled_from(_simple),
    lambda inner: (
        st.builds(_array, inner)
        | st.builds(_union, st.lists(inner, min_size=1, max_size=3))
        | st.builds(_object, st.dictionaries(_letters, inner, max_size=3), st.lists(_letters, unique=True))
    ),
    max_leaves=8,
)


@given(_schemas, st.sampled_from([OPENAI, ANTHROPIC]))
def test_what_fits_is_closed_and_complete_and_fits_again(schema: JsonValue, subset: Subset) -> None:
    assert isinstance(schema, dict)
    result = fit(schema, subset)
    if result is None:
        return
    assert fit(result, subset) == result
    ahead: list[JsonValue] = [result]
    while ahead:
        node = ahead.pop()
        assert isinstance(node, dict)
        properties = node.get("properties")
        if isinstance(properties, dict):
            assert node["additionalProperties"] is False
            assert subset is ANTHROPIC or node["required"] == list(properties)
            ahead.extend(properties.values())
        for key in ("items", "anyOf"):
            inner = node.get(key, [])
            ahead.extend(inner if isinstance(inner, list) else [inner])
