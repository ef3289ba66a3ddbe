"""The fleet: boxes opened in advance, shared fairly between tenants, bounded, and counted."""

from remit.sandbox.pool.pool import Pool, Terms
from remit.sandbox.pool.stats import Stats, TierStats

__all__ = ["Pool", "Stats", "Terms", "TierStats"]
