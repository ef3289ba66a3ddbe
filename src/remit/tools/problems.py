"""Problems: what is wrong with a call's arguments, one line each, so that a model can mend them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, to_json

from remit.core.values import JsonObject, JsonValue

_LINES = 8
_OBJECTS = frozenset({"dataclass_type", "dict_type", "model_attributes_type", "model_type"})
_SHOWN = 60
"""Characters of a wrong value that are repeated to the model."""


def explain(error: ValidationError, args: JsonObject, schema: JsonObject, *, partly: bool = False) -> str:
    """Say for each wrong argument where it is, what is wrong and what is expected; `partly` lets some be missing."""
    found = error.errors(include_url=False, include_context=False)
    counted = [item for item in found if not (partly and item["type"] == "missing" and len(item["loc"]) == 1)]
    lines = dict.fromkeys(_line(item, args, schema) for item in counted)
    shown = list(lines)[:_LINES]
    if len(lines) > _LINES:
        shown.append(f"... and {len(lines) - _LINES} more")
    return "\n".join(shown)


def _line(item: ErrorDetails, args: JsonObject, schema: JsonObject) -> str:
    path = _path(item["loc"], args)
    match item["type"]:
        case "missing":
            return f"{path}: is required{_wanted(item['loc'], schema)}"
        case "extra_forbidden" | "unexpected_keyword_argument":
            return f"{path}: there is no such argument; {_known(item['loc'], schema)}"
        case _:
            if item["type"] in _OBJECTS:
                return f"{path}: should be an object; got {_shown(item['input'])}"
            message = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
            return f"{path}: {message[:1].lower()}{message[1:]}; got {_shown(item['input'])}"


def _path(loc: Sequence[int | str], args: JsonValue) -> str:
    """Write a place as `items[0].name`, leaving out the names pydantic gives to members of a union."""
    path, here = "", args
    for place, part in enumerate(loc):
        if isinstance(part, int):
            path += f"[{part}]"
            here = here[part] if isinstance(here, list) and part < len(here) else None
        elif isinstance(here, dict) and (part in here or place == len(loc) - 1):
            path += f".{part}" if path else part
            here = here.get(part)
    return path or "arguments"


def _wanted(loc: Sequence[int | str], schema: JsonObject) -> str:
    if len(loc) != 1:
        return ""
    wanted = _properties(schema).get(str(loc[0]))
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    return f" ({kind})" if isinstance(kind, str) else ""


def _known(loc: Sequence[int | str], schema: JsonObject) -> str:
    if len(loc) != 1:
        return "leave it out"
    names = ", ".join(_properties(schema))
    return f"known: {names}" if names else "the tool takes none"


def _properties(schema: JsonObject) -> Mapping[str, JsonValue]:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def _shown(value: Any) -> str:
    text = to_json(value, fallback=repr, inf_nan_mode="constants").decode()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
