"""Arguments and results, checked against the JSON Schemas of a server, which are a stranger's and must harm nobody."""

from collections.abc import Iterator
from typing import Any, cast

from jsonschema import SchemaError, ValidationError, validators
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from remit.core.values import JsonObject, JsonValue

_LINES = 8
_SHOWN = 200
"""Characters of one problem that a model is shown."""


class SchemaCheck:
    """Says what is wrong with a value; a schema that cannot be used finds nothing wrong."""

    def __init__(self, schema: JsonObject) -> None:
        """Compile a schema."""
        self._validator = _compiled(schema)
        fields, required = schema.get("properties"), schema.get("required")
        wanted = required if isinstance(required, list) else []
        self._optional = {name for name in fields if name not in wanted} if isinstance(fields, dict) else set[str]()

    def problem(self, value: JsonValue) -> str:
        """Say what is wrong, one line each; empty when nothing is."""
        if self._validator is None:
            return ""
        try:
            lines = dict.fromkeys(_line(error) for error in _errors(self._validator, value))
        except (Unresolvable, RecursionError):
            # The schema points nowhere or at itself; its server will judge.
            return ""
        shown = list(lines)[:_LINES]
        return "\n".join([*shown, f"... and {len(lines) - _LINES} more"] if len(lines) > _LINES else shown)

    def pruned(self, args: JsonObject) -> JsonObject:
        """Leave out what is null, may be left out and may not be null: models mean the same by both."""
        nulls = [name for name, value in args.items() if value is None and name in self._optional]
        wrong = {name for name in nulls if self.problem(args) != self.problem(_without(args, name))}
        return {name: value for name, value in args.items() if name not in wrong} if wrong else args


def _without(args: JsonObject, name: str) -> JsonObject:
    return {key: value for key, value in args.items() if key != name}


def _compiled(schema: JsonObject) -> Validator | None:
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except (SchemaError, RecursionError):
        return None
    # A stranger's regular expression can take for ever, and ours is the loop it would stop.
    quick = cast("Any", validators).extend(kind, {"pattern": _ignored, "patternProperties": _ignored})
    return quick(schema, registry=cast("Any", Registry)())


def _ignored(*_: object) -> Iterator[ValidationError]:
    return iter(())


def _errors(validator: Validator, value: JsonValue) -> Iterator[ValidationError]:
    return cast("Iterator[ValidationError]", cast("Any", validator).iter_errors(value))


def _line(error: ValidationError) -> str:
    place = ""
    for part in error.absolute_path:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    said = error.message if len(error.message) <= _SHOWN else f"{error.message[:_SHOWN]}..."
    return f"{place or 'arguments'}: {said}"
