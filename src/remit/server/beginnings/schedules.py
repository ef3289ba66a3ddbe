"""Schedules: agents begin by the clock, once a tick, in every process that runs this and in none of them twice.

Nothing is kept beside the journal: the session of a tick is named by its schedule and its minute in UTC, and what ran
before is what has a session.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from remit.core.errors import RemitError
from remit.core.values import now_ms
from remit.server.beginnings.cron import Cron, stamp
from remit.server.beginnings.settings import ScheduleSettings, filled
from remit.server.beginnings.starting import Cause, Source, Starter, TakenError

_log = logging.getLogger("remit.beginnings")

ON_TIME = 60_000
"""Milliseconds after which a tick was missed."""

MOST = 100
"""Missed ticks that are made up for at most, the newest of them."""

BACK = 500
"""Ticks back to which it is looked for the last that ran; a schedule with none among them is new."""

_FIRST, _LONGEST = 1_000, 60_000
"""Milliseconds before a tick is tried again that could not begin."""

_LOOK = 15.0
"""Seconds between two looks at the clock on the wall, which a machine that slept finds far ahead."""


@dataclass(slots=True)
class _Line:
    """A schedule on its way."""

    source: Source
    settings: ScheduleSettings
    cron: Cron
    seen: int | None = None
    """The last tick that is dealt with; `None` before anybody looked."""
    due: int = 0
    pause: int = 0
    again: int = 0
    """Not to be tried before."""

    def cause(self, tick: int) -> Cause:
        return Cause(self.source, stamp(tick))


class Schedules:
    """Runs schedules."""

    def __init__(
        self,
        starter: Starter,
        schedules: Sequence[tuple[Source, ScheduleSettings, Cron]],
        *,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """Take what is to begin when; the clock counts milliseconds since the epoch."""
        self.starter, self._clock = starter, clock
        self._lines = [_Line(*one) for one in schedules]

    async def run(self) -> None:
        """Begin what is due, again and again, until cancelled."""
        while self._lines:  # noqa: ASYNC110 - it is the clock that is waited for
            await asyncio.sleep(min(await self.turn(), _LOOK))

    async def turn(self) -> float:
        """Begin what is due by now; give the seconds until there is something to do."""
        for line in self._lines:
            try:
                await self._look(line)
            except RemitError as error:
                self._later(line, f"{type(error).__name__}: {error}")
            except Exception as error:  # noqa: BLE001 - what breaks one schedule must not stop the others
                _log.exception("%s broke", line.source.by)
                self._later(line, type(error).__name__)
        now = self._clock()
        return max(0.05, min((max(line.due, line.again) - now for line in self._lines), default=1_000) / 1000)

    def _later(self, line: _Line, why: str) -> None:
        line.pause = min(max(line.pause * 2, _FIRST), _LONGEST)
        line.again = self._clock() + line.pause
        self.starter.count(line.source, "failed")
        _log.warning("%s could not begin and is tried again in %g s: %s", line.source.by, line.pause / 1000, why)

    async def _look(self, line: _Line) -> None:
        now = self._clock()
        if now < line.again:
            return
        if line.seen is None:
            line.seen = await self._last(line, now)
            line.due = line.cron.after(line.seen)
        if now >= line.due:
            due = [tick for tick in line.cron.before(now, BACK) if tick > line.seen]
            chosen = _chosen(line.settings, due, now)
            for tick in reversed(chosen):
                await self._begin(line, tick)
            if len(due) > len(chosen):
                self.starter.count(line.source, "missed", len(due) - len(chosen))
                _log.warning("%s missed %s of its times", line.source.by, len(due) - len(chosen))
            line.seen = max([line.seen, *due])
            line.due = line.cron.after(line.seen)
        line.pause = 0

    async def _last(self, line: _Line, now: int) -> int:
        """Find the last tick that has a session; a schedule that never ran begins with the tick that comes next."""
        for tick in line.cron.before(now, BACK):
            if await self.starter.exists(line.cause(tick)):
                return tick
        return now - ON_TIME

    async def _begin(self, line: _Line, tick: int) -> None:
        said = filled(line.settings.message, name=line.settings.name, time=line.cron.shown(tick))
        try:
            await self.starter.begin(line.cause(tick), said)
        except TakenError as error:
            self.starter.count(line.source, "refused")
            await self.starter.tell(line.source, str(error))


def _chosen(settings: ScheduleSettings, due: Sequence[int], now: int) -> Sequence[int]:
    """Choose, of the ticks that are due, newest first, those that are to begin."""
    match settings.catch_up:
        case "none":
            return [tick for tick in due if now - tick <= ON_TIME]
        case "last":
            return due[:1]
        case "all":
            return due[:MOST]
        case _:
            assert_never(settings.catch_up)
