"""Cron: the times of a schedule, as instants, also where clocks are put forward and back.

As in Vixie's cron: with an hour that begins with `*` it keeps to real time, so an hour that comes twice counts twice
and one that is left out not at all. With any other hour each time of day comes once a day: the first of two, and one
that is left out as much later as the clock was put forward.
"""

import importlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast
from zoneinfo import ZoneInfo

from remit.core.errors import ConfigError

_SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
# The library also knows `R`, a time by lot, which would be another one in each process.
_FIELD = re.compile(
    r"(?:[0-9*/,#?-]|L|W|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)+", re.IGNORECASE
)

_SHIFT = timedelta(hours=3)
"""More than any clock is put forward or back."""

_STEP = timedelta(minutes=1)


class Cron:
    """When something is to happen; times are milliseconds since the epoch, always whole minutes."""

    def __init__(self, expression: str, timezone: str = "UTC") -> None:
        """Take five fields and a time zone; raise `ConfigError` for what is none, or never comes."""
        self._said = _SHORT.get(expression.strip().lower(), expression.strip())
        self._made = _croniter().croniter
        fields = self._said.split()
        if len(fields) != 5 or not all(map(_FIELD.fullmatch, fields)):
            known = f"five fields (minute hour day month weekday) or one of {', '.join(_SHORT)}"
            raise ConfigError(f"cron has {known}, not {expression!r}")
        try:
            self._made.expand(self._said, strict=True)
            # Some that can be read never come.
            next(self._steps(datetime.now(UTC).replace(tzinfo=None), back=False))
        except (ValueError, TypeError) as error:
            raise ConfigError(f"cron {expression!r} cannot be: {error}") from None
        try:
            self._zone = ZoneInfo(timezone)
        except (ValueError, LookupError, OSError):
            raise ConfigError(f"timezone is a name such as 'Europe/Berlin', not {timezone!r}") from None
        self._real = fields[1].startswith("*")

    def after(self, at: int) -> int:
        """Give the first time after another."""
        best: int | None = None
        for local in self._steps(self._local(at) - _SHIFT, back=False):
            if best is not None and local > self._local(best) + _SHIFT:
                break
            for one in self._instants(local):
                if one > at and (best is None or one < best):
                    best = one
        assert best is not None
        return best

    def before(self, at: int, count: int) -> list[int]:
        """Give the last times up to another, itself included: so many at most, newest first."""
        found: set[int] = set()
        for local in self._steps(self._local(at) + _SHIFT + _STEP, back=True):
            if len(found) >= count and local < self._local(sorted(found)[-count]) - _SHIFT:
                break
            found.update(one for one in self._instants(local) if one <= at)
            if local.year < 2000:
                break
        return sorted(found, reverse=True)[:count]

    def shown(self, at: int) -> str:
        """Write a time as the clock of the schedule shows it."""
        return datetime.fromtimestamp(at / 1000, self._zone).isoformat(timespec="minutes")

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at / 1000, self._zone).replace(tzinfo=None, fold=0)

    def _steps(self, start: datetime, *, back: bool) -> Iterator[datetime]:
        """Give what a clock on the wall shows, which knows nothing of zones."""
        times = self._made(self._said, start)
        while True:
            yield times.get_prev(datetime) if back else times.get_next(datetime)

    def _instants(self, local: datetime) -> list[int]:
        """Say when it is that the clock shows this: mostly once, but twice or never where it is put back or forward."""
        both = [round(local.replace(tzinfo=self._zone, fold=fold).timestamp()) * 1000 for fold in (0, 1)]
        shown = [one for one in dict.fromkeys(both) if self._local(one) == local]
        if self._real:
            return shown
        return shown[:1] or both[:1]


def stamp(at: int) -> str:
    """Write a time in UTC, to the minute, as sessions are named by it: `20261121T0300Z`."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y%m%dT%H%MZ")


class _Times(Protocol):
    def get_next(self, kind: type[datetime]) -> datetime: ...
    def get_prev(self, kind: type[datetime]) -> datetime: ...


class _Maker(Protocol):
    def __call__(self, expression: str, start: datetime) -> _Times: ...
    def expand(self, expression: str, *, strict: bool) -> object: ...


class _Croniter(Protocol):
    croniter: _Maker


def _croniter() -> _Croniter:
    try:
        return cast("_Croniter", importlib.import_module("croniter"))
    except ImportError as error:
        raise ConfigError(f"schedules need an extra: pip install 'remit[cron]' ({error})") from error
