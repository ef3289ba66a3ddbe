"""References: the blobs that events name. Found by their look, so that events of any version are understood.

A digest is 64 hexadecimal digits. Whatever looks like one counts, also inside a longer text: what is named nowhere is
surely not needed, and what is named by chance costs nothing but its place.
"""

import re
from collections.abc import Iterable
from typing import Any, cast

import msgspec

_CRC = 4
_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_decoder = msgspec.msgpack.Decoder()


def named(body: bytes) -> set[str]:
    """Give what looks like a digest in the body of a batch; raise `msgspec.MsgspecError` when it is none."""
    found: set[str] = set()
    _look([_decoder.decode(memoryview(body)[_CRC:])], found)
    return found


def _look(values: Iterable[object], found: set[str]) -> None:
    for value in values:
        if isinstance(value, str):
            if len(value) >= 64:
                found.update(_DIGEST.findall(value))
        elif isinstance(value, list):
            _look(cast("list[Any]", value), found)
        elif isinstance(value, dict):
            pairs = cast("dict[Any, Any]", value)
            _look(pairs, found)
            _look(pairs.values(), found)
