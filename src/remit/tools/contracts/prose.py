"""Prose: the words within a schema, which tell a model much and bind nobody."""

from collections.abc import Iterator

import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.tools.contracts.places import at

_PROSE = frozenset({"description", "title", "examples", "example", "$comment", "externalDocs"})
"""Keywords that explain."""
_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
"""Keywords whose values are schemas by name: what is called `title` there is no title."""
_DATA = frozenset({"const", "default", "enum", "required", "dependentRequired", "type"})
"""Keywords whose values are no schemas."""


def without_prose(schema: JsonObject) -> JsonObject:
    """Copy a schema without the words that explain it."""
    result: JsonObject = {}
    for key, value in schema.items():
        if key in _MAPS and isinstance(value, dict):
            result[key] = {name: _without(item) for name, item in value.items()}
        elif key in _DATA:
            result[key] = value
        elif key not in _PROSE:
            result[key] = _without(value)
    return result


def _without(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return without_prose(value)
    return [_without(item) for item in value] if isinstance(value, list) else value


def texts(schema: JsonValue, where: str) -> Iterator[tuple[str, str]]:
    """Give the explaining texts of a schema with their places, such as `arguments.fields.priority.description`."""
    for place, key, value in _keywords(schema, where):
        if key in _PROSE or key == "default":
            yield at(place, key), _text(value)


def names(schema: JsonValue, where: str) -> Iterator[tuple[str, str]]:
    """Give all other texts of a schema: what members are called, options, constants and all that nobody knows."""
    for place, key, value in _keywords(schema, where):
        yield at(place, key), key
        if key in _MAPS and isinstance(value, dict):
            yield from ((at(place, name), name) for name in value)
        elif key not in _PROSE and key != "default" and not isinstance(value, bool | int | float | None):
            yield from ((at(place, key), text) for text in _strings(value, deep=key in _DATA))


def _keywords(schema: JsonValue, where: str) -> Iterator[tuple[str, str, JsonValue]]:
    """Give each keyword of a schema and of those within it, with the place of the schema."""
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        yield where, key, value
        if key in _MAPS and isinstance(value, dict):
            for name, item in value.items():
                inside = where if key == "properties" else at(where, key)
                yield from _keywords(item, at(inside, name))
        elif key not in _DATA and key not in _PROSE:
            inside = f"{where}[]" if key == "items" else at(where, key)
            yield from _keywords(value, inside)
            for number, item in enumerate(value if isinstance(value, list) else ()):
                yield from _keywords(item, f"{inside}[{number}]")


def _strings(value: JsonValue, *, deep: bool) -> Iterator[str]:
    """Give the texts of plain data, those within objects only with `deep`: schemas have their own."""
    if isinstance(value, str):
        yield value
    for item in value if isinstance(value, list) else ():
        yield from _strings(item, deep=deep)
    for name, item in value.items() if deep and isinstance(value, dict) else ():
        yield name
        yield from _strings(item, deep=deep)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
