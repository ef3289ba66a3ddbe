"""Schemas for property tests, small changes to them, and values that probably fit."""

from typing import Any

from hypothesis import strategies as st

from remit.core.values import JsonObject, JsonValue

NAMES = st.sampled_from(["a", "b", "c", "kind"])
SCALARS: st.SearchStrategy[JsonValue] = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["x", "y", "low", "2026-01-01"]), st.just(1.5)
)
TEXTS = ["", "a", "b", "x", "ab", "xyz", "low", "abab", "bxaxb", "2026-01-01"]
FREE: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.just("zed"), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def _numbers(draw: st.DrawFn) -> JsonValue:
    schema: JsonObject = {"type": draw(st.sampled_from(["integer", "number"]))}
    for name in ("minimum", "exclusiveMinimum"):
        if draw(st.integers(0, 3)) == 0:
            schema[name] = draw(st.integers(-5, 2))
    for name in ("maximum", "exclusiveMaximum"):
        if draw(st.integers(0, 3)) == 0:
            schema[name] = draw(st.integers(3, 9))
    if schema["type"] == "integer" and draw(st.booleans()):
        schema["multipleOf"] = draw(st.sampled_from([1, 2, 3, 4]))
    return schema


@st.composite
def _strings(draw: st.DrawFn) -> JsonValue:
    schema: JsonObject = {"type": "string"}
    if draw(st.booleans()):
        schema["minLength"] = draw(st.integers(0, 2))
    if draw(st.booleans()):
        schema["maxLength"] = draw(st.integers(2, 5))
    if draw(st.integers(0, 3)) == 0:
        schema = {"type": "string", "pattern": draw(st.sampled_from(["^a", "^[ab]+$", "x"]))}
    return schema


def _enums() -> st.SearchStrategy[JsonValue]:
    options = st.lists(SCALARS, min_size=1, max_size=4, unique_by=repr)
    return options.map(lambda found: {"const": found[0]} if len(found) == 1 else {"enum": found})


@st.composite
def _objects(draw: st.DrawFn, inner: st.SearchStrategy[JsonValue]) -> JsonValue:
    properties: JsonObject = draw(st.dictionaries(NAMES, inner, max_size=3))
    schema: JsonObject = {"type": "object", "properties": properties}
    schema["additionalProperties"] = draw(st.one_of(st.booleans(), inner))
    required = draw(st.lists(NAMES, max_size=2, unique=True))
    # Together with names that are forbidden there would often be no value at all.
    schema["required"] = [name for name in required if name in properties]
    if draw(st.integers(0, 4)) == 0:
        schema["patternProperties"] = {draw(st.sampled_from(["^a", "^k", "^z"])): draw(inner)}
    return schema


@st.composite
def _arrays(draw: st.DrawFn, inner: st.SearchStrategy[JsonValue]) -> JsonValue:
    schema: JsonObject = {"type": "array", "maxItems": draw(st.integers(2, 4))}
    if draw(st.booleans()):
        schema["minItems"] = draw(st.integers(0, 2))
    schema["items"] = draw(inner)
    if draw(st.integers(0, 4)) == 0:
        schema["uniqueItems"] = True
    return schema


@st.composite
def _choices(draw: st.DrawFn, inner: st.SearchStrategy[JsonValue]) -> JsonValue:
    name = draw(st.sampled_from(["anyOf", "oneOf", "allOf", "not"]))
    return {name: draw(inner) if name == "not" else draw(st.lists(inner, min_size=1, max_size=3))}


@st.composite
def _typed(draw: st.DrawFn) -> JsonValue:
    names: list[JsonValue] = ["null", "boolean", "string", "integer"]
    return {"type": draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))}


def _grown(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    return st.one_of(_objects(inner), _arrays(inner), _choices(inner))


LEAVES: st.SearchStrategy[JsonValue] = st.one_of(
    _numbers(),
    _strings(),
    _enums(),
    _typed(),
    st.booleans(),
)
ANY: st.SearchStrategy[JsonValue] = st.recursive(LEAVES, _grown, max_leaves=5)


@st.composite
def edited(draw: st.DrawFn, schema: JsonValue) -> JsonValue:
    """Change a schema somewhere, so that two schemas are near each other as those of two versions are."""
    if draw(st.integers(0, 5)) == 0:
        return draw(ANY)
    if not isinstance(schema, dict) or not schema:
        return schema
    name: str = draw(st.sampled_from(sorted(schema)))
    changed: JsonObject = dict(schema)
    value: Any = schema[name]
    match name:
        case "properties" | "patternProperties" if value:
            one = draw(st.sampled_from(sorted(value)))
            changed[name] = {**value, one: draw(edited(value[one]))}
        case "anyOf" | "oneOf" | "allOf":
            place = draw(st.integers(0, len(value) - 1))
            changed[name] = [*value[:place], draw(edited(value[place])), *value[place + 1 :]]
        case "items" | "additionalProperties" | "not":
            changed[name] = draw(edited(value))
        case "enum":
            changed[name] = draw(st.lists(st.sampled_from([*value, "new"]), min_size=1, unique_by=repr))
        case "type":
            changed[name] = draw(st.sampled_from([value, "integer", "number", ["string", "null"]]))
        case _:
            del changed[name]
    return changed


@st.composite
def guessed(draw: st.DrawFn, schema: JsonValue) -> JsonValue:
    """Draw a value that may well fit a schema; whether it does is for a validator to say."""
    if not isinstance(schema, dict) or draw(st.integers(0, 9)) == 0:
        return draw(FREE)
    for name in ("anyOf", "oneOf", "allOf"):
        branches = schema.get(name)
        if isinstance(branches, list):
            return draw(guessed(draw(st.sampled_from(branches))))
    options = schema.get("enum")
    if "const" in schema or isinstance(options, list):
        return draw(st.sampled_from(options)) if isinstance(options, list) else schema["const"]
    kind = schema.get("type")
    name = draw(st.sampled_from(kind)) if isinstance(kind, list) else kind
    return draw(_of_type(name if isinstance(name, str) else None, schema))


def _of_type(kind: str | None, schema: Any) -> st.SearchStrategy[JsonValue]:
    match kind:
        case "object":
            return _object_for(schema)
        case "array":
            return st.lists(guessed(schema.get("items", True)), max_size=schema.get("maxItems", 3))
        case "integer":
            return st.integers(-8, 12)
        case "number":
            return st.integers(-16, 24).map(lambda half: half / 2)
        case "string":
            return st.sampled_from(TEXTS)
        case _:
            return FREE


@st.composite
def _object_for(draw: st.DrawFn, schema: Any) -> JsonValue:
    properties: dict[str, JsonValue] = schema.get("properties", {})
    names = [*schema.get("required", []), *draw(st.lists(st.sampled_from([*properties, "a", "k", "zed"]), max_size=3))]
    rest = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties", True)]
    return {name: draw(guessed(properties.get(name, draw(st.sampled_from(rest))))) for name in names}
