"""A naive Bayes classifier over words and pairs of words, trained in milliseconds from labelled examples."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from remit.apps.desk.mind.cues import cues
from remit.apps.desk.mind.words import words

_SMOOTHING = 0.3
# A long mail repeats itself, so its evidence is not independent: it is counted as if the mail had this many features.
_ENOUGH = 24
_SHARPNESS = 0.2
_CUE_WEIGHT = 5


@dataclass(frozen=True)
class Classifier:
    """Per label: how common it is, how much each feature seen with it speaks for it, and how much any other does."""

    common: Mapping[str, float]
    seen: Mapping[str, Mapping[str, float]]
    unseen: Mapping[str, float]
    known: frozenset[str]

    @classmethod
    def train(cls, examples: Sequence[tuple[str, str]]) -> "Classifier":
        """A classifier from (text, label) pairs."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for text, label in examples:
            counts[label].update(features(text))
        known = frozenset(feature for counter in counts.values() for feature in counter)
        totals = {label: counter.total() + _SMOOTHING * len(known) for label, counter in counts.items()}
        seen = {
            label: {feature: math.log((count + _SMOOTHING) / totals[label]) for feature, count in counter.items()}
            for label, counter in counts.items()
        }
        unseen = {label: math.log(_SMOOTHING / total) for label, total in totals.items()}
        frequency = Counter(label for _, label in examples)
        return cls({label: math.log(count / len(examples)) for label, count in frequency.items()}, seen, unseen, known)

    def judge(self, text: str) -> dict[str, float]:
        """The probability of each label for `text`, likeliest first."""
        found = [feature for feature in features(text) if feature in self.known]
        scale = _SHARPNESS * min(1.0, _ENOUGH / len(found)) if found else 0.0
        scores = {label: prior + scale * self._evidence(label, found) for label, prior in self.common.items()}
        highest = max(scores.values())
        shares = {label: math.exp(score - highest) for label, score in scores.items()}
        whole = sum(shares.values())
        return dict(sorted(((label, share / whole) for label, share in shares.items()), key=lambda pair: -pair[1]))

    def _evidence(self, label: str, found: Sequence[str]) -> float:
        seen, unseen = self.seen[label], self.unseen[label]
        return sum(seen.get(feature, unseen) for feature in found)


def features(text: str) -> list[str]:
    """The distinct words and neighbouring pairs of `text`; numbers are all alike."""
    found = ["0" if any(character.isdigit() for character in word) else word for word in words(text)]
    pairs = [f"{first} {second}" for first, second in pairwise(found)]
    return list(dict.fromkeys(found + pairs)) + cues(text) * _CUE_WEIGHT
