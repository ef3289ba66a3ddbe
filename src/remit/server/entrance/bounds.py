"""Bounds: what one request may be at most, whichever front end it is for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one request may be at most."""

    body: int = 1 << 20
    """Bytes."""
    headers: int = 16 << 10
    """Bytes of all names and values."""
    slow: float = 30.0
    """Seconds in which a body must have come."""
    beat: float = 15.0
    """Seconds of silence after which an event stream says that it is still there."""
    recheck: float = 60.0
    """Seconds after which it is asked again whether the reader of an event stream may read it."""
