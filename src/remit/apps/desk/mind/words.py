"""Text to words: the same ones for the classifier, the knowledge base and the search for similar tickets."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_ENDINGS = ("ingly", "edly", "ings", "ing", "ies", "ed", "es", "s", "ly")
_EMPTY = frozenset(
    ["the", "a", "an", "and", "or", "of", "to", "in", "on", "at", "for", "is", "are", "was", "be", "it", "that", "this"]
)


def words(text: str) -> list[str]:
    """The words of `text`, folded and shortened to their stems; Chinese, Japanese and Korean as pairs of characters."""
    found: list[str] = []
    for match in _WORD.finditer(text.casefold()):
        word = match[0].replace("\u2019", "'")
        if _CJK.search(word):
            found += _pairs(word)
        else:
            found.append(stem(word))
    return found


def _pairs(word: str) -> list[str]:
    return [word[start : start + 2] for start in range(max(len(word) - 1, 1))]


def stem(word: str) -> str:
    """`word` without the commonest English endings; too short or foreign words stay as they are."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4 and not word.endswith("ss"):
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word.removesuffix("'s")


@dataclass(frozen=True)
class Corpus:
    """Texts counted once, to be ranked by BM25 against any number of queries."""

    counted: Sequence[Counter[str]]
    holders: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Corpus":
        """The corpus of `texts`, known by their position."""
        counted = [Counter(words(text)) for text in texts]
        holders: dict[str, list[int]] = defaultdict(list)
        for index, document in enumerate(counted):
            for word in document:
                holders[word].append(index)
        return cls(counted, holders)

    def rank(self, query: str) -> list[tuple[int, float]]:
        """(position, score) of the texts that share a telling word with `query`, best first."""
        lengths = [document.total() or 1 for document in self.counted]
        average = sum(lengths) / max(len(lengths), 1)
        scores: dict[int, float] = defaultdict(float)
        for word in set(words(query)) - _EMPTY:
            holders = self.holders.get(word, ())
            weight = math.log(1 + (len(lengths) - len(holders) + 0.5) / (len(holders) + 0.5))
            for index in holders:
                often = self.counted[index][word]
                scores[index] += weight * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * lengths[index] / average))
        return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
