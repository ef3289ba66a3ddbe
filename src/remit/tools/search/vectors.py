"""Vectors: what tools mean, by an embedder, compared by cosine.

Source: Salton, Wong and Yang, "A Vector Space Model for Automatic Indexing", CACM 18(11), 1975.
"""

import asyncio
import heapq
import math
from array import array
from collections.abc import Sequence
from operator import mul
from typing import TypeAlias

from remit.core.toolspec import ToolSpec
from remit.policy import Embed

_BATCH = 96
"""Texts an embedder is given at a time; no larger provider takes fewer."""
_LONGEST = 2000
"""Characters of a tool's text, and of a query, that are embedded."""

Vector: TypeAlias = "array[float]"
"""Of length one, or of zeros; in single precision, for there may be thousands."""


class Vectors:
    """The vectors of tools, made when they are first wanted and then kept, also those of a first try that failed."""

    def __init__(self, specs: Sequence[ToolSpec], embed: Embed) -> None:
        """Take what is to be embedded; nothing is yet."""
        self._texts = [_text(spec) for spec in specs]
        self._embed = embed
        self._made: list[Vector] = []
        self._making = asyncio.Lock()

    async def rank(self, query: str, limit: int) -> list[int]:
        """Give the places of the tools nearest to a query; raise whatever the embedder raises."""
        async with self._making:
            while len(self._made) < len(self._texts):
                done = len(self._made)
                self._made += await self._vectors(self._texts[done : done + _BATCH])
        (wanted,) = await self._vectors([_legible(query[:_LONGEST])])
        # A few thousand long vectors take tens of milliseconds, in which other sessions shall go on.
        return await asyncio.to_thread(_nearest, wanted, self._made, limit)

    async def _vectors(self, texts: Sequence[str]) -> list[Vector]:
        found = [_unit(vector) for vector in await self._embed(texts)]
        sizes = {len(vector) for vector in (*self._made[:1], *found)}
        if len(found) != len(texts) or len(sizes) > 1:
            raise ValueError("the embedder gave another number of vectors than texts, or vectors of unequal length")
        return found


def _nearest(wanted: Vector, vectors: Sequence[Vector], limit: int) -> list[int]:
    cosines = [sum(map(mul, wanted, vector)) for vector in vectors]
    return heapq.nsmallest(limit, range(len(cosines)), key=lambda place: (-cosines[place], place))


def _unit(vector: Sequence[float]) -> Vector:
    length = math.hypot(*vector)
    if not math.isfinite(length):
        raise ValueError("the embedder gave a vector that is not finite")
    return array("f", [value / (length or 1.0) for value in vector])


def _text(spec: ToolSpec) -> str:
    named = spec.name.replace("_", " ").replace("-", " ")
    return _legible(f"{named}: {spec.description}"[:_LONGEST])


def _legible(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
