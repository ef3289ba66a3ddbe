"""Span: something that took time, as it is exported."""

from collections.abc import Mapping
from typing import Literal

import msgspec

Attribute = str | bool | int | float | tuple[str, ...]


class Moment(msgspec.Struct, frozen=True):
    """Something that happened within a span."""

    name: str
    at: int
    """Milliseconds since the epoch."""
    attributes: Mapping[str, Attribute] = {}


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One operation that is over."""

    trace: bytes
    id: bytes
    parent: bytes | None
    """`None` at the top of its trace."""
    name: str
    kind: Literal["internal", "client"] = "internal"
    began: int
    """Milliseconds since the epoch, as recorded."""
    ended: int
    attributes: Mapping[str, Attribute]
    moments: tuple[Moment, ...] = ()
    failed: bool = False
    sampled: bool | None = None
    """Whether who began its trace wants it recorded; `None` where that is ours to say."""
    why: str = ""
    """What went wrong, in words; only when content is captured."""
