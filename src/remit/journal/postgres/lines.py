"""Lines: the connections of a store, opened when they are needed, replaced when they break."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from remit.core.errors import JournalError
from remit.journal.postgres.address import Address
from remit.journal.postgres.door import Line, dial, explain, passing

T = TypeVar("T")

_log = logging.getLogger("remit.journal")

_PAUSE_FIRST, _PAUSE_LAST = 0.02, 0.5


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a store waits for its database, in seconds."""

    statement: float = 10.0
    """For one statement or one connection."""
    outage: float = 30.0
    """For a server that is away or busy, before an operation fails."""
    silent: float = 2.0
    """Of these, before it is logged why things wait."""
    beat: float = 1.0
    """Between two signs of life of a worker."""
    life: float = 3.0
    """For which a sign of life holds, by the database's clock: after that a worker counts as dead."""
    poll: float = 1.0
    """Between two looks at what is followed, should a notification have been missed."""


class Lines:
    """A few connections to one database, which any number of works share."""

    def __init__(
        self, address: Address, patience: Patience, most: int, settings: Mapping[str, str] | None = None
    ) -> None:
        """Open none yet, and `most` at most; each with these settings of the server."""
        self.address, self.patience = address, patience
        self._settings = settings or {}
        self._idle: list[Line] = []
        self._room = asyncio.Semaphore(most)
        self._ready: Callable[[Line], Awaitable[None]] | None = None
        self._checking = asyncio.Lock()
        self.closed = False

    def first(self, check: Callable[[Line], Awaitable[None]]) -> None:
        """Have this done once, with the first connection, before anything else is."""
        self._ready = check

    async def do(self, work: Callable[[Line], Awaitable[T]]) -> T:
        """Do what may be done twice, again after a connection broke; raise `JournalError` when patience ends."""
        async with self._room:
            return await self.patiently(lambda: self.once(work))

    async def once(self, work: Callable[[Line], Awaitable[T]]) -> T:
        """Do it once; raise what the driver raises."""
        line = await self.take()
        try:
            result = await work(line)
        except BaseException:
            # Whatever it was in the middle of is over: nobody else should find out what that was.
            line.terminate()
            raise
        self.give(line)
        return result

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until it does, or fails for good, or the outage has lasted too long."""
        now = asyncio.get_running_loop().time
        end, pause, said = now() + self.patience.outage, _PAUSE_FIRST, False
        tell = now() + self.patience.silent
        while True:
            self.refuse_closed()
            try:
                return await attempt()
            except Exception as error:  # noqa: BLE001 - sorted out below, and told in our words
                if not passing(error) or now() + pause > end:
                    # Not chained: what the driver says may hold parts of what it was given.
                    raise explain(self.address, error, self.patience.outage) from None
                if not said and now() >= tell:
                    said = True
                    _log.warning(
                        "%s does not answer or is busy; trying for %.0f s", self.address.place, self.patience.outage
                    )
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE_LAST)

    def refuse_closed(self) -> None:
        """Raise `JournalError` once the store was closed."""
        if self.closed:
            raise JournalError(f"the store on {self.address.place} was closed")

    async def take(self) -> Line:
        """Give a connection that is idle, or a new one; it comes back with `give`, or is terminated."""
        while self._idle:
            line = self._idle.pop()
            if not line.is_closed():
                return line
        line = await dial(self.address, self.patience.statement, self._settings)
        try:
            if self._ready is not None:
                async with self._checking:
                    if self._ready is not None:
                        await self._ready(line)
                        self._ready = None
        except BaseException:
            line.terminate()
            raise
        return line

    def give(self, line: Line) -> None:
        """Take a connection back."""
        if self.closed:
            line.terminate()
        else:
            self._idle.append(line)

    async def close(self) -> None:
        """Let go of all of them."""
        self.closed = True
        for line in self._idle:
            await hang_up(line)
        self._idle.clear()


async def hang_up(line: Line) -> None:
    """Close a connection in order, or at least close it."""
    with contextlib.suppress(Exception):
        await line.close(timeout=2.0)
    line.terminate()
