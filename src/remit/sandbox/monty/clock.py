"""Clock: the time of a program, which moves by its own sleeps alone, so that it is the same when it runs again."""

import asyncio
from collections.abc import Iterable

from remit.sandbox.monty.endings import OverError


class Clock:
    """Sleeps for a program, for so many seconds in all."""

    def __init__(self, most: float, now: float = 0.0, asleep: dict[int, float] | None = None) -> None:
        """Begin at its beginning, or where it was kept."""
        self._most = most
        self.now = now
        """Seconds that it has slept."""
        self.asleep = asleep or {}
        """When the sleeps that are under way end."""

    async def sleep(self, seconds: float) -> None:
        """Wait; raise `OverError` at once when that is longer than it may."""
        await self._until(self.now + seconds)

    def begin(self, number: int, seconds: float) -> None:
        """Begin a sleep that goes on beside others."""
        self.asleep[number] = self.now + seconds

    async def woken(self, ids: Iterable[int]) -> list[int]:
        """Wait until the first of these ends, and say which do."""
        asleep = {number: self.asleep[number] for number in ids if number in self.asleep}
        if not asleep:
            raise OverError("killed", "it waits for nothing that it was given")
        first = min(asleep.values())
        await self._until(first)
        woken = sorted(number for number, end in asleep.items() if end <= first)
        for number in woken:
            del self.asleep[number]
        return woken

    async def _until(self, end: float) -> None:
        # Written so that no number, not even one that is none, gets past it.
        if not end <= self._most:
            raise OverError("timeout", f"it sleeps for more than {self._most:g} s")
        if end > self.now:
            await asyncio.sleep(end - self.now)
            self.now = end
