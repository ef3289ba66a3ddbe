"""Lessons: what attempts at tasks taught, by tenant, found again by what a task is about."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import log
from typing import Protocol

from remit.core.errors import ConfigError
from remit.core.values import Frozen, now_ms

MOST = 1000
"""Lessons that a tenant may have, unless a store is told otherwise."""

_WORD = re.compile(r"[^\W_]+")
_QUERY = 64
"""Different words of a topic that are looked for."""

_K1, _B = 1.2, 0.75
_COMMON = 1e-6


class Lesson(Frozen, frozen=True):
    """A lesson and where it comes from."""

    topic: str
    """What the task was about."""
    lesson: str
    source: str = ""
    """The session that learned it."""
    at: int = 0
    """Milliseconds since the epoch, when it was last kept."""


class Lessons(Protocol):
    """Where lessons are. A tenant has at most a fixed number of them; the one kept longest ago goes first."""

    async def keep(self, topic: str, lesson: str, *, source: str = "", tenant: str = "default") -> None:
        """Keep a lesson, once it is durable; the same one on the same topic again only becomes recent."""
        ...

    async def recall(self, topic: str, *, limit: int = 5, tenant: str = "default") -> list[Lesson]:
        """Give lessons that share a word with a topic, the most fitting first, of equals the most recent."""
        ...

    async def close(self) -> None:
        """Let go of files."""
        ...


class MemoryLessons:
    """Lessons that last as long as the process."""

    def __init__(self, *, most: int = MOST, clock: Callable[[], int] = now_ms) -> None:
        """Begin empty; raise `ConfigError` when no lesson may be kept. The clock counts milliseconds."""
        self._most, self._clock = at_least_one(most), clock
        self._kept: dict[str, dict[tuple[str, str], Lesson]] = {}

    async def keep(self, topic: str, lesson: str, *, source: str = "", tenant: str = "default") -> None:
        """See `Lessons.keep`."""
        kept = self._kept.setdefault(tenant, {})
        key = normal(topic), normal(lesson)
        # Taken out first, so that the order of the dictionary is that of recency.
        kept.pop(key, None)
        kept[key] = Lesson(topic, lesson, source, self._clock())
        while len(kept) > self._most:
            del kept[next(iter(kept))]

    async def recall(self, topic: str, *, limit: int = 5, tenant: str = "default") -> list[Lesson]:
        """See `Lessons.recall`."""
        recent = list(reversed(self._kept.get(tenant, {}).values()))
        scores = _bm25(words(topic), [terms(f"{one.topic} {one.lesson}") for one in recent])
        ranked = sorted(zip(scores, recent, strict=True), key=lambda pair: -pair[0])
        return distinct((one for score, one in ranked if score > 0), limit)

    async def close(self) -> None:
        """See `Lessons.close`."""


def terms(text: str) -> list[str]:
    """List the words of a text as they are compared."""
    return _WORD.findall(text.casefold())


def words(text: str) -> list[str]:
    """List the different words of a text that are looked for."""
    return list(dict.fromkeys(terms(text)))[:_QUERY]


def normal(text: str) -> str:
    """Give what two texts have in common that say the same: case, spaces and marks do not count."""
    return " ".join(terms(text)) or text.strip()


def distinct(found: Iterable[Lesson], limit: int) -> list[Lesson]:
    """Take the first so many that say different things."""
    taken: dict[str, Lesson] = {}
    for one in found:
        if len(taken) >= limit:
            break
        taken.setdefault(normal(one.lesson), one)
    return list(taken.values())


def at_least_one(most: int) -> int:
    """Give a number of lessons back; raise `ConfigError` when none could be kept."""
    if most < 1:
        raise ConfigError(f"a tenant may keep at least one lesson, so `most` is above 0, not {most}")
    return most


def _bm25(query: Sequence[str], texts: Sequence[Sequence[str]]) -> list[float]:
    """Score texts by Okapi BM25 as SQLite's FTS5 does (K1 1.2, B 0.75; common words count nearly nothing)."""
    counts = [Counter(text) for text in texts]
    mean = sum(map(len, texts)) / max(len(texts), 1) or 1.0
    scores = [0.0] * len(texts)
    for word in query:
        holding = sum(word in count for count in counts)
        rarity = log((len(texts) - holding + 0.5) / (holding + 0.5))
        for place, count in enumerate(counts):
            length = _K1 * (1 - _B + _B * len(texts[place]) / mean)
            scores[place] += max(rarity, _COMMON) * count[word] * (_K1 + 1) / (count[word] + length)
    return [round(score, 9) for score in scores]
