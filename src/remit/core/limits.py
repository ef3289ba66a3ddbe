"""Limits: what an agent may spend and how far it may go. Money in dollars here; the ledger counts nano-dollars."""

from typing import Literal

import msgspec


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
