"""Exceptions: which attacks a tier lets through, and why that is no way out of it."""

from collections.abc import Mapping

from remit.sandbox import Tier

EXCEPTIONS: Mapping[Tier, Mapping[str, str]] = {}
"""By tier and name of attack, the reason."""
