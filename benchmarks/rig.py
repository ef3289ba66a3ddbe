"""Rig: the port every measured runtime is driven through. The ruler (`measure`) knows nothing else of it."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

Place = Path | str | None
"""A folder, the URL of a database, or memory."""


class Rig(Protocol):
    """One runtime opened over one store, with the tools and the model of `world.WORLD` in it."""

    async def run(self, session: str, steps: int) -> str:
        """Drive a new session with `run_prompt(steps)` to its end; return the answer."""
        ...

    async def suspend(self, session: str, steps: int) -> None:
        """Drive a new session with `hold_prompt(steps)` until it durably waits for the approval of `pay`."""
        ...

    async def approve(self, session: str) -> str:
        """Approve what a suspended session waits for, drive it to its end; return the answer."""
        ...

    def fsyncs(self) -> int | None:
        """Return how often the store has synced to disk (PostgreSQL: committed) since it was opened, if it is known."""
        ...


class OpenRig(Protocol):
    """How a runtime is opened: over a folder it may write in, over an empty database of PostgreSQL, or in memory."""

    def __call__(self, place: Place) -> AbstractAsyncContextManager[Rig]:
        """Open the store; all of it must be on disk when the context ends."""
        ...


class UnsupportedError(Exception):
    """The runtime cannot do this workload; the text says why and goes into the report."""
