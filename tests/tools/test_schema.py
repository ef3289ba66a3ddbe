"""JSON Schema without noise."""

from pydantic import BaseModel

from remit.core.values import JsonObject
from remit.tools.schema import tidy


class Leaf(BaseModel):
    title: str
    """A property may well be called title."""


class Branch(BaseModel):
    left: Leaf
    right: Leaf | None = None


class Node(BaseModel):
    kids: list["Node"] = []


class Forest(BaseModel):
    first: Node
    branch: Branch


def test_titles_go_but_properties_named_title_stay() -> None:
    assert tidy(Leaf.model_json_schema()) == {
        "type": "object",
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
    }


def test_definitions_are_written_out_where_they_are_used() -> None:
    schema = tidy(Branch.model_json_schema())
    assert "$defs" not in schema
    leaf = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    assert schema["properties"] == {"left": leaf, "right": {"anyOf": [leaf, {"type": "null"}], "default": None}}


def test_recursive_definitions_stay_and_only_they() -> None:
    schema = tidy(Forest.model_json_schema())
    defs = schema["$defs"]
    assert isinstance(defs, dict)
    assert list(defs) == ["Node"]
    node: JsonObject = {"default": [], "items": {"$ref": "#/$defs/Node"}, "type": "array"}
    assert defs["Node"] == {"type": "object", "properties": {"kids": node}}
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert properties["first"] == {"$ref": "#/$defs/Node"}


def test_large_definitions_used_twice_are_kept_once() -> None:
    large: JsonObject = {"type": "object", "description": "x" * 700}
    ref: JsonObject = {"$ref": "#/$defs/Large"}
    schema: JsonObject = {"type": "object", "properties": {"a": ref, "b": ref}, "$defs": {"Large": large}}
    assert tidy(schema) == schema
    once: JsonObject = {"type": "object", "properties": {"a": ref}, "$defs": {"Large": large}}
    assert tidy(once) == {"type": "object", "properties": {"a": large}}


def test_values_are_never_mistaken_for_schemas() -> None:
    schema: JsonObject = {"type": "object", "properties": {"a": {"default": {"title": "kept"}, "title": "A"}}}
    assert tidy(schema) == {"type": "object", "properties": {"a": {"default": {"title": "kept"}}}}
