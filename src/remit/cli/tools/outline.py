"""Outline: a JSON Schema as lines that a person can read."""

from collections.abc import Iterator

import msgspec

from remit.core.shape import LOCAL
from remit.core.values import JsonObject, JsonValue

_DEEPEST = 6
_BOUNDS = {
    "minimum": ">=",
    "maximum": "<=",
    "exclusiveMinimum": ">",
    "exclusiveMaximum": "<",
    "minLength": "length >=",
    "maxLength": "length <=",
    "minItems": "items >=",
    "maxItems": "items <=",
    "pattern": "like",
    "default": "default",
}


def outline(schema: JsonObject) -> Iterator[str]:
    """Give a line for each field, indented as they are nested: its name, what it takes, and what is said of it."""
    yield from _fields(schema, schema, 0)


def _fields(node: JsonObject, root: JsonObject, depth: int) -> Iterator[str]:
    node = _resolved(node, root)
    properties, required = node.get("properties"), node.get("required")
    items = node.get("items")
    if isinstance(properties, dict):
        needed = required if isinstance(required, list) else []
        for name, inner in properties.items():
            yield from _field(name, inner, root, depth, required=name in needed)
    elif isinstance(items, dict) and depth < _DEEPEST:
        yield from _fields(items, root, depth)


def _field(name: str, inner: JsonValue, root: JsonObject, depth: int, *, required: bool) -> Iterator[str]:
    node = _resolved(inner, root) if isinstance(inner, dict) else {}
    text = node.get("description")
    said = f"  {' '.join(text.split())}" if isinstance(text, str) else ""
    yield f"{'  ' * depth}{name}{'' if required else '?'}: {_kind(node, root, depth)}{said}"
    if depth < _DEEPEST:
        yield from _fields(node, root, depth + 1)


def _kind(node: JsonObject, root: JsonObject, depth: int) -> str:
    bounds = [f"{word} {_written(node[key])}" for key, word in _BOUNDS.items() if key in node]
    return ", ".join((_name(node, root, depth), *bounds))


def _name(node: JsonObject, root: JsonObject, depth: int) -> str:
    ways, items, kind = node.get("anyOf", node.get("oneOf")), node.get("items"), node.get("type")
    match node:
        case {"enum": list(values)}:
            return " | ".join(map(_written, values))
        case {"const": value}:
            return _written(value)
        case _:
            pass
    if isinstance(ways, list):
        shown = [_name(_resolved(way, root), root, depth + 1) for way in ways if isinstance(way, dict)]
        return " or ".join(dict.fromkeys(shown))
    if kind == "array" and isinstance(items, dict) and depth < _DEEPEST:
        return f"array of {_name(_resolved(items, root), root, depth + 1)}"
    if isinstance(kind, list):
        return " or ".join(map(str, kind))
    return str(kind) if kind else "object" if "properties" in node else "anything"


def _resolved(node: JsonObject, root: JsonObject) -> JsonObject:
    ref, defs = node.get("$ref"), root.get("$defs")
    if isinstance(ref, str) and ref.startswith(LOCAL) and isinstance(defs, dict):
        found = defs.get(ref.removeprefix(LOCAL))
        if isinstance(found, dict):
            return {**found, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _written(value: JsonValue) -> str:
    return msgspec.json.encode(value).decode()
