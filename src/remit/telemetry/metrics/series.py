"""Series: the samples of one metric as they grow, and label values that stay few."""

from bisect import bisect_left
from dataclasses import dataclass, field

from remit.telemetry.metrics.families import Family, Measured, Sample

OTHER = "other"
"""The value of a label that has too many."""

_LONGEST = 120


class Labels:
    """Lets so many values of each label through; those that come later are all `other`."""

    def __init__(self, cap: int) -> None:
        """Take the cap."""
        self._cap = cap
        self._seen: dict[str, set[str]] = {}

    def bound(self, label: str, value: str) -> str:
        """Give the value to use."""
        seen = self._seen.setdefault(label, set())
        value = value[:_LONGEST]
        if value in seen or value in {"", OTHER}:
            return value
        if len(seen) >= self._cap:
            return OTHER
        seen.add(value)
        return value


@dataclass(slots=True)
class _Observed:
    counts: list[int]
    sum: float = 0.0


@dataclass(slots=True)
class Series:
    """A counter or a histogram: it only grows."""

    family: Family
    labels: Labels
    _values: dict[tuple[str, ...], float] = field(default_factory=dict[tuple[str, ...], float])
    _observed: dict[tuple[str, ...], _Observed] = field(default_factory=dict[tuple[str, ...], _Observed])

    def add(self, amount: float, *values: str) -> None:
        """Count some more for these label values."""
        key = self._key(values)
        self._values[key] = self._values.get(key, 0.0) + amount

    def observe(self, seconds: float, *values: str) -> None:
        """Take in one observation."""
        key = self._key(values)
        seen = self._observed.get(key)
        if seen is None:
            seen = self._observed[key] = _Observed([0] * (len(self.family.buckets) + 1))
        seen.counts[bisect_left(self.family.buckets, seconds)] += 1
        seen.sum += seconds

    def measured(self) -> Measured:
        """Give all samples."""
        plain = [Sample(key, value) for key, value in self._values.items()]
        told = [Sample(key, seen.sum, _summed(seen.counts)) for key, seen in self._observed.items()]
        return Measured(self.family, (*plain, *told))

    def _key(self, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self.labels.bound(label, value) for label, value in zip(self.family.labels, values, strict=True))


def _summed(counts: list[int]) -> tuple[int, ...]:
    total, found = 0, list[int]()
    for count in counts:
        total += count
        found.append(total)
    return tuple(found)
