"""Payload: results made fit for the journal and the conversation. Large ones go to a blob and leave a head."""

import math
from collections.abc import Iterable
from typing import cast

import msgspec

from remit.core.messages import Outcome, OutcomeStatus
from remit.core.ports import Blobs
from remit.core.values import JsonValue

LARGE = 32 << 10
"""Bytes of JSON above which a result goes to a blob."""

HEAD = 2000
"""Characters of a large result that stay in the conversation."""

DEEPEST = 200
"""Levels of nesting that arguments may have: what walks over them later must not run out of stack."""

_UNFIT = (TypeError, ValueError, OverflowError, msgspec.MsgspecError)
_pack = msgspec.msgpack.Encoder()
_unpack = msgspec.msgpack.Decoder()
_json = msgspec.json.Encoder()


async def outcome(call: str, status: OutcomeStatus, output: JsonValue, blobs: Blobs) -> Outcome:
    """Make the outcome of a call from what `fit` made of the tool's result."""
    packed = _pack.encode(output)
    if len(packed) <= LARGE:
        return Outcome(call, status, output)
    body = _json.encode(output)
    blob = await blobs.put(body)
    head = output if isinstance(output, str) else body.decode()
    note = f"\n[cut: {len(body)} bytes in all, kept as blob {blob[:12]}]"
    return Outcome(call, status, head[:HEAD] + note, blob, len(body))


def fit(value: JsonValue) -> JsonValue:
    """Make a value what the journal gives back for it, changing what it cannot hold only where it must."""
    if value is None or isinstance(value, bool):
        return value
    try:
        packed = _pack.encode(value)
        # A tuple comes back as a list: whoever goes on now must see what a replay will.
        return value if isinstance(value, str) else _unpack.decode(packed)
    except _UNFIT:
        return plain(value)


def too_deep(value: JsonValue) -> bool:
    """Say whether a value is nested deeper than `DEEPEST`; it takes no stack itself."""
    level: list[JsonValue] = [value]
    for _ in range(DEEPEST + 1):
        level = [item for one in level if isinstance(one, dict | list) for item in _items(one)]
        if not level:
            return False
    return True


def _items(value: dict[str, JsonValue] | list[JsonValue]) -> Iterable[JsonValue]:
    return value.values() if isinstance(value, dict) else value


def packed(value: JsonValue) -> bytes:
    """Write a fitting value as the journal does."""
    return _pack.encode(value)


def legible(value: str) -> str:
    """Take out what UTF-8 cannot say."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode()
    return value


def plain(value: object) -> JsonValue:
    """Turn what MessagePack or JSON cannot say into what it can: huge numbers, lone surrogates, strangers."""
    match value:
        case None | bool():
            fitting: JsonValue = value
        case int():
            # Not of a kind of their own, as numpy's and those of an enumeration are.
            fitting = int(value) if -(2**63) <= value < 2**64 else str(int(value))
        case float():
            fitting = float(value) if math.isfinite(value) else str(float(value))
        case dict():
            items = cast("dict[object, object]", value).items()
            fitting = {str(plain(key)): plain(item) for key, item in items}
        case list() | tuple() | set() | frozenset():
            fitting = [plain(item) for item in cast("Iterable[object]", value)]
        case _:
            fitting = str(value).encode("utf-8", "replace").decode()
    return fitting
