"""Values: a call's arguments as Cedar takes them. What it cannot hold exactly is refused, never rounded or dropped."""

from collections.abc import Mapping
from decimal import Decimal
from typing import assert_never

from remit.core.values import JsonObject, JsonValue
from remit.policy.cedar.kinds import Field, Fields, Kind, Many, Plain

_LONG = 2**63
_PLACES = 10_000
_SHOWN = 40


class UnfitError(ValueError):
    """An argument is not what its schema says, or is more than Cedar can hold."""


def record(fields: Fields, args: Mapping[str, JsonValue], path: str = "") -> JsonObject:
    """Give the declared arguments, with defaults in the place of those not given; raise `UnfitError`."""
    found: JsonObject = {}
    for name, field in fields.of.items():
        where = f"{path}.{name}" if path else name
        value = _given(field, args, name, where)
        if value is not None:
            found[name] = _value(field.kind, value, where)
    return found


def decimal(value: Decimal) -> JsonObject:
    """Write a number that fits."""
    return {"__extn": {"fn": "decimal", "arg": f"{value:.4f}"}}


def _given(field: Field, args: Mapping[str, JsonValue], name: str, where: str) -> JsonValue:
    if name not in args:
        if field.required and field.default is None:
            raise UnfitError(f"argument `{where}` is missing")
        return field.default
    value = args[name]
    if value is None and not field.nullable:
        raise UnfitError(f"argument `{where}` is null, which its schema does not allow")
    return value


def _value(kind: Kind, value: JsonValue, where: str) -> JsonValue:
    match kind:
        case Plain():
            return _plain(kind, value, where)
        case Many(of):
            if not isinstance(value, list):
                raise _other(where, value, "a list")
            return [_value(of, item, f"{where}[{number}]") for number, item in enumerate(value)]
        case Fields():
            if not isinstance(value, dict):
                raise _other(where, value, "an object")
            return record(kind, value, where)
        case _:
            assert_never(kind)


def _plain(kind: Plain, value: JsonValue, where: str) -> JsonValue:
    match kind.name, value:
        case ("String", str()) | ("Bool", bool()):
            return value
        case ("Long" | "decimal", bool()):
            pass
        case "Long", int() | float() if value == value // 1:
            return _long(int(value), where)
        case "decimal", int() | float():
            return _decimal(value, where)
        case _:
            pass
    names = {"String": "text", "Bool": "true or false", "Long": "a whole number", "decimal": "a number"}
    raise _other(where, value, names[kind.name])


def _long(value: int, where: str) -> int:
    if not -_LONG <= value < _LONG:
        raise UnfitError(f"argument `{where}` is {_shown(value)}, and policies hold whole numbers of 64 bits only")
    return value


def _decimal(value: float, where: str) -> JsonObject:
    # The shortest text that reads back as the same float is what the model wrote.
    exact = Decimal(repr(value))
    if not exact.is_finite():
        raise UnfitError(f"argument `{where}` is {value}, which is no number")
    if abs(exact) >= _LONG // _PLACES:
        raise UnfitError(f"argument `{where}` is {_shown(value)}, and policies hold numbers up to {_LONG // _PLACES}")
    scaled = exact * _PLACES
    if scaled != scaled.to_integral_value():
        raise UnfitError(f"argument `{where}` is {_shown(value)}, and policies hold 4 decimal places only; round it")
    return decimal(exact)


def _other(where: str, value: JsonValue, wanted: str) -> UnfitError:
    return UnfitError(f"argument `{where}` is {_shown(value)}, not {wanted}, as its schema says")


def _shown(value: JsonValue) -> str:
    # A whole number of a million digits may not even be written out.
    if isinstance(value, int) and abs(value) > _LONG**2:
        return f"a number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
