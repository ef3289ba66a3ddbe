"""Answers: whether what a person says is what a call asked for. The tool itself judges all that is finer than this."""

from collections.abc import Callable

from remit.core.values import JsonObject, JsonValue

_KINDS: dict[str, tuple[str, Callable[[JsonValue], bool]]] = {
    "string": ("a text", lambda value: isinstance(value, str)),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "integer": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "number": ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "array": ("a list", lambda value: isinstance(value, list)),
    "object": ("an object", lambda value: isinstance(value, dict)),
}


def unfit(given: JsonObject, schema: JsonObject) -> str:
    """Say what is missing, unknown or of another type in an answer to a schema of plain fields; empty when it fits."""
    known, required = schema.get("properties"), schema.get("required")
    fields = known if isinstance(known, dict) else {}
    missing = [name for name in required if name not in given] if isinstance(required, list) else []
    if missing:
        return f"{missing[0]!r} is required"
    for name, value in given.items():
        field = fields.get(name)
        if fields and field is None:
            return f"there is no field {name!r}; known: {', '.join(fields)}"
        problem = _unlike(value, field) if isinstance(field, dict) else ""
        if problem:
            return f"{name!r} {problem}"
    return ""


def _unlike(value: JsonValue, field: JsonObject) -> str:
    choices = field.get("enum")
    if isinstance(choices, list) and value not in choices:
        return f"is one of {', '.join(map(str, choices))}"
    kind = field.get("type")
    words, fits = _KINDS.get(kind, ("", _anything)) if isinstance(kind, str) else ("", _anything)
    return "" if fits(value) else f"is {words}"


def _anything(value: JsonValue) -> bool:
    return True
