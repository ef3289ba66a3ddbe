"""Ear: hears at once that another process switched something, over one connection that only listens."""

import asyncio
import contextlib
from typing import Any

from remit.journal.postgres.door import Line
from remit.journal.postgres.lines import Lines, hang_up

CHANNEL = "remit_switches"


class Ear:
    """Listens from the first wait on. It may miss what comes while it has no connection, so whoever waits looks too."""

    def __init__(self, lines: Lines) -> None:
        """Listen to nothing yet."""
        self._lines = lines
        self._line: Line | None = None
        self._news = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Wait until there is news, or for so long."""
        if self._line is None or self._line.is_closed():
            await self._listen()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    async def _listen(self) -> None:
        try:
            line = await self._lines.take()
        except Exception:  # noqa: BLE001 - whoever waits looks for themselves, and says what is wrong
            return
        try:
            await line.add_listener(CHANNEL, self._heard)
            line.add_termination_listener(lambda _: self._news.set())
        except BaseException as error:
            line.terminate()
            if not isinstance(error, Exception):
                raise
            return
        self._line = line
        # What came before we listened.
        self._news.set()

    def _heard(self, connection: Any, process: int, channel: str, payload: str, /) -> None:
        self._news.set()

    async def close(self) -> None:
        """Hear no more."""
        if self._line is not None:
            await hang_up(self._line)
            self._line = None
