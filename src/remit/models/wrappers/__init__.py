"""Wrappers: each is a model around a model."""

from remit.models.wrappers.batched import Batched, Waits
from remit.models.wrappers.breaking import Breaking
from remit.models.wrappers.cached import Cached
from remit.models.wrappers.fallback import Fallback
from remit.models.wrappers.hedged import Hedged
from remit.models.wrappers.priced import Priced
from remit.models.wrappers.rate_limited import Pace, Rate, RateLimited, SharedRate, shared_rate
from remit.models.wrappers.retrying import Backoff, Retrying
from remit.models.wrappers.routed import Affordable, ByRole, Cheapest, Fastest, LongerThan, Routed, Routes

__all__ = [
    "Affordable",
    "Backoff",
    "Batched",
    "Breaking",
    "ByRole",
    "Cached",
    "Cheapest",
    "Fallback",
    "Fastest",
    "Hedged",
    "LongerThan",
    "Pace",
    "Priced",
    "Rate",
    "RateLimited",
    "Retrying",
    "Routed",
    "Routes",
    "SharedRate",
    "Waits",
    "shared_rate",
]
