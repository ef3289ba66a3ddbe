"""Latencies: durations counted in buckets so fine that a percentile read from them is right within 7 %."""

import math
from collections.abc import Mapping

_RATIO = math.log(1.15)
_MARK = "ms"


def bucket(ms: int) -> str:
    """Name the bucket that a duration falls into, in milliseconds."""
    return f"{_MARK}{math.ceil(math.log(ms) / _RATIO) if ms > 1 else 0}"


def percentile(amounts: Mapping[str, int], share: float) -> float | None:
    """Give the duration, in milliseconds, that so large a share did not exceed (nearest rank); `None` without any."""
    counts = sorted((int(name[len(_MARK) :]), count) for name, count in amounts.items() if name.startswith(_MARK))
    rank = math.ceil(share * sum(count for _, count in counts))
    seen = 0
    for number, count in counts:
        seen += count
        if seen >= rank:
            # The middle of the bucket, as a ratio.
            return round(math.exp((number - 0.5) * _RATIO), 1) if number else 1.0
    return None
