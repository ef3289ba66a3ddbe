"""Validation: JSON Schema 2020-12 on arguments, with messages by which a model can mend them."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue

try:
    import jsonschema_rs
except ImportError as error:
    raise ConfigError(
        f"OpenAPI tools and checks of answers need an extra: pip install 'remit[openapi]' ({error})"
    ) from error

_LINES = 8
_SHOWN = 60
_OPTIONS = 20
_DEEPEST = 5


class Validator:
    """One schema, compiled."""

    def __init__(self, schema: JsonObject) -> None:
        """Compile a schema, which may refer only to itself; raise `ConfigError` saying where it is wrong."""
        self._properties = schema.get("properties")
        try:
            self._compiled = jsonschema_rs.Draft202012Validator(schema, offline=True)
        except (ValueError, RecursionError) as error:
            what = error.message if isinstance(error, jsonschema_rs.ValidationError) else str(error)
            place = _path(error.instance_path) if isinstance(error, jsonschema_rs.ValidationError) else "schema"
            raise ConfigError(f"{place}: is not JSON Schema: {what[:200]}") from error

    def problems(self, value: JsonValue) -> str:
        """Say what is wrong with a value, one line a problem; empty when nothing is."""
        try:
            if self._compiled.is_valid(value):
                return ""
            found = list(
                dict.fromkeys(line for error in self._compiled.iter_errors(value) for line in self._lines(error))
            )
        except (ValueError, OverflowError) as error:
            return f"arguments: cannot be checked: {str(error)[:200]}"
        shown = found[:_LINES]
        if len(found) > _LINES:
            shown.append(f"... and {len(found) - _LINES} more")
        return "\n".join(shown)

    def _lines(self, error: jsonschema_rs.ValidationError, depth: int = 0) -> Iterator[str]:
        path, kind, detail = _path(error.instance_path), error.kind.name, error.kind.as_dict()
        got = f"; got {_shown(error.instance)}"
        match kind:
            case "required":
                yield f"{_path([*error.instance_path, str(detail['property'])])}: is required"
            case "additionalProperties" | "unevaluatedProperties":
                for name in detail["unexpected"]:
                    yield f"{_path([*error.instance_path, name])}: there is no such argument{self._known(error)}"
            case "type":
                yield f"{path}: should be {' or '.join(map(_article, detail['types']))}{got}"
            case "enum":
                yield f"{path}: should be {_options(detail['options'])}{got}"
            case "const":
                yield f"{path}: should be {_shown(detail['expected_value'])}{got}"
            case "pattern":
                yield f"{path}: should match {detail['pattern']}{got}"
            case "falseSchema":
                closed = error.schema_path[-1:] == ["additionalProperties"]
                what = "takes no members" if closed else "may not be given"
                yield f"{path}: {what}; there is {_shown(error.instance)}"
            case "oneOf" | "anyOf" if error.message.endswith("keyword") and depth < _DEEPEST:
                yield from self._branches(error, detail["context"], depth)
            case _:
                yield f"{path}: {_shortened(error.message)}"

    def _branches(self, error: Any, context: Sequence[Sequence[Any]], depth: int) -> Iterator[str]:
        """Tell of the branch that came nearest: the one whose mistakes are deepest and fewest."""
        branches = [branch for branch in context if branch]
        if len(branches) < len(context) or not branches:
            yield f"{_path(error.instance_path)}: fits more than one of {len(context)} forms; say more to choose one"
            return
        best = min(branches, key=lambda branch: _distance(branch, len(error.instance_path)))
        lines = list(dict.fromkeys(line for inner in best for line in self._lines(inner, depth + 1)))
        others = len(context) - 1
        yield from lines[:-1]
        yield lines[-1] + (f" (or use another of {others + 1} forms)" if others else "")

    def _known(self, error: jsonschema_rs.ValidationError) -> str:
        if error.instance_path or not isinstance(self._properties, dict):
            return ""
        return f"; known: {', '.join(self._properties)}" if self._properties else "; the tool takes none"


def _distance(branch: Sequence[Any], depth: int) -> tuple[int, int, int, int]:
    """Say how far off a branch is: a value that chooses another form is further than a mistake deep within."""
    here = [error for error in branch if len(error.instance_path) == depth]
    choosers = sum(error.kind.name in {"const", "enum"} for error in branch)
    wrong_kind = sum(error.kind.name == "type" for error in here)
    strange = sum(len(error.kind.as_dict().get("unexpected", "x")) for error in here)
    return choosers, wrong_kind, strange, len(branch)


def _path(parts: Sequence[int | str]) -> str:
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "arguments"


def _article(kind: str) -> str:
    return kind if kind == "null" else f"an {kind}" if kind[0] in "aeio" else f"a {kind}"


def _options(options: Sequence[JsonValue]) -> str:
    shown = ", ".join(_shown(option) for option in options[:_OPTIONS])
    return f"one of {shown}" + (", ..." if len(options) > _OPTIONS else "")


def _shown(value: Any) -> str:
    return _shortened(msgspec.json.encode(value).decode(), _SHOWN)


def _shortened(text: str, most: int = 200) -> str:
    return text if len(text) <= most else text[:most] + "..."
