"""A database whose clock only moves when a test says so, for what goes by it: circuits and bounds."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Self

from remit.journal.postgres import Address, migrate
from remit.journal.postgres.door import Line, Row, dial

BEGIN = datetime(2100, 1, 1, tzinfo=UTC)
"""Long after the server was started, so that nobody waits for those who were there before."""

_MODEL = """
CREATE OR REPLACE FUNCTION remit.now_1() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT current_setting('remit.test_now')::timestamptz
$$"""


class Ticking:
    """One connection to it."""

    def __init__(self, line: Line) -> None:
        """Begin at the beginning."""
        self._line = line
        self.now = 0.0
        """Seconds."""

    @classmethod
    async def open(cls, url: str) -> Self:
        """Put a model in the place of the clock of a database."""
        await migrate(url)
        line = await dial(Address.of(url), 30)
        await line.execute(_MODEL)
        return cls(line)

    async def fetch(self, statement: str, *args: object) -> list[Row]:
        """Ask at this moment."""
        moment = BEGIN + timedelta(seconds=self.now)
        await self._line.fetch("SELECT set_config('remit.test_now', $1, false)", moment.isoformat())
        return await self._line.fetch(statement, *args)

    async def close(self) -> None:
        """Hang up."""
        await self._line.close()


class Loop:
    """Runs what is asynchronous for laws that are not."""

    def __init__(self) -> None:
        """Begin one."""
        self._runner = asyncio.Runner()
        self.run = self._runner.run

    def close(self) -> None:
        """End it."""
        self._runner.close()
