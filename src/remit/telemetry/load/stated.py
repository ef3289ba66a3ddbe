"""Stated: the load that somebody expects, in the words of whoever expects it."""

import math

import msgspec

from remit.core.errors import ConfigError

BYTES_A_TOKEN = 4.0
"""Of English text."""
DAY = 86_400.0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions that come in a day, and what one of them is like on average."""

    sessions: float
    """A day."""
    steps: float = 20.0
    """Of a session: a question to the model and the calls that come of it; the last question has none."""
    tokens_read: float = 4000.0
    """A step: all that the model is sent."""
    tokens_written: float = 200.0
    """A step."""
    result_bytes: float = 1000.0
    """A step: what its calls give back."""
    model_seconds: float = 2.0
    """For an answer."""
    tool_seconds: float = 0.2
    """A step: what its calls take."""
    waiting_share: float = 0.1
    """Of the sessions: those that wait for a person once."""
    waiting_hours: float = 4.0
    """How long these wait."""
    peak: float = 3.0
    """How many times the average the busiest hour has."""
    retention_days: float = 30.0
    """How long a session stays in the database after its end."""

    def __post_init__(self) -> None:
        """Refuse a load that nobody can have."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"a load with {_words(name)} of {value:g} cannot be; give a number from 0 on")
        if self.steps < 1:
            raise ConfigError(f"a session has one step or more, not {self.steps:g}")
        if self.waiting_share > 1:
            raise ConfigError(f"the share of sessions that wait is between 0 and 1, not {self.waiting_share:g}")
        if not 1 <= self.peak <= 24:
            raise ConfigError(f"the busiest hour has 1 to 24 times the average, not {self.peak:g}")

    @property
    def questions(self) -> float:
        """Questions to a model in a session."""
        return self.steps + 1

    @property
    def seconds(self) -> float:
        """How long a session is under way, but for what it waits for people."""
        return self.questions * self.model_seconds + self.steps * self.tool_seconds

    @property
    def peak_rate(self) -> float:
        """Sessions that come in a second of the busiest hour."""
        return self.sessions / DAY * self.peak

    @property
    def under_way(self) -> float:
        """Sessions that are under way at the same time in the busiest hour (Little's law)."""
        return self.peak_rate * self.seconds

    @property
    def waiting(self) -> float:
        """Sessions that wait for a person at any time (Little's law)."""
        return self.sessions / DAY * self.waiting_share * self.waiting_hours * 3600

    @property
    def payload_step(self) -> float:
        """Bytes of answers and results that a step adds to its journal."""
        return self.tokens_written * BYTES_A_TOKEN + self.result_bytes


def _words(name: str) -> str:
    return repr(name.replace("_", " "))
