"""Schemas: what of JSON Schema a provider can hold its model to, and schemas brought into that form."""

from collections.abc import Mapping, Sequence

import msgspec

from remit.core.shape import LOCAL, references
from remit.core.values import JsonObject, JsonValue


class Subset(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of JSON Schema a provider can decode under."""

    keywords: frozenset[str]
    """Constraints on single values that it enforces."""
    formats: frozenset[str]
    schemas: int
    """How many of a request's schemas it can decode under."""
    optional: int
    """How many properties, of all of them, may be left out."""
    unions: int
    """How many properties, of all of them, may be of several types."""
    recursive: bool


_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})

OPENAI = Subset(
    keywords=frozenset(
        {"pattern", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "minItems", "maxItems"}
    ),
    formats=_FORMATS,
    schemas=1000,
    optional=0,
    unions=1000,
    recursive=True,
)
"""Source: OpenAI, "Structured model outputs", supported schemas."""

ANTHROPIC = Subset(keywords=frozenset(), formats=_FORMATS | {"uri"}, schemas=16, optional=12, unions=8, recursive=False)
"""Half of what one request may have, since its tools and its shape, which are fitted apart, share that.

Source: Anthropic, "Structured outputs", JSON Schema limitations and schema complexity limits.
"""

_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
_KEPT = frozenset({"description", "enum", "const"})
_DROPPED = frozenset({"title", "default", "examples", "$schema", "$id", "$comment", "deprecated", "discriminator"})
"""What says nothing of which values are valid."""
_HINTS = frozenset(
    {
        "pattern", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "minItems", "maxItems",
        "minLength", "maxLength", "uniqueItems", "format",
    }
)  # fmt: skip
"""Constraints that a description can tell when the decoder cannot hold them; whoever reads the value checks them."""
_STRUCTURE = frozenset(
    {"$defs", "$ref", "additionalProperties", "anyOf", "items", "oneOf", "properties", "required", "type"}
)


class _Unfit(Exception):  # noqa: N818 - an answer found deep inside, not an error
    pass


def rooted(schema: JsonObject) -> JsonObject:
    """Write the definition out that a schema consists of, for providers want an object at the root, not a reference."""
    ref, defs = schema.get("$ref"), schema.get("$defs")
    if not isinstance(ref, str) or not isinstance(defs, dict):
        return schema
    found = defs.get(ref.removeprefix(LOCAL))
    if not isinstance(found, dict):
        return schema
    rest = {key: value for key, value in schema.items() if key not in {"$ref", "$defs"}}
    left = {**found, **rest}
    used = _reached(left, defs)
    return {**left, "$defs": {name: defs[name] for name in defs if name in used}} if used else left


def fitted(schemas: Sequence[JsonObject], subset: Subset) -> list[JsonObject | None]:
    """Bring the schemas of a request into a provider's subset; `None` for those for which that cannot be done.

    What is valid under the result is valid under the schema, except for constraints the decoder cannot hold, which go
    into the descriptions; whoever reads the value checks them anyway.
    """
    results: list[JsonObject | None] = []
    left = subset
    for schema in schemas:
        result, left = _fitted(schema, left)
        results.append(result)
    return results


def _fitted(schema: JsonObject, subset: Subset) -> tuple[JsonObject | None, Subset]:
    whole = rooted(schema)
    reader = _Fitting(subset)
    try:
        result = reader.fit(whole)
    except _Unfit:
        return None, subset
    optional, unions, schemas = subset.optional - reader.optional, subset.unions - reader.unions, subset.schemas - 1
    if whole.get("type") != "object" or min(optional, unions, schemas) < 0:
        return None, subset
    if not subset.recursive and _recursive(result):
        return None, subset
    return result, msgspec.structs.replace(subset, optional=optional, unions=unions, schemas=schemas)


class _Fitting:
    def __init__(self, subset: Subset) -> None:
        self._subset = subset
        self.optional = 0
        self.unions = 0

    def fit(self, node: JsonValue) -> JsonObject:
        """Bring one schema into the subset."""
        if not isinstance(node, dict) or not node:
            raise _Unfit
        if unknown := node.keys() - _STRUCTURE - _KEPT - _DROPPED - _HINTS:
            raise _Unfit(f"no provider knows {sorted(unknown)}")
        result: JsonObject = {}
        if isinstance(ref := node.get("$ref"), str):
            if not ref.startswith(LOCAL):
                raise _Unfit
            result["$ref"] = ref
        else:
            self._kind(node, result)
            self._describe(node, result)
        if isinstance(defs := node.get("$defs"), dict):
            result["$defs"] = {name: self.fit(item) for name, item in defs.items()}
        return result

    def _kind(self, node: JsonObject, result: JsonObject) -> None:
        choices = node.get("anyOf", node.get("oneOf"))
        kind = node.get("type")
        if isinstance(choices, list):
            if "properties" in node or "items" in node or ("anyOf" in node and "oneOf" in node):
                raise _Unfit
            result["anyOf"] = [self.fit(choice) for choice in choices]
            return
        literal = "enum" in node or "const" in node
        if not literal and not _typed(kind):
            raise _Unfit
        if kind is not None:
            result["type"] = kind
        kinds: list[JsonValue] = kind if isinstance(kind, list) else [kind]
        if "object" in kinds:
            self._object(node, result)
        if "array" in kinds:
            result["items"] = self.fit(node.get("items"))

    def _object(self, node: JsonObject, result: JsonObject) -> None:
        properties = node.get("properties", {})
        # Closing an object that is meant to be open, such as a map, would take away what it is for.
        closes = "properties" in node or node.get("additionalProperties") is False
        if not isinstance(properties, dict) or not closes or node.get("additionalProperties", False) is not False:
            raise _Unfit
        required = node.get("required", [])
        needed: set[JsonValue] = set(required) if isinstance(required, list) else set()
        absent = [name for name, item in properties.items() if name not in needed and not _nullable(item)]
        self.optional += len(absent)
        self.unions += sum(_union(item) for item in properties.values())
        result["properties"] = {name: self.fit(item) for name, item in properties.items()}
        result["required"] = [name for name in properties if name not in absent]
        result["additionalProperties"] = False

    def _describe(self, node: JsonObject, result: JsonObject) -> None:
        hints: JsonObject = {}
        for key, value in node.items():
            if self._held(key, value):
                result[key] = value
            elif key in _HINTS:
                hints[key] = value
            elif key in _KEPT:
                result[key] = value
        if hints:
            told = msgspec.json.encode(hints).decode()
            said = result.get("description")
            result["description"] = f"{said} {told}" if isinstance(said, str) and said else told

    def _held(self, key: str, value: JsonValue) -> bool:
        if key == "pattern":
            # No decoder looks ahead or back.
            return key in self._subset.keywords and "(?" not in str(value)
        return key in self._subset.keywords or (key == "format" and value in self._subset.formats)


def _typed(kind: JsonValue) -> bool:
    if isinstance(kind, list):
        return bool(kind) and all(item in _TYPES for item in kind)
    return isinstance(kind, str) and kind in _TYPES


def _union(node: JsonValue) -> bool:
    return isinstance(node, dict) and ("anyOf" in node or "oneOf" in node or isinstance(node.get("type"), list))


def _nullable(node: JsonValue) -> bool:
    """Say whether leaving a property out and saying null come to the same."""
    if not isinstance(node, dict) or node.get("default", ...) is not None:
        return False
    kind, choices = node.get("type"), node.get("anyOf", node.get("oneOf"))
    if isinstance(choices, list):
        return any(isinstance(choice, dict) and choice.get("type") == "null" for choice in choices)
    return kind == "null" or (isinstance(kind, list) and "null" in kind)


def _reached(node: JsonValue, defs: Mapping[str, JsonValue]) -> set[str]:
    """Name the definitions that a schema leads to."""
    reached: set[str] = set()
    ahead = list(references(node))
    while ahead:
        name = ahead.pop()
        if name in defs and name not in reached:
            reached.add(name)
            ahead.extend(references(defs[name]))
    return reached


def _recursive(schema: JsonObject) -> bool:
    defs = schema.get("$defs")
    if not isinstance(defs, dict):
        return False
    return any(name in _reached(item, defs) for name, item in defs.items())
