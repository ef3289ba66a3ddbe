"""Tailing: stores that say what was written of late, so that nobody goes through the list of all their sessions."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from remit.core.ports import SessionRow, Store
from remit.journal import RedactedStore

OVERLAP = 2_000
"""Milliseconds that each question goes back behind the last: what is committed late has an earlier time. What is later
still is found when all sessions are gone through."""


@runtime_checkable
class Tailed(Protocol):
    """A store with a clock of its own that knows what was appended since when."""

    async def written(self, since: int) -> tuple[Sequence[tuple[SessionRow, int]], int]:
        """Give the line and the tail of each session that was appended to since a time, and the time that it is now.

        Both are in milliseconds since the epoch, by the clock of the store; since 0 are all.
        """
        ...


def tailed(store: Store) -> Tailed | None:
    """Give what a store says of this kind, also one that is wrapped; `None` when it says nothing."""
    while isinstance(store, RedactedStore):
        store = store.inner
    return store if isinstance(store, Tailed) else None
