"""Answers: whether what a person says is what a call asked for. The tool itself judges all that is finer than this."""

from collections.abc import Callable, Sequence

from remit.core.values import JsonObject, JsonValue

_KINDS: dict[str, tuple[str, Callable[[JsonValue], bool]]] = {
    "string": ("a text", lambda value: isinstance(value, str)),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "integer": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "number": ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "array": ("a list", lambda value: isinstance(value, list)),
    "object": ("an object", lambda value: isinstance(value, dict)),
    "null": ("nothing", lambda value: value is None),
}


def unfit(given: JsonObject, schema: JsonObject) -> str:
    """Say what is missing, unknown, of another type or no choice in an answer to a schema; empty when it fits."""
    known, required = schema.get("properties"), schema.get("required")
    fields = {str(name): field for name, field in known.items()} if isinstance(known, dict) else {}
    names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    missing = next((name for name in names if name not in given), None)
    if missing is not None:
        return f"{missing!r} is required"
    # Nobody is told of fields beside those named, so one that is there is a slip, unless they are asked for.
    others = schema.get("additionalProperties", not fields)
    for name, value in given.items():
        if name not in fields and not others and others != {}:
            return f"there is no field {name!r}; known: {', '.join(fields) or 'none'}"
        problem = _unlike(value, fields.get(name, others))
        if problem:
            return f"{name!r} {problem}"
    return ""


def kinds(field: JsonValue) -> Sequence[str]:
    """Give the types that a field may have; empty when it may have any."""
    kind = field.get("type") if isinstance(field, dict) else None
    named = kind if isinstance(kind, list) else [kind]
    return [one for one in named if isinstance(one, str) and one in _KINDS]


def choices(field: JsonValue) -> Sequence[JsonValue] | None:
    """Give the values that a field may have, listed or each with a title; `None` when there is no such list."""
    if not isinstance(field, dict):
        return None
    listed = field.get("enum")
    if isinstance(listed, list):
        return listed
    for key in ("oneOf", "anyOf"):
        titled = field.get(key)
        if isinstance(titled, list) and titled and all(isinstance(one, dict) and "const" in one for one in titled):
            return [one["const"] for one in titled if isinstance(one, dict)]
    return None


def _unlike(value: JsonValue, field: JsonValue) -> str:
    if not isinstance(field, dict):
        return ""
    may = choices(field)
    if may is not None and value not in may:
        return f"is one of {', '.join(map(str, may))}"
    named = kinds(field)
    if named and not any(_KINDS[kind][1](value) for kind in named):
        return f"is {' or '.join(_KINDS[kind][0] for kind in named)}"
    if isinstance(value, list):
        problems = (_unlike(item, field.get("items")) for item in value)
        return next((f"is a list in which each {problem}" for problem in problems if problem), "")
    inner = unfit(value, field) if isinstance(value, dict) and "properties" in field else ""
    return f"does not fit: {inner}" if inner else ""
