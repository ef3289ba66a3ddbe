"""ToolIndex: finds tools by what somebody wants to do. Withheld ones are not in it."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from remit.core.toolspec import ToolSpec
from remit.policy import Embed
from remit.tools.search.keywords import Keywords
from remit.tools.search.vectors import Vectors
from remit.tools.search.words import words

_K = 60
"""How little the first places count more than the next; the value of the source."""
_DEPTH = 50
"""Places of each ranking that count."""
_PATIENCE = 20.0
"""Seconds the embedder may take."""
_NAME = re.compile(r"[a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Findings:
    """The tools that fit best, current ones first."""

    tools: tuple[ToolSpec, ...]
    trouble: str = ""
    """Why their meaning was not looked at, although there is an embedder; empty when it was."""


class ToolIndex:
    """Tools, found by their words and, with an embedder, by their meaning too."""

    def __init__(self, specs: Iterable[ToolSpec], embed: Embed | None = None) -> None:
        """Take in all tools at once; they are embedded when somebody first searches."""
        self.specs: Sequence[ToolSpec] = tuple(spec for spec in specs if not spec.withheld)
        # A name of one word, such as `list`, is also said by those who do not mean it.
        self._names = {
            spec.name.casefold(): place for place, spec in enumerate(self.specs) if len(words(spec.name)) > 1
        }
        self._keywords = Keywords(self.specs)
        self._vectors = Vectors(self.specs, embed) if embed else None

    async def find(self, query: str, limit: int = 5) -> Findings:
        """Give at most `limit` tools, the best first; an embedder that fails is done without."""
        depth = max(_DEPTH, 2 * limit)
        rankings = [self._keywords.rank(query, depth)]
        trouble = ""
        if self._vectors is not None and query.strip():
            try:
                async with asyncio.timeout(_PATIENCE):
                    rankings.append(await self._vectors.rank(query, depth))
            except Exception as error:  # noqa: BLE001 - a stranger's embedder may raise anything
                # Only the kind of error: its text may hold an address or a key.
                trouble = type(error).__name__
        return Findings(tuple(self._chosen(query, fused(rankings), limit)), trouble)

    def close(self) -> None:
        """Let go of the index."""
        self._keywords.close()

    def _chosen(self, query: str, ranked: Sequence[int], limit: int) -> list[ToolSpec]:
        """Take those that are named in full, then the best; a deprecated one yields to a current one that fits too."""
        spoken = dict.fromkeys(_NAME.findall(query.casefold()))
        named = [self._names[name] for name in spoken if name in self._names]
        others = [place for place in ranked if place not in named][: 2 * limit]
        kept = [*named, *sorted(others, key=self._deprecated)][:limit]
        return [self.specs[place] for place in sorted(kept, key=self._deprecated)]

    def _deprecated(self, place: int) -> bool:
        return bool(self.specs[place].deprecated)


def fused(rankings: Iterable[Sequence[int]]) -> list[int]:
    """Make one ranking of several by the sum of reciprocal ranks; of equals, the first seen comes first.

    Source: Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
    Methods", SIGIR 2009.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, place in enumerate(ranking, 1):
            scores[place] = scores.get(place, 0.0) + 1 / (_K + rank)
    return sorted(scores, key=lambda place: -scores[place])
