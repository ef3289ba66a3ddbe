"""Circuits: tells what happens to those of this worker, and looks where all stand, several times a second."""

import asyncio
import contextlib
import time

from remit.core.errors import ConfigError, JournalError
from remit.core.ports import Clock
from remit.journal.postgres.lines import Lines
from remit.policy.shared_breaker import SharedBreakers, Standing, Wish

LOOK = 0.5
"""Seconds between two looks: one worker's open circuit is open for all not much later."""

_WISH = "SELECT state, era, failures, wait, won FROM remit.circuit_1($1, $2, $3, $4, $5, $6, $7, $8)"
_ALL = """
SELECT name, state, era, failures,
       CASE WHEN state = 'closed' THEN 0.0 ELSE greatest(0.0, extract(epoch FROM until - remit.now_1())::float8) END
FROM remit.circuits"""


class Circuits:
    """Keeps the circuits of one worker and those of the database alike, while there are any."""

    def __init__(self, lines: Lines, *, clock: Clock = time.monotonic) -> None:
        """Ask over these lines; the clock is the one that the circuits of this worker go by."""
        self._lines, self._clock = lines, clock
        self._known: SharedBreakers | None = None
        self._news = asyncio.Event()
        self._going: asyncio.Task[None] | None = None
        self._closed = False

    def keep(self, breakers: SharedBreakers) -> None:
        """Keep these; there is one such set in a process."""
        self._known = breakers

    def tell(self) -> None:
        """Come soon: there is something to tell, or somebody wants to know."""
        if self._closed or self._known is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # Whoever only looks, from outside of any loop, is shown what was known last.
            return
        if self._going is None or self._going.done():
            self._going = loop.create_task(self._go(self._known))
        if self._known.wishes():
            self._news.set()

    async def _go(self, known: SharedBreakers) -> None:
        while True:
            self._news.clear()
            # While the database is away what was known last stays.
            with contextlib.suppress(JournalError, ConfigError):
                for wish in known.wishes():
                    await self._wish(known, wish)
                await self._look(known)
            if not known.wishes():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK):
                        await self._news.wait()

    async def _wish(self, known: SharedBreakers, wish: Wish) -> None:
        at, bears = self._clock(), wish.tolerance
        told = (wish.name, wish.era, wish.kind, wish.token, wish.failures, bears.cooldown, bears.longest, wish.lease)
        [[state, era, failures, wait, won]] = await self._lines.do(lambda line: line.fetch(_WISH, *told))
        known.answered(wish, Standing(state, int(era), int(failures), float(wait)), at, won=bool(won))

    async def _look(self, known: SharedBreakers) -> None:
        at = self._clock()
        rows = await self._lines.do(lambda line: line.fetch(_ALL))
        standings = {
            str(name): Standing(state, int(era), int(failures), float(wait))
            for name, state, era, failures, wait in rows
        }
        known.heard(standings, at)

    async def close(self) -> None:
        """Tell what is still to be told, if that can be done soon, and look no more."""
        self._closed = True
        if self._going is not None:
            self._going.cancel()
            await asyncio.gather(self._going, return_exceptions=True)
        if self._known is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1.0):
                    for wish in self._known.wishes():
                        await self._wish(self._known, wish)
