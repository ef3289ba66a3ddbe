"""Text to words: the same ones for the classifier, the knowledge base and the search for similar tickets."""

import math
import re
from collections import Counter
from collections.abc import Sequence

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


def rank(query: str, texts: Sequence[str]) -> list[tuple[int, float]]:
    """(index, BM25 score) of the texts that share a word with `query`, best first."""
    documents = [Counter(words(text)) for text in texts]
    lengths = [document.total() or 1 for document in documents]
    average = sum(lengths) / max(len(lengths), 1)
    scores = [0.0] * len(documents)
    for word in set(words(query)) - _EMPTY:
        holders = [index for index, document in enumerate(documents) if word in document]
        weight = math.log(1 + (len(documents) - len(holders) + 0.5) / (len(holders) + 0.5))
        for index in holders:
            often = documents[index][word]
            scores[index] += weight * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * lengths[index] / average))
    found = [(index, score) for index, score in enumerate(scores) if score > 0]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))
