"""Grant: what a worker has of a bound that a fleet keeps, and what it must tell of it. No I/O.

All that nobody has yet and all grants together never are more than the bound's size. So in no stretch of time goes more
than the size and what came in, wherever it goes and whenever its worker tells of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

ROOM = math.inf
"""The rate of a dimension that is no rate: what is given back is there again, and nothing else comes in."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One dimension of what may be used."""

    rate: float
    """A second; `ROOM` for how much may be used at the same time."""
    size: float
    """What may be used at once."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker tells of a grant, and asks for; under a number, so that it can be told twice."""

    number: int
    holds: Sequence[float]
    credit: Sequence[float]
    need: Sequence[float]
    want: Sequence[float]
    at: float
    """When it was first told, by the worker's own clock: what is given in return holds from then on."""


class Grant:
    """The books of one worker about one bound. Times are in seconds by any clock that goes steadily."""

    __slots__ = ("_bounds", "_credit", "_granted", "_inside", "_level", "_life", "_number", "_sent", "_until")

    def __init__(self, bounds: Sequence[Bound], life: float) -> None:
        """Have nothing; `life` is how long what is granted may be used."""
        nothing = [0.0] * len(bounds)
        self._bounds, self._life = tuple(bounds), life
        self._level, self._granted = nothing.copy(), nothing.copy()
        self._inside, self._credit = nothing.copy(), nothing.copy()
        self._until = -math.inf
        self._number = 0
        self._sent: Report | None = None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to tell and nothing to keep alive."""
        return self._sent is None and not any((*self._level, *self._granted, *self._inside, *self._credit))

    def spend(self, need: Sequence[float], now: float) -> bool:
        """Use so much, if it is there."""
        if now >= self._until:
            self._expire()
            return False
        if any(level < much for level, much in zip(self._level, need, strict=True)):
            return False
        for place, much in enumerate(need):
            self._level[place] -= much
            if self._bounds[place].rate == ROOM:
                self._inside[place] += much
        return True

    def give_back(self, amounts: Sequence[float], *, keep: bool = True) -> None:
        """Take back what was not used after all, or was made room of; below nothing is what was used beyond.

        `keep` says that it may be used again here, as far as nobody else was told that it is theirs.
        """
        for place, much in enumerate(amounts):
            if self._bounds[place].rate == ROOM:
                self._inside[place] -= much
                self._level[place] += much if keep and self._inside[place] < self._granted[place] else 0.0
                continue
            # What others may have been given meanwhile goes back to all, and so does what is beyond the grant.
            kept = min(much, self._granted[place] - self._level[place]) if keep or much < 0 else 0.0
            self._level[place] += kept
            self._credit[place] += much - kept

    def tell(self, now: float, need: Sequence[float], want: Sequence[float], *, keep: bool) -> Report:
        """Write a report, or the last one again while nobody has answered it; without `keep` all goes back."""
        if self._sent is not None:
            return self._sent
        if now >= self._until:
            self._expire()
        for place, bound in enumerate(self._bounds):
            level = self._level[place]
            if level < 0 or (not keep and bound.rate != ROOM):
                self._credit[place] += level
            if level < 0 or not keep:
                self._level[place] = 0.0
            self._granted[place] = self._level[place] + self._inside[place]
        credit, self._credit = self._credit, [0.0] * len(self._bounds)
        self._number += 1
        self._sent = Report(self._number, tuple(self._granted), credit, tuple(need), tuple(want), now)
        return self._sent

    def answered(self, given: Sequence[float]) -> None:
        """Take in what a report was answered with."""
        sent, self._sent = self._sent, None
        assert sent is not None
        for place, much in enumerate(given):
            self._level[place] += much
            self._granted[place] += much
        self._until = sent.at + self._life

    def _expire(self) -> None:
        """Use nothing of a grant that others may count as lost; what is left of it goes back to all."""
        for place, bound in enumerate(self._bounds):
            if bound.rate != ROOM:
                self._credit[place] += self._level[place]
            self._level[place] = self._granted[place] = 0.0
