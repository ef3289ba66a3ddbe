"""Schemas: which JSON Schemas the providers take where they promise that an answer fits."""

from collections.abc import Iterator

from remit.core.values import JsonObject, JsonValue

_OPENAI_FORBIDS = frozenset(
    {"allOf", "not", "oneOf", "if", "then", "else", "dependentRequired", "dependentSchemas", "patternProperties"}
    | {"default"}
)
_ANTHROPIC_FORBIDS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"}
    | {"maxItems", "uniqueItems", "not", "if", "then", "else", "oneOf", "patternProperties"}
)


def openai_strict(schema: JsonObject) -> Iterator[str]:
    """Say what OpenAI's strict mode does not take. Source: its guide on structured outputs, "Supported schemas"."""
    if schema.get("type") != "object" or "anyOf" in schema:
        yield "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'."
    for path, part in _parts(schema, ()):
        context = f"In context={path!r}, "
        for word in sorted(_OPENAI_FORBIDS & part.keys()):
            yield f"{context}'{word}' is not permitted."
        if "$ref" in part and len(part) > 1:
            yield f"{context}$ref cannot have keywords {set(part) - {'$ref'}!r}."
        yield from _closed(part, context)


def _closed(part: JsonObject, context: str) -> Iterator[str]:
    kinds = part.get("type")
    if kinds != "object" and not (isinstance(kinds, list) and "object" in kinds):
        return
    if part.get("additionalProperties") is not False:
        yield f"{context}'additionalProperties' is required to be supplied and to be false."
    properties, required = part.get("properties"), part.get("required")
    names = set(properties) if isinstance(properties, dict) else set[str]()
    listed = {str(name) for name in required} if isinstance(required, list) else set[str]()
    for name in sorted(names - listed):
        yield (
            f"{context}'required' is required to be supplied and to be an array including every key in properties. "
            f"Missing '{name}'."
        )
    for name in sorted(listed - names):
        yield f"{context}Extra required key '{name}' supplied."


def anthropic_strict(schema: JsonObject) -> Iterator[str]:
    """Say what Anthropic's structured outputs do not take. Source: its guide, "JSON Schema limitations"."""
    for _, part in _parts(schema, ()):
        kind = part.get("type")
        if kind == "object" and part.get("additionalProperties") is not False:
            yield "For 'object' type, 'additionalProperties' must be explicitly set to false"
        for word in sorted(_ANTHROPIC_FORBIDS & part.keys()):
            yield f"For '{kind}' type, property '{word}' is not supported"


def _parts(schema: JsonValue, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], JsonObject]]:
    """Walk a schema and all schemas in it."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for word in ("properties", "$defs", "definitions"):
        named = schema.get(word)
        if isinstance(named, dict):
            for name, part in named.items():
                yield from _parts(part, (*path, word, name))
    for word in ("anyOf", "prefixItems", "allOf", "oneOf"):
        listed = schema.get(word)
        if isinstance(listed, list):
            for index, part in enumerate(listed):
                yield from _parts(part, (*path, word, str(index)))
    yield from _parts(schema.get("items"), (*path, "items"))
