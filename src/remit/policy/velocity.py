"""Velocity: how fast a session spends. Too fast is an anomaly that a person should look at."""

import time
from collections import deque

from remit.core.events import EffectEnded, Event, ModelAnswered, ModelFailed, RunResumed
from remit.core.ports import Alarm, Clock
from remit.core.state import State
from remit.core.values import Nanos, nanos, show_usd

_WINDOW = 60


class Velocity:
    """Alarms once when more than so many dollars were spent in a minute, and again only after it fell below.

    Seconds are counted whole, so the window is up to 61 s long and never shorter than a minute.
    """

    __slots__ = ("_cap", "_clock", "_high", "_spent", "_sum")
    sees = frozenset((ModelAnswered, ModelFailed, EffectEnded, RunResumed))

    def __init__(self, usd_per_minute: float, *, clock: Clock = time.monotonic) -> None:
        """Take the bound and a clock in seconds."""
        self._cap = nanos(usd_per_minute)
        self._clock = clock
        self._spent: deque[tuple[int, Nanos]] = deque()
        self._sum: Nanos = 0
        self._high = False

    async def see(self, event: Event, state: State) -> Alarm | None:
        """Add what the event cost, at the time it is seen."""
        match event:
            case ModelAnswered(cost=cost) | ModelFailed(cost=cost) | EffectEnded(cost=cost) if cost:
                return self._spend(cost)
            case RunResumed():
                # After a crash old costs are seen in one instant; after an alarm a person has looked at them.
                self._spent.clear()
                self._sum, self._high = 0, False
            case _:
                pass
        return None

    def _spend(self, cost: Nanos) -> Alarm | None:
        second = int(self._clock())
        self._forget(second - _WINDOW)
        self._high = self._high and self._sum > self._cap
        self._add(second, cost)
        if self._high or self._sum <= self._cap:
            return None
        self._high = True
        reason = f"{show_usd(self._sum)} spent within a minute, above {show_usd(self._cap)}; `Limits.usd_per_minute`"
        return Alarm("velocity", "pause", reason)

    def _add(self, second: int, cost: Nanos) -> None:
        self._sum += cost
        if self._spent and self._spent[-1][0] == second:
            cost += self._spent.pop()[1]
        self._spent.append((second, cost))

    def _forget(self, until: int) -> None:
        while self._spent and self._spent[0][0] < until:
            self._sum -= self._spent.popleft()[1]
