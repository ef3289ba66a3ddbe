"""Entrance: how a request of any front end comes in: bounds, who asks, whether they may; and how it is refused."""

from remit.server.entrance.bounds import Bounds
from remit.server.entrance.entrance import Entrance, Front, Guest
from remit.server.entrance.packing import pack, packed
from remit.server.entrance.problems import ProblemError, Refused, refused
from remit.server.entrance.streaming import HEADERS, EventStream

__all__ = [
    "HEADERS",
    "Bounds",
    "Entrance",
    "EventStream",
    "Front",
    "Guest",
    "ProblemError",
    "Refused",
    "pack",
    "packed",
    "refused",
]
