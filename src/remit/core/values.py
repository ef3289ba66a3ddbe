"""Values: the few plain things everything else is made of. JSON, money, time and content hashes."""

import hashlib
import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
else:
    JsonValue = Any
"""Anything JSON can say."""

JsonObject = dict[str, JsonValue]
"""A JSON object, such as the arguments of a call."""

Nanos = int
"""Money in nano-dollars (1 USD = 1_000_000_000): whole numbers, so that sums are exact."""

NANOS_PER_USD = 1_000_000_000


class Frozen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value that never changes, stored as an array: field order is its format, so fields are only ever appended."""


_canonical = msgspec.json.Encoder(order="sorted")


def nanos(usd: float) -> Nanos:
    """Turn dollars into nano-dollars, rounded to the nearest."""
    return round(usd * NANOS_PER_USD)


def usd(amount: Nanos) -> float:
    """Turn nano-dollars into dollars, for showing."""
    return amount / NANOS_PER_USD


def show_usd(amount: Nanos) -> str:
    """Write an amount as a person reads it: `$0.30`, or `$0.000012` when cents say nothing."""
    if amount % (NANOS_PER_USD // 100) == 0 or abs(amount) >= NANOS_PER_USD:
        return f"${amount / NANOS_PER_USD:.2f}"
    # To a millionth of a dollar, or exactly where even that says nothing.
    places = 6 if abs(amount) >= 1000 else 9
    return f"${amount / NANOS_PER_USD:.{places}f}".rstrip("0")


def digest(value: JsonValue) -> str:
    """Hash a JSON value by content (SHA-256, 32 hex digits): equal values, equal digests, whatever the key order."""
    return hashlib.sha256(_canonical.encode(value)).hexdigest()[:32]


def now_ms() -> int:
    """Read the wall clock, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
