"""Values: JSON values compared as JSON Schema does, where 1 and 1.0 are one number and true is none."""

import json

from remit.core.values import JsonValue

TYPES = frozenset({"null", "boolean", "string", "array", "object", "integer", "fraction"})
"""The kinds of values, none of which overlap: `number` is `integer` and `fraction`."""

# `bool` comes before `int`, of which it is one in Python.
_NAMES: tuple[tuple[type, str], ...] = ((bool, "boolean"), (int, "integer"), (str, "string"), (list, "array"))
_LONGEST = 60


def key(value: JsonValue) -> str:
    """Write a value so that equal values are written alike."""
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: JsonValue) -> JsonValue:
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case _:
            return value


def kind(value: JsonValue) -> str:
    """Say of which of the `TYPES` a value is."""
    if value is None:
        return "null"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "fraction"
    for found, name in _NAMES:
        if isinstance(value, found):
            return name
    return "object"


def number(value: JsonValue) -> int | float | None:
    """Give a number; `None` for everything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def shown(value: JsonValue) -> str:
    """Write a value for a person, shortened."""
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
