"""Effort: how long a question about a schema is followed, for a hostile one can branch without end."""

from collections.abc import Iterator
from dataclasses import dataclass, field

_STEPS = 400
_DEEPEST = 24


def _steps() -> Iterator[int]:
    return iter(range(_STEPS))


@dataclass(frozen=True)
class Effort:
    """What may still be spent on one question; the steps are shared by all it leads to."""

    depth: int = 0
    steps: Iterator[int] = field(default_factory=_steps)

    def deeper(self) -> "Effort":
        """Go on further down."""
        return Effort(self.depth + 1, self.steps)

    def over(self, deepest: int = _DEEPEST) -> bool:
        """Take a step, and say whether it was one too many: then nothing can be told."""
        return self.depth > deepest or next(self.steps, None) is None
