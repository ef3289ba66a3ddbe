"""Running: the views of a home, kept meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from remit.core.errors import RemitError
from remit.core.ports import Delta
from remit.home import MEMORY, Home
from remit.runtime import Session
from remit.server.exporting.following import Pace
from remit.server.projection.changing import EVERY
from remit.server.projection.files import FILE
from remit.server.projection.keeping import Keeper
from remit.server.projection.views import Views

_LAST = 2.0
"""Seconds for what came last."""


class _Ear:
    """Hears the end of one drive; meanwhile the follower looks by itself."""

    def __init__(self, keeper: Keeper, session: str) -> None:
        self._keeper, self._session = keeper, session

    def put(self, item: Delta | int) -> None:
        """Let it pass."""

    def end(self) -> None:
        self._keeper.touch(self._session)


@contextlib.asynccontextmanager
async def projecting(
    home: Home, place: str | Path, *, pace: Pace | None = None, every: float = EVERY
) -> AsyncGenerator[Views]:
    """Keep the views of a home beside its store, which is in `place`, from before it drives its first session.

    At the end what came last is written. Raise `ConfigError` when the file cannot be used.
    """
    path = None if place == MEMORY else Path(place) / FILE
    keeper = Keeper(home.store, path, pace=pace, every=every)

    def begun(living: Session) -> None:
        living.feed.attach(_Ear(keeper, living.id))

    home.lives.watch(begun)
    home.lives.listen(keeper.touch)
    running = asyncio.create_task(keeper.run(), name="remit-views")
    try:
        yield Views(keeper, home.store, home.tenants)
    finally:
        try:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            with contextlib.suppress(TimeoutError, RemitError, RuntimeError):
                # What it does not come to, or cannot write, the next process reads.
                async with asyncio.timeout(_LAST):
                    await keeper.look()
        finally:
            await keeper.close()
