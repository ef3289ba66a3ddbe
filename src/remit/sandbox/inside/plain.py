"""Values of a program as JSON: dates, decimals and tables become what comes nearest; the rest is refused."""

import math
from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Protocol, cast

_DEEPEST = 50
_LEAST, _LARGEST = -(1 << 63), (1 << 64) - 1
"""Numbers that the other side reads exactly."""


def plain(value: object, depth: int = 0) -> object:
    """Turn a value into JSON; raise `TypeError` or `ValueError` for what JSON cannot say."""
    if value is None or isinstance(value, bool | int | float | str):
        return _scalar(value)
    if depth >= _DEEPEST:
        raise ValueError(f"the value is nested deeper than {_DEEPEST} levels")
    if isinstance(value, Mapping):
        items = list[tuple[object, object]](value.items())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        return {_key(key): plain(item, depth + 1) for key, item in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth + 1) for item in list[object](value)]  # pyright: ignore[reportUnknownArgumentType]
    return _other(value, depth)


def _scalar(value: object) -> object:
    # A subclass of a number or a text may lie about itself; these calls ask the class above it.
    if isinstance(value, str):
        return _sound(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        whole = int(value)
        if not _LEAST <= whole <= _LARGEST:
            raise ValueError("the value has an integer of more than 64 bits: return it as text")
        return whole
    number = float(cast("float", value))
    if not math.isfinite(number):
        raise ValueError(f"the value has {number}, which JSON cannot say")
    return number


def _sound(text: str) -> str:
    # Halves of surrogate pairs are no text that the other side could read.
    return str.__str__(text).encode("utf-8", "replace").decode()


def _key(key: object) -> str:
    if isinstance(key, tuple):
        # Groups by several columns.
        return ", ".join(_key(part) for part in tuple[object, ...](key))  # pyright: ignore[reportUnknownArgumentType]
    return _sound(key) if isinstance(key, str) else str(plain(key, _DEEPEST))


def _other(value: object, depth: int) -> object:
    if isinstance(value, date | time) and type(value).__name__ != "NaTType":
        return value.isoformat()
    if isinstance(value, timedelta):
        return _sound(str(value))
    # Tables, columns, arrays and their scalars, without importing the libraries they come from.
    kind = type(value).__name__
    if kind in {"DataFrame", "Series"} and hasattr(value, "to_dict"):
        return plain(_table(value, kind), depth + 1)
    if kind in {"NAType", "NaTType"}:
        return None
    if hasattr(value, "tolist"):
        return plain(value.tolist(), depth + 1)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType, reportAttributeAccessIssue]
    if kind in {"Decimal", "Fraction", "UUID"}:
        return _sound(str(value))
    raise TypeError(f"the value has a {kind}, which JSON cannot say")


class _Table(Protocol):
    """A table or a column of one, as pandas has them."""

    def astype(self, kind: type) -> "_Table": ...
    def where(self, there: object, other: None) -> "_Table": ...
    def notna(self) -> object: ...
    def to_dict(self, *orient: str) -> object: ...


def _table(value: object, kind: str) -> object:
    table = cast("_Table", value)
    # What is missing is a number that is none, which JSON cannot say.
    whole = table.astype(object).where(table.notna(), None)
    return whole.to_dict("records") if kind == "DataFrame" else whole.to_dict()
