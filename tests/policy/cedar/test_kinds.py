"""What Cedar can know of arguments: read off any JSON Schema, and what it cannot type is left out, never wrong."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.policy.cedar.stage import guard, judged, opened, spec

from remit.core.errors import ConfigError
from remit.core.messages import Call
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue, digest
from remit.policy.cedar import engine, schema_of, schema_text
from remit.policy.cedar.kinds import declared, fields_of

TEXT: JsonObject = {"type": "string"}
_OPEN = opened()


def typed(**properties: JsonValue) -> JsonValue:
    """Give the attributes that Cedar's schema has for arguments."""
    record = declared(fields_of({"type": "object", "properties": properties}))
    return record["attributes"]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, {"type": "String", "required": False}),
        ({"type": "integer"}, {"type": "Long", "required": False}),
        ({"type": "number"}, {"type": "Extension", "name": "decimal", "required": False}),
        ({"type": "boolean"}, {"type": "Bool", "required": False}),
        ({"enum": ["a", "b"]}, {"type": "String", "required": False}),
        ({"const": 3}, {"type": "Long", "required": False}),
        ({"enum": [1, 2.5]}, {"type": "Extension", "name": "decimal", "required": False}),
        ({"type": ["integer", "null"]}, {"type": "Long", "required": False}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}], "default": "x"}, {"type": "String", "required": False}),
        ({"type": "string", "default": "x"}, {"type": "String", "required": True}),
        ({"type": "boolean", "default": False}, {"type": "Bool", "required": True}),
        ({"type": "integer", "default": 3.0}, {"type": "Long", "required": True}),
        ({"type": "integer", "default": True}, {"type": "Long", "required": False}),
        ({"type": "array", "items": TEXT, "default": ["a", 1]},
         {"type": "Set", "element": {"type": "String"}, "required": False}),
        ({"type": "string", "default": 3}, {"type": "String", "required": False}),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]},
         {"type": "Extension", "name": "decimal", "required": False}),
        ({"type": "array", "items": TEXT}, {"type": "Set", "element": {"type": "String"}, "required": False}),
        ({"type": "string", "anyOf": [{"format": "date"}, {"format": "time"}]}, {"type": "String", "required": False}),
        ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, {"type": "String", "required": False}),
    ],
)  # fmt: skip
def test_what_json_schema_says_is_what_cedar_knows(schema: JsonObject, kind: JsonObject) -> None:
    assert typed(it=schema) == {"it": kind}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        True,
        {"type": "null"},
        {"type": "object"},
        {"type": "object", "additionalProperties": TEXT},
        {"type": ["string", "integer"]},
        {"anyOf": [TEXT, {"type": "integer"}]},
        {"anyOf": [TEXT, {}]},
        {"enum": ["a", 1]},
        {"type": "array"},
        {"type": "array", "items": {"type": ["string", "null"]}},
        {"type": "array", "prefixItems": [{"type": "integer"}], "items": TEXT},
        {"allOf": [TEXT, {"type": "integer"}]},
        {"$ref": "#/$defs/missing"},
    ],
)
def test_what_cedar_has_no_type_for_is_left_out(schema: JsonValue) -> None:
    assert typed(it=schema, other=TEXT) == {"other": {"type": "String", "required": False}}


def test_names_that_mean_something_to_cedar_are_left_out() -> None:
    assert typed(__entity=TEXT, __extn=TEXT, __expr=TEXT) == {}


def test_definitions_are_followed_and_those_that_hold_themselves_are_left_out() -> None:
    node: JsonObject = {"type": "object", "properties": {"name": TEXT, "next": {"$ref": "#/$defs/Node"}}}
    schema: JsonObject = {"type": "object", "properties": {"first": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}}
    first = declared(fields_of(schema))["attributes"]
    assert first == {
        "first": {"type": "Record", "required": False, "attributes": {"name": {"type": "String", "required": False}}}
    }


def test_parts_of_one_object_are_one_record_without_what_they_disagree_on() -> None:
    parts: list[JsonValue] = [
        {"type": "object", "properties": {"a": TEXT, "b": TEXT, "c": {"type": ["string", "null"]}}, "required": ["a"]},
        {"type": "object", "properties": {"b": {"type": "integer"}, "c": TEXT, "d": {"type": "string", "default": ""}}},
    ]
    found = fields_of({"allOf": parts, "properties": {"a": TEXT}, "type": "object"}).of
    assert {name: (field.required, field.nullable) for name, field in found.items()} == {
        "a": (True, False), "c": (False, False), "d": (True, False),
    }  # fmt: skip


def test_a_default_of_a_record_counts_when_it_is_one() -> None:
    properties: JsonObject = {"a": TEXT, "b": {"type": "integer", "default": 1}, "c": {"type": ["string", "null"]}}
    node: JsonObject = {"type": "object", "properties": properties, "required": ["a"]}
    cases: list[tuple[JsonObject, bool]] = [
        ({"a": "x", "c": None}, True), ({"a": None}, False), ({}, False), ({"a": 1}, False),
    ]  # fmt: skip
    for default, counts in cases:
        it: JsonObject = {**node, "default": default}
        assert fields_of({"properties": {"it": it}}).of["it"].required is counts


def test_what_is_no_object_has_no_attributes() -> None:
    assert fields_of({"type": "string"}).of == {}
    assert fields_of({}).of == {}


# -- schemas -----------------------------------------------------------------------------------------------------------


def test_actions_are_in_the_groups_of_their_tool() -> None:
    tool = ToolSpec(
        name="pay", description="", schema={}, effect="idempotent", dangerous=True, owner="money", source="mcp:bank",
        labels=("private", "private"),
    )  # fmt: skip
    text = schema_text([tool])
    assert (
        'action "pay" in [Action::"effect:idempotent", Action::"label:private", Action::"tools:dangerous", '
        'Action::"owner:money", Action::"source:mcp:bank"] appliesTo'
    ).replace(" ", "") in text.replace("\n", "").replace(" ", "")
    assert "__cedar" not in text


def test_the_schema_as_people_read_it_can_be_read_back() -> None:
    tools = [spec(name, a=TEXT, b={"type": "number"}) for name in ("Long", "String", "in", "decimal", "find-it", "2nd")]
    text = schema_text([*tools, ToolSpec(name="q", description="", schema={}, owner="__cedar::x")])
    assert str(engine.CompiledSchema.from_str(text)) == text
    assert 'Action::"owner:__cedar::x"' in text


def test_types_of_calls_are_named_after_their_tools() -> None:
    text = schema_text([spec(name) for name in ("find-it", "in", "2nd", "Long")])
    assert all(f"entity {name} =" in text for name in ("find_it", "in_", "_2nd", "Long_"))


def test_a_tool_that_comes_later_never_takes_over_what_policies_say_of_another() -> None:
    text = schema_text([spec("find-it"), spec("find_it")])
    assert "entity find_it =" not in text
    assert text.count("entity find_it_") == 2


def test_tools_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(ConfigError, match="two tools named 'a'"):
        schema_of([spec("a"), spec("a")])
    with pytest.raises(ConfigError, match="take the `:` away"):
        schema_of([spec("effect:read")])
    with pytest.raises(ConfigError, match="rename some"):
        schema_of([spec("a-b"), spec("a_b"), spec(f"a_b_{digest('a-b')[:8]}")])


# -- laws --------------------------------------------------------------------------------------------------------------

_NAMES = st.text(min_size=1, max_size=6) | st.sampled_from(["in", "a b", "__entity", "é", 'q"', "has"])
_PLAIN: st.SearchStrategy[JsonObject] = st.sampled_from(
    [
        {"type": "string"}, {"type": "boolean"}, {"type": "integer"}, {"type": "number"}, {"type": ["integer", "null"]},
        {"enum": ["x", "y"]}, {"type": ["string", "integer"]}, {}, {"type": "null"}, {"type": "string", "default": "d"},
        {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}, {"type": "number", "default": 0.5},
    ]
)  # fmt: skip


def _listed(items: JsonObject) -> JsonObject:
    return {"type": "array", "items": items}


def _deeper(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    return inner.map(_listed) | _objects(inner)


def _objects(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    @st.composite
    def draw_one(draw: st.DrawFn) -> JsonObject:
        properties = draw(st.dictionaries(_NAMES, inner, max_size=4))
        required = [name for name in properties if draw(st.booleans())]
        return {"type": "object", "properties": dict(properties), "required": [*required]}

    return draw_one()


SCHEMAS = _objects(st.recursive(_PLAIN, _deeper, max_leaves=6))


ANYTHING: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=4,
)


_BY_TYPE: dict[str, st.SearchStrategy[JsonValue]] = {
    "string": st.text(),
    "boolean": st.booleans(),
    "integer": st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9).map(float),
    "number": st.integers(-(10**9), 10**9).map(lambda whole: whole / 10_000) | st.integers(-(2**40), 2**40),
    "null": st.none(),
}


def values(schema: JsonValue) -> st.SearchStrategy[JsonValue]:  # noqa: PLR0911 - one for each form
    """Give values of one of the schemas above, with numbers that Cedar holds."""
    match schema:
        case {"enum": list(choices)}:
            return st.sampled_from(choices)
        case {"anyOf": list(choices)}:
            return st.one_of(*map(values, choices))
        case {"type": list(names)}:
            return st.one_of(*(_BY_TYPE[str(name)] for name in names))
        case {"type": "array", "items": items}:
            return st.lists(values(items), max_size=3)
        case {"type": "object", "properties": dict(properties), "required": list(required)}:
            return records(properties, required)
        case {"type": str(name)}:
            return _BY_TYPE[name]
        case _:
            return ANYTHING


@st.composite
def records(draw: st.DrawFn, properties: JsonObject, required: list[JsonValue]) -> JsonObject:
    """Give objects with what is required, some of the rest, and what the schema does not speak of."""
    more = draw(st.dictionaries(_NAMES, ANYTHING, max_size=1))
    made: JsonObject = {name: value for name, value in more.items() if name not in properties}
    for name, one in properties.items():
        if name in required or draw(st.booleans()):
            made[name] = draw(values(one))
    return made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data(), schema=SCHEMAS)
def test_whatever_the_schema_a_valid_call_is_a_valid_request(data: st.DataObject, schema: JsonObject) -> None:
    tool = ToolSpec(name="any", description="", schema=schema, effect="read")
    args = data.draw(values(schema))
    assert isinstance(args, dict)
    policies = guard("permit(principal, action, resource);", [tool])
    verdict = judged(policies, tool, args)
    assert verdict.kind == "allow", verdict.reason


@settings(max_examples=60, deadline=None)
@given(args=st.dictionaries(st.sampled_from(["n", "title", "x"]), ANYTHING, max_size=3))
def test_whatever_the_arguments_what_is_allowed_is_not_what_is_forbidden(args: JsonObject) -> None:
    tool = spec("any", n={"type": "integer"}, title=TEXT)
    policies = guard(
        "permit(principal, action, resource);"
        "forbid(principal, action, resource) when { resource.args has n && resource.args.n > 10 };",
        [tool],
    )
    found = policies.explain(Call("any", args), tool, _OPEN)
    if found.decision == "allow":
        number = args.get("n", 0)
        assert isinstance(number, int | float)
        assert number <= 10
        assert isinstance(args.get("title", ""), str)
