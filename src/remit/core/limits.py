"""Limits: what an agent may spend and how far it may go. Money in dollars here; the ledger counts nano-dollars."""

from typing import Literal

import msgspec

from remit.core.errors import ConfigError


class Limits(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The bounds of an agent; `None` means no bound of this kind."""

    usd: float | None = None
    """For one run."""
    session_usd: float | None = None
    tree_usd: float | None = None
    """For a session and everything that descends from it, while it lives."""
    usd_per_minute: float | None = None
    """Spend velocity of one session; faster pauses it and asks a person."""
    steps: int | None = 50
    """Model calls and tool calls of one run, counted together by move."""
    tokens: int | None = None
    """Input and output of one run."""
    seconds: float | None = None
    """Wall time of one run, without the time it waited for a person."""
    depth: int = 3
    """How many generations of sub-agents may stand below the root."""
    children: int = 20
    """Sessions a tree may ever have below its root."""
    calls: int = 16
    """Calls of one move, which all happen at the same time."""
    max_output: int = 4096
    """Output tokens of one model call; the worst case a hold is taken for."""
    unpriced: Literal["refuse", "allow"] = "refuse"
    """What to do when a model has no known price."""


class Tenant(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who pays and owns data, and the caps all their sessions share."""

    name: str = "default"
    usd_per_day: float | None = None
    """Per UTC day."""
    sessions: int | None = None
    """Runs that may be going on at the same time; waiting ones do not count."""


class Flow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How fast and how many at once a tool or a host may be called; attempts count, not calls. `None` is no bound."""

    per_second: float | None = None
    """Attempts begin evenly spaced at this rate, after a first `burst`."""
    burst: int = 1
    """Attempts that may begin at the same moment after a time without any."""
    at_once: int | None = None
    """Attempts under way at the same time: a bulkhead."""
    wait: float = 30.0
    """Seconds that an attempt waits for its turn at most; one whose turn would come later fails at once."""

    def __post_init__(self) -> None:
        """Refuse figures with which nothing could ever be called."""
        rate, most = self.per_second, self.at_once
        if (rate is not None and rate <= 0) or (most is not None and most < 1) or self.burst < 1 or self.wait < 0:
            raise ConfigError(f"{self} needs a rate above 0, counts of at least 1 and a wait of at least 0")
