"""Wire: what processes say to each other about text that is being written."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeVar

import msgspec

from remit.server.fleet.signals import LARGEST
from remit.server.service.pieces import Piece

T = TypeVar("T")

WATCHES = "remit_watches"
"""The channel that all hear who drive sessions."""
CALLS = "remit_calls"
"""The channel that all hear who watch sessions: on it a worker that begins to hear asks who watches."""

_FRAME = 2
"""Bytes around the items of a list, and not more than those between two."""


class Watch(msgspec.Struct, frozen=True, array_like=True):
    """Somebody watches sessions, or does so no more."""

    kind: Literal["watch", "again", "leave"]
    """`again` wants to have what is being said from its beginning."""
    channel: str
    """Where it hears."""
    sessions: tuple[str, ...]


def watches(kind: Literal["watch", "again", "leave"], channel: str, sessions: Iterable[str]) -> Iterator[Watch]:
    """Name sessions in as few messages as they fit in."""
    room = LARGEST - len(channel) - 40
    for names in _gathered(((name, len(msgspec.json.encode(name))) for name in sessions), room):
        yield Watch(kind, channel, tuple(names))


def payloads(pieces: Iterable[Piece]) -> Iterator[str]:
    """Write pieces in as few payloads as they fit in, and cut those that are too long for one."""
    encoded = ((written, len(written)) for piece in pieces for written in _cut(piece))
    for group in _gathered(encoded, LARGEST - _FRAME):
        yield f"[{b','.join(group).decode()}]"


def _cut(piece: Piece) -> Iterator[bytes]:
    """Cut between characters, never within one."""
    written = msgspec.json.encode(piece)
    if len(written) <= LARGEST - _FRAME:
        yield written
        return
    half = len(piece.text) // 2
    if half == 0:
        # Its session has a name that fits nowhere.
        return
    yield from _cut(msgspec.structs.replace(piece, text=piece.text[:half]))
    yield from _cut(msgspec.structs.replace(piece, text=piece.text[half:], at=piece.at + half, fresh=False))


def _gathered(items: Iterable[tuple[T, int]], room: int) -> Iterator[Sequence[T]]:
    group: list[T] = []
    size = 0
    for item, length in items:
        if length > room:
            continue
        if group and size + length + 1 > room:
            yield group
            group, size = [], 0
        group.append(item)
        size += length + 1
    if group:
        yield group
