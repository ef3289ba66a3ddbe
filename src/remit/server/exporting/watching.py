"""Watching: telemetry beside a home, from before it drives its first session until its last has ended."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from remit.core.ports import Delta
from remit.home import Home
from remit.runtime import Session
from remit.server.exporting.following import Follower, Pace, Reader


class Sending(Reader, Protocol):
    """A reader that sends what it is shown somewhere, such as `SpanExport`."""

    async def run(self) -> None:
        """Send what there is, again and again, until cancelled."""
        ...

    async def close(self) -> None:
        """Send what waits, for a bounded time, and let go."""
        ...


class _Ear:
    """Hears the end of one drive; meanwhile a follower looks by itself, and per record it would look all the time."""

    def __init__(self, follower: Follower, session: str) -> None:
        self._follower, self._session = follower, session

    def put(self, item: Delta | int) -> None:
        """Let it pass."""

    def end(self) -> None:
        self._follower.touch(self._session)


@contextlib.asynccontextmanager
async def watching(
    home: Home, readers: Sequence[Reader], sending: Sequence[Sending] = (), *, pace: Pace | None = None
) -> AsyncGenerator[Follower]:
    """Show readers what all sessions of a home's store do meanwhile, and those of the home as soon as they stop.

    At the end they are shown what came last, and what there is to send is sent. Sessions must have stopped before.
    """
    follower = Follower(home.store, [*readers, *sending], pace=pace)

    def begun(living: Session) -> None:
        living.feed.attach(_Ear(follower, living.id))

    home.lives.watch(begun)
    # What people decide and what escalates leaves a session that sleeps as it was in the list.
    home.lives.listen(follower.touch)
    following = asyncio.create_task(follower.run(), name="remit-telemetry")
    senders = [asyncio.create_task(one.run(), name="remit-sending") for one in sending]
    try:
        yield follower
    finally:
        try:
            await _ended(following)
            await follower.look()
            # Closed before it is cancelled: a batch that is on its way arrives.
            await asyncio.gather(*(one.close() for one in sending))
        finally:
            await _ended(*senders)


async def _ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
