"""Signals: how the processes of a fleet speak to each other beside the journal. Whatever is said may be lost."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

T = TypeVar("T")

LARGEST = 7900
"""Bytes of one payload that all signals carry."""


class Signals(Protocol):
    """Says to all who hear a channel, and never waits."""

    @property
    def waiting(self) -> int:
        """Bytes that are not said yet."""
        ...

    def say(self, channel: str, payload: str) -> bool:
        """Say something, soon and perhaps; false when it is dropped here and now."""
        ...

    def hear(
        self, channel: str, heard: Callable[[str], None], again: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Hear a channel; `again` is called whenever hearing begins. Give what ends it."""
        ...


def read(payload: str, kind: type[T]) -> T | None:
    """Read what was said; `None` for what no process of ours says."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeError):
        return None


def written(value: object) -> str:
    """Write what is to be said."""
    return msgspec.json.encode(value).decode()
