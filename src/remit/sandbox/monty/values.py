"""Values: what a program hands out, made plain JSON, or refused."""

import asyncio
import datetime
import decimal
import math
import pathlib
from collections.abc import Iterable
from typing import Any, cast

from remit.core.values import JsonValue

DEEPEST = 100
_LARGEST = 2**64
_QUICK = 5000
"""Bytes that are made plain at once; larger values would keep everybody else waiting."""
_AS_TEXT = (decimal.Decimal, datetime.date, datetime.time, pathlib.PurePath)


class UnfitError(ValueError):
    """A value is not JSON."""


class TooLargeError(UnfitError):
    """A value has more bytes than it may have."""


class Plain:
    """Makes values plain, of at most so many bytes in all, however often their pieces are shared."""

    def __init__(self, most: int) -> None:
        """Start with all bytes left."""
        self._left = most

    def made(self, value: Any, depth: int = 0) -> JsonValue:
        """Give the value as JSON: tuples and sets as lists, decimals, dates and paths as text; raise `UnfitError`."""
        if depth > DEEPEST:
            raise UnfitError(f"a value is nested more than {DEEPEST} deep")
        if isinstance(value, str):
            self._take(len(value))
            return value
        if isinstance(value, dict):
            pairs = cast("dict[object, object]", value).items()
            return {self._key(key): self.made(inner, depth + 1) for key, inner in pairs}
        if isinstance(value, list | tuple | set | frozenset):
            self._take(1)
            return [self.made(inner, depth + 1) for inner in cast("Iterable[object]", value)]
        self._take(1)
        return _scalar(value)

    def _key(self, key: object) -> str:
        text = key if isinstance(key, str) else str(key) if isinstance(key, int) else None
        if text is None:
            raise UnfitError(f"a key is of type {type(key).__name__}; keys are text")
        self._take(1 + len(text))
        return text

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise TooLargeError("a value is too large")


async def made(value: object, most: int) -> JsonValue:
    """Make a value plain, of at most so many bytes, while others go on; raise `UnfitError`."""
    try:
        return Plain(min(most, _QUICK)).made(value)
    except TooLargeError:
        if most <= _QUICK:
            raise
    return await asyncio.to_thread(Plain(most).made, value)


def _scalar(value: object) -> JsonValue:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -_LARGEST // 2 <= value < _LARGEST:
            raise UnfitError("a whole number has more than 64 bits: give it as text, with str()")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UnfitError(f"{value} is no JSON: give it as text, with str()")
        return value
    if isinstance(value, _AS_TEXT):
        return str(value)
    raise UnfitError(f"a value of type {type(value).__name__} is no JSON: give lists, dicts, text and numbers")
