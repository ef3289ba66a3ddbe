"""A clock that stands until it is moved."""

from dataclasses import dataclass


@dataclass
class Clock:
    """Tells `now`, in whatever its user counts."""

    now: int = 0

    def __call__(self) -> int:
        return self.now
