"""A clock that only moves when a test says so, with the sleep that goes by it."""

import asyncio
import heapq
from dataclasses import dataclass, field
from itertools import count

NEVER = 1e9


async def instantly(seconds: float) -> None:
    """Let others have their turn, and no time; what is for ever stays so."""
    if seconds == NEVER:
        await asyncio.Event().wait()
    await asyncio.sleep(0)


async def settle() -> None:
    """Let everybody do what they can without time going by."""
    for _ in range(20):
        await asyncio.sleep(0)


@dataclass
class Timing:
    """Time as a value: seconds since some beginning."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list[float])
    """What was wished, in order."""
    _sleepers: list[tuple[float, int, asyncio.Event]] = field(default_factory=list[tuple[float, int, asyncio.Event]])
    _order: "count[int]" = field(default_factory=count)

    def clock(self) -> float:
        """Read it."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Wait until it has moved on."""
        self.slept.append(seconds)
        woken = asyncio.Event()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), woken))
        await woken.wait()

    async def advance(self, seconds: float) -> None:
        """Move it on, and let everybody who is woken on the way act at their moment."""
        end = self.now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, woken = heapq.heappop(self._sleepers)
            self.now = max(self.now, at)
            woken.set()
            await settle()
        self.now = end
        await settle()
