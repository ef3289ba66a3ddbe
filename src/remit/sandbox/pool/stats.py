"""Stats: what a fleet has done and how long it made people wait, per tier, so that its queue can scale it out."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from remit.core.programs import Tier

Count = Literal["opened", "reused", "refused", "failed"]
_LAST = 1000
"""So many of the last measurements are kept."""


class TierStats(msgspec.Struct, frozen=True, kw_only=True):
    """One tier: counts since the start, and seconds over the last thousand boxes."""

    queue: int = 0
    """Who waits for a box now."""
    in_use: int = 0
    idle: int = 0
    """Given back, and kept for their tenant."""
    warm: int = 0
    """Opened in advance; they have never run anything."""
    opened: int = 0
    reused: int = 0
    refused: int = 0
    """Turned away: the queue was full, or the wait too long."""
    failed: int = 0
    """Not opened or not closed by the driver."""
    wait_p50: float = 0.0
    wait_p95: float = 0.0
    start_p50: float = 0.0
    start_p95: float = 0.0


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet at one moment."""

    queue: int
    boxes: int
    """All that exist or are being opened or closed."""
    tiers: Mapping[Tier, TierStats]


class Meter:
    """Counts for one tier."""

    def __init__(self) -> None:
        """Have seen nothing."""
        self.counts: Counter[Count] = Counter()
        self.waits: deque[float] = deque(maxlen=_LAST)
        self.starts: deque[float] = deque(maxlen=_LAST)

    def read(self, *, queue: int, in_use: int, idle: int, warm: int) -> TierStats:
        """Make a snapshot."""
        return TierStats(
            queue=queue,
            in_use=in_use,
            idle=idle,
            warm=warm,
            opened=self.counts["opened"],
            reused=self.counts["reused"],
            refused=self.counts["refused"],
            failed=self.counts["failed"],
            wait_p50=quantile(self.waits, 0.5),
            wait_p95=quantile(self.waits, 0.95),
            start_p50=quantile(self.starts, 0.5),
            start_p95=quantile(self.starts, 0.95),
        )


def quantile(values: Sequence[float], part: float) -> float:
    """Give the smallest value that so large a part of them does not exceed (nearest rank); 0 for none."""
    ranked = sorted(values)
    return ranked[max(0, -int(-part * len(ranked) // 1) - 1)] if ranked else 0.0
