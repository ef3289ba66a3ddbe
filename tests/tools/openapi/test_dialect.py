"""Dialect: what 3.0 and 3.1 say is what JSON Schema 2020-12 says of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tools.openapi.stand_in import document

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.tools.openapi.dialect import Dialect, Direction
from remit.tools.validation import Validator

PET: JsonObject = {
    "type": "object",
    "required": ["id", "kind", "secret"],
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "kind": {"type": "string"},
        "secret": {"type": "string", "writeOnly": True},
    },
    "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/components/schemas/Cat", "dog": "Dog"}},
}


def converted(
    node: JsonValue, version: str = "3.0.3", direction: Direction = "request", **schemas: JsonValue
) -> JsonObject:
    dialect = Dialect(document({}, version, components={"schemas": schemas}), direction)
    schema = dialect.schema(node)
    assert isinstance(schema, dict)
    return {**schema, "$defs": dialect.defs} if dialect.defs else schema


def fits(schema: JsonObject, value: JsonValue) -> bool:
    return Validator(schema).problems(value) == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"nullable": True, "enum": ["a", None]}, {"anyOf": [{"enum": ["a", None]}, {"type": "null"}]}),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, {"type": "number", "exclusiveMinimum": 1}),
        ({"type": "number", "maximum": 1, "exclusiveMaximum": False}, {"type": "number", "maximum": 1}),
        ({"exclusiveMaximum": True}, {}),
        ({"type": "string", "example": "x", "xml": {}, "x-more": 1, "externalDocs": {}}, {"type": "string"}),
        ({"type": "string", "required": True}, {"type": "string"}),
        ({"nullable": True, "description": "any"}, {"description": "any"}),
        (True, True),
    ],
)
def test_what_only_openapi_knows_becomes_json_schema(before: JsonValue, after: JsonValue) -> None:
    assert Dialect(document({}, "3.0.3"), "request").schema(before) == after


def test_nullable_counts_beside_all_of() -> None:
    schema = converted({"nullable": True, "allOf": [{"$ref": "#/components/schemas/A"}]}, A={"type": "integer"})
    typed = converted({"nullable": True, "type": "object", "allOf": [{"required": ["a"]}]})
    assert [fits(schema, value) for value in (None, 1, "x")] == [True, True, False]
    objects: list[JsonValue] = [None, {"a": 1}, {}]
    assert [fits(typed, value) for value in objects] == [True, True, False]


def test_nullable_means_nothing_in_31() -> None:
    assert not fits(converted({"type": "string", "nullable": True}, "3.1.0"), None)


def test_beside_a_reference_30_says_nothing_and_31_says_more() -> None:
    node: JsonObject = {"$ref": "#/components/schemas/A", "minimum": 5, "description": "Five."}
    assert fits(converted(node, A={"type": "integer"}), 1)
    schema = converted(node, "3.1.0", A={"type": "integer"})
    assert [fits(schema, value) for value in (1, 5)] == [False, True]
    assert schema["description"] == "Five."


def test_what_is_read_only_is_not_asked_for_and_what_is_write_only_is_not_promised() -> None:
    ask, say = converted(PET), converted(PET, direction="response")
    assert (ask["required"], say["required"]) == (["kind", "secret"], ["id", "kind"])
    assert isinstance(ask["properties"], dict)
    assert list(ask["properties"]) == ["kind", "secret"]


def test_a_child_does_not_ask_for_what_its_parent_says_is_read_only() -> None:
    child: JsonObject = {
        "allOf": [{"$ref": "#/components/schemas/Pet"}, {"required": ["id", "kind"]}],
        "required": ["id"],
    }
    assert fits(converted(child, Pet=PET), {"kind": "cat", "secret": "s"})


def test_a_property_may_be_read_only_where_it_is_used() -> None:
    node: JsonObject = {"properties": {"a": {"$ref": "#/components/schemas/A", "readOnly": True}}, "required": ["a"]}
    assert converted(node, "3.1.0", A={"type": "integer"})["required"] == []
    assert converted(node, "3.0.0", A={"type": "integer"})["required"] == ["a"]


def test_a_discriminator_chooses_one_branch() -> None:
    cat: JsonObject = {"type": "object", "properties": {"kind": {"type": "string"}, "n": {"type": "integer"}}}
    node: JsonObject = {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}, {"type": "null"}],
        "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/components/schemas/Cat", "tom": "Cat"}},
    }
    schema = converted(node, "3.1.0", Cat=cat, Dog=cat)
    values: list[JsonValue] = [
        {"kind": "cat"},
        {"kind": "tom", "n": 1},
        {"kind": "Dog"},
        None,
        {"kind": "cow"},
        {"n": 1},
    ]
    assert [fits(schema, value) for value in values] == [True, True, True, True, False, False]


def test_a_parent_that_lists_its_children_does_not_lead_back() -> None:
    parent: JsonObject = {
        "type": "object",
        "properties": {"kind": {"type": "string"}},
        "oneOf": [{"$ref": "#/components/schemas/Cat"}],
        "discriminator": {"propertyName": "kind"},
    }
    cat: JsonObject = {"allOf": [{"$ref": "#/components/schemas/Pet"}, {"required": ["lives"]}]}
    schema = converted({"$ref": "#/components/schemas/Pet"}, Pet=parent, Cat=cat)
    values: list[JsonValue] = [{"kind": "Cat", "lives": 9}, {"kind": "Cat"}, {"lives": 9}]
    assert [fits(schema, value) for value in values] == [True, False, False]
    assert isinstance(schema["$defs"], dict)
    assert "#/$defs/Pet" not in str(schema["$defs"]["Cat"])


def test_parents_without_end_are_no_endless_search() -> None:
    schema = converted(
        {"$ref": "#/components/schemas/Egg"}, Egg={"allOf": [{"$ref": "#/components/schemas/Egg"}], "type": "object"}
    )
    assert fits(schema, {})


def test_recursion_stays_recursion() -> None:
    node: JsonObject = {
        "type": "object",
        "properties": {"next": {"$ref": "#/components/schemas/Node"}},
        "additionalProperties": False,
    }
    schema = converted({"$ref": "#/components/schemas/Node"}, Node=node)
    assert fits(schema, {"next": {"next": {}}})
    assert not fits(schema, {"next": {"next": {"last": 1}}})


def test_definitions_of_one_name_stay_two() -> None:
    api = document({}, more={"A": {"type": "integer"}}, components={"schemas": {"A": {"type": "string"}}})
    dialect = Dialect(api, "request")
    nodes: list[JsonValue] = [{"$ref": "#/components/schemas/A"}, {"$ref": "#/more/A"}, {"$ref": "#/more/A"}]
    assert [dialect.schema(node) for node in nodes] == [
        {"$ref": "#/$defs/A"},
        {"$ref": "#/$defs/A_2"},
        {"$ref": "#/$defs/A_2"},
    ]


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("text", "a schema is an object"),
        ({"$dynamicRef": "#x"}, r"\$dynamicRef is not known"),
        ({"items": [{"type": "string"}]}, "write `prefixItems`"),
        ({"$ref": "#/components/schemas/Loop"}, "leads only to itself"),
        ({"$ref": "pets.yaml"}, "leads out of the document"),
    ],
)
def test_what_has_no_json_schema_is_refused(node: JsonValue, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        converted(node, Loop={"$ref": "#/components/schemas/Loop"})


def test_a_schema_without_end_is_refused() -> None:
    node: JsonObject = {}
    for _ in range(300):
        node = {"not": node}
    with pytest.raises(ConfigError, match="nested more than"):
        converted(node)


PLAIN = st.recursive(
    st.sampled_from(["string", "integer", "boolean", "null", "number"]).map(lambda kind: {"type": kind}),
    lambda inner: st.one_of(
        inner.map(lambda node: {"type": "array", "items": node}),
        st.dictionaries(st.text("abc", min_size=1), inner).map(lambda nodes: {"type": "object", "properties": nodes}),
        st.lists(inner, min_size=1, max_size=3).map(lambda nodes: {"anyOf": nodes}),
    ),
    max_leaves=8,
)


@given(PLAIN)
def test_what_is_json_schema_already_stays_as_it_is(node: JsonObject) -> None:
    assert converted(node, "3.1.0") == node
