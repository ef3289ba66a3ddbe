"""Patient: asks the database, and says that it is busy when nobody can tell what it would have answered."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from remit.core.errors import CorruptJournalError, JournalBusyError, JournalError, NewerSchemaError
from remit.core.values import now_ms
from remit.journal.postgres.door import Line, Row
from remit.journal.postgres.lines import Lines

T = TypeVar("T")

_MORE = 1.0
"""Seconds after which what should have given up by itself is given up."""


class Patient:
    """What the stores of access ask by; all of it may be done twice."""

    def __init__(self, lines: Lines, clock: Callable[[], int] = now_ms) -> None:
        """Ask over these connections; the clock counts milliseconds."""
        self._lines, self._clock = lines, clock
        self._ahead = 0

    def now(self) -> int:
        """Say what time it is over there, as far as it is known, in milliseconds since the epoch."""
        return self._clock() + self._ahead

    def heed(self, now: int) -> None:
        """Take in what time it is over there."""
        self._ahead = now - self._clock()

    async def do(self, work: Callable[[Line], Awaitable[T]]) -> T:
        """Do what may be done twice; raise `JournalBusyError` when the database does not answer."""
        longest = self._lines.patience.outage + _MORE
        try:
            # Those who stand behind others for a connection wait no longer than they do.
            async with asyncio.timeout(longest):
                return await self._lines.do(work)
        except TimeoutError:
            raise JournalBusyError(f"{self._lines.address.place} did not answer for {longest:.0f} s") from None
        except (JournalBusyError, CorruptJournalError, NewerSchemaError):
            raise
        except JournalError as error:
            # Nothing was found out, so nobody is let in; it may be otherwise in a moment.
            raise JournalBusyError(str(error)) from None

    async def ask(self, statement: str, *values: object) -> list[Row]:
        """Send a statement that may be sent twice, and give its rows."""
        return await self.do(lambda line: line.fetch(statement, *values))


def storable(text: str) -> bool:
    """Say whether PostgreSQL can have such a text at all; what it cannot have is not there."""
    return "\0" not in text
