"""Inclusion of schemas: whether all that one JSON Schema accepts is accepted by another, and where it is not."""

from remit.tools.contracts.inclusion.finding import Finding, Reading, Topic
from remit.tools.contracts.inclusion.proof import beyond

__all__ = ["Finding", "Reading", "Topic", "beyond"]
