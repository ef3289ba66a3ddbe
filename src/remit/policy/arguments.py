"""Arguments: what a rule sees when it looks into a call. Lists stand for all their items, so none can hide in one."""

import fnmatch
import re
from collections.abc import Callable, Iterator

import msgspec

from remit.core.values import JsonValue

_canonical = msgspec.json.Encoder(order="sorted")


Fits = Callable[[JsonValue], bool]
"""Whether a value has the wanted form."""


class Missing:
    """The value of an argument that is not there; it equals and matches nothing."""

    __slots__ = ()


MISSING = Missing()


def reach(value: JsonValue, path: str) -> Iterator[JsonValue | Missing]:
    """Give every value at a dotted path such as `customer.id`, or `MISSING` where there is none.

    A list on the way, or at the end, stands for each of its items; a name may itself hold dots.
    """
    yield from _reach(value, path.split(".") if path else [])


def _reach(value: JsonValue, parts: list[str]) -> Iterator[JsonValue | Missing]:
    if isinstance(value, list):
        if not value:
            yield MISSING
        for item in value:
            yield from _reach(item, parts)
    elif not parts:
        yield value
    else:
        found = _below(value, parts)
        for below, rest in found:
            yield from _reach(below, rest)
        if not found:
            yield MISSING


def _below(value: JsonValue, parts: list[str]) -> list[tuple[JsonValue, list[str]]]:
    if not isinstance(value, dict):
        return []
    cuts = range(1, len(parts) + 1)
    return [(value[key], parts[cut:]) for cut in cuts if (key := ".".join(parts[:cut])) in value]


def written(value: JsonValue) -> str:
    """Write a value as patterns see it: text as it is, all else as JSON with sorted keys."""
    return value if isinstance(value, str) else _canonical.encode(value).decode()


def glob(pattern: str) -> Fits:
    """Make the test of a shell pattern (`*`, `?`, `[...]`) over written values; case matters on every platform."""
    match = re.compile(fnmatch.translate(pattern)).match

    def fits(value: JsonValue) -> bool:
        return match(written(value)) is not None

    return fits
