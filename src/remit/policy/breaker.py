"""Breaker: stops calling what keeps failing, and finds out with one probe at a time whether it works again.

The pattern is Michael Nygard's, "Release It!", 2007: closed lets calls through, open refuses them, half-open lets
exactly one through.
"""

import math
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

from remit.core.errors import ConfigError
from remit.core.ports import Clock, Pass

BreakerState = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How much failing a breaker bears; times in seconds."""

    failures: int = 5
    """In a row."""
    ratio: float = 0.5
    """Of the last `window` calls, once there were so many."""
    window: int = 20
    cooldown: float = 30.0
    """Before the first probe; doubled after each that fails."""
    longest: float = 600.0
    """The cool-down never grows beyond."""
    lease: float = 120.0
    """After which a probe nobody reported counts as lost and another is let through."""

    def __post_init__(self) -> None:
        """Refuse figures with which a breaker could never open or never close."""
        counts = (self.failures, self.window)
        seconds = (self.cooldown, self.longest, self.lease)
        if min(counts) < 1 or min(seconds) <= 0 or not 0 < self.ratio <= 1:
            raise ConfigError(f"{self} needs counts of at least 1, times above 0 and a ratio above 0 and up to 1")


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """A breaker as a person reads it."""

    state: BreakerState
    failures: int
    """In a row."""
    wait: float
    """Seconds until the next call may go through; 0 when it may now."""


class Tally:
    """How calls have ended since a circuit was closed."""

    __slots__ = ("_recent", "_tolerance", "failures")

    def __init__(self, tolerance: Tolerance) -> None:
        """Begin with none."""
        self._tolerance = tolerance
        self.failures = 0
        """In a row."""
        self._recent: deque[bool] = deque(maxlen=tolerance.window)

    def clear(self) -> None:
        """Begin anew."""
        self.failures = 0
        self._recent.clear()

    def count(self, *, ok: bool) -> bool:
        """Take in how a call ended, and say whether that is more failing than is borne."""
        bears = self._tolerance
        self.failures = 0 if ok else self.failures + 1
        self._recent.append(ok)
        full = len(self._recent) == bears.window
        return self.failures >= bears.failures or (full and self._recent.count(False) >= bears.ratio * bears.window)


class Breaker:
    """One circuit. `enter` before each call, and `report` on the pass how the call ended."""

    __slots__ = ("_clock", "_era", "_state", "_tally", "_tolerance", "_trips", "_until")

    def __init__(self, tolerance: Tolerance | None = None, *, clock: Clock = time.monotonic) -> None:
        """Begin closed."""
        self._tolerance = tolerance or Tolerance()
        self._clock = clock
        self._tally = Tally(self._tolerance)
        self._trips = 0
        self._until = 0.0
        self._era = 0
        self._close()

    def enter(self) -> "Entered | str":
        """Let a call through, as the probe unless the circuit is closed, or say why it must not be made now."""
        if self._state == "closed":
            return Entered(self, self._era)
        now = self._clock()
        if now < self._until:
            wait = math.ceil(self._until - now)
            why = "one call is finding out if it works again" if self._state == "half_open" else "it kept failing"
            return f"the circuit is open: {why}; try again in {wait} s"
        self._state = "half_open"
        self._until = now + self._tolerance.lease
        self._era += 1
        return Entered(self, self._era)

    def take(self, era: int, *, ok: bool) -> None:
        """Take in how a call ended that was let through in an era; what came of those of earlier ones says nothing."""
        if era != self._era:
            return
        match self._state:
            case "closed":
                if self._tally.count(ok=ok):
                    self._open()
            case "half_open":
                if ok:
                    self._trips = 0
                    self._close()
                else:
                    self._tally.failures += 1
                    self._open()
            case "open":
                pass
            case _:
                assert_never(self._state)

    def forgo(self, era: int) -> None:
        """Take a pass back that was not used: the next call may be the probe."""
        if era == self._era and self._state == "half_open":
            self._state, self._until = "open", self._clock()
            self._era += 1

    def holds(self, era: int) -> bool:
        """Say whether the circuit is as it was in an era."""
        return era == self._era

    def status(self) -> BreakerStatus:
        """Show the circuit now."""
        wait = 0.0 if self._state == "closed" else max(0.0, self._until - self._clock())
        return BreakerStatus(self._state, self._tally.failures, wait)

    def _close(self) -> None:
        self._state: BreakerState = "closed"
        self._era += 1
        self._tally.clear()

    def _open(self) -> None:
        bears = self._tolerance
        self._state = "open"
        self._era += 1
        # The exponent is capped because a float overflows after a thousand failed probes.
        self._until = self._clock() + min(bears.longest, bears.cooldown * 2.0 ** min(self._trips, 64))
        self._trips += 1


class Entered:
    """The right to make one call through a circuit. Only its first report counts."""

    __slots__ = ("_breaker", "_era", "_used")

    def __init__(self, breaker: Breaker, era: int) -> None:
        """Belong to an era of a circuit, which ends when the circuit opens, closes or lets a probe through."""
        self._breaker, self._era, self._used = breaker, era, False

    @property
    def good(self) -> bool:
        """Whether the circuit is still as it was when this call was let through."""
        return self._breaker.holds(self._era)

    def report(self, *, ok: bool) -> None:
        """Say how the call ended."""
        if not self._used:
            self._used = True
            self._breaker.take(self._era, ok=ok)

    def release(self) -> None:
        """Give the right back: the call was not made after all."""
        if not self._used:
            self._used = True
            self._breaker.forgo(self._era)


class Breakers:
    """The circuits of a process by the name of a tool, host or provider: the gateway's `Gate`."""

    __slots__ = ("_breakers", "_clock", "_others", "_tolerance")

    def __init__(
        self,
        tolerance: Tolerance | None = None,
        *,
        others: Mapping[str, Tolerance] | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        """Take what all bear, what some names bear instead, and a clock in seconds."""
        self._tolerance = tolerance or Tolerance()
        self._others = dict(others or {})
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}

    def enter(self, name: str) -> Pass | str:
        """Let a call of this name through, or say why it must not be made now."""
        breaker = self._breakers.get(name)
        if breaker is None:
            breaker = self._breakers[name] = Breaker(self._others.get(name, self._tolerance), clock=self._clock)
        entered = breaker.enter()
        return f"`{name}`: {entered}" if isinstance(entered, str) else entered

    def snapshot(self) -> dict[str, BreakerStatus]:
        """Show all circuits that were asked for, by name."""
        return {name: breaker.status() for name, breaker in sorted(self._breakers.items())}
