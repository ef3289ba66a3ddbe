"""Results: what a tool returned, as JSON that a journal can hold."""

import math
from typing import Any

import msgspec
from pydantic_core import to_jsonable_python

from remit.core.values import JsonValue

_PLAIN = frozenset({str, int, float, bool, type(None)})
_trial = msgspec.msgpack.Encoder()
_NOT_FINITE = (b"\xcb\x7f\xf0", b"\xcb\x7f\xf8", b"\xcb\xff\xf0", b"\xcb\xff\xf8")
"""How MessagePack begins an infinity or a NaN; the bytes of something else may look the same."""


def jsonable(value: object) -> JsonValue:
    """Turn any value of a JSON shape into plain JSON: models, dataclasses, structs, dates, decimals, sets, tuples, ...

    NaN and infinities become strings, as do whole numbers beyond 64 bits. Raise `ValueError` for what JSON cannot say.
    """
    try:
        plain = _convert(value)
        try:
            body = _trial.encode(plain)
        except OverflowError:
            return _narrow(plain)
    except UnicodeEncodeError:
        raise ValueError(f"{_name(value)} holds text that is not valid Unicode (a lone surrogate)") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{_name(value)} cannot be written as JSON: {_reason(error)}") from error
    return _narrow(plain) if any(mark in body for mark in _NOT_FINITE) else plain


def _convert(value: Any) -> JsonValue:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError("it is bytes; return text, or save them and return where")
    return to_jsonable_python(value, fallback=_structs)


def _structs(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        # Only one level: what the fields hold is converted by the caller, which calls back here for nested structs.
        return {name: getattr(value, name) for name in value.__struct_fields__}
    raise TypeError(f"{_name(value)} has no JSON form; return a dict, a list, a model, a dataclass or text")


def _narrow(value: JsonValue) -> JsonValue:
    match value:
        case dict():
            return {key: _narrow(item) for key, item in value.items()}
        case list():
            return [_narrow(item) for item in value]
        case int() if not -(1 << 63) <= value < 1 << 64:
            return f"{value:#x}" if value.bit_length() > 4096 else str(value)
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return value


def _name(value: object) -> str:
    return f"a result of type {type(value).__name__}"


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0].removeprefix("Error calling `fallback` function: ") or type(error).__name__
