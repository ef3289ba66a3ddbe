"""The analyst: questions about data files, answered by programs that a model writes and nobody has to trust."""

from remit.apps.analyst.agent import BOUNDS, FINDING, PACKAGES, Finding, analyst, finding
from remit.apps.analyst.artefacts import Written, left, safe_name, write
from remit.apps.analyst.describing import Way
from remit.apps.analyst.engine import Engine, QueryBounds, Refused
from remit.apps.analyst.sources import KINDS, Source, sources

__all__ = [
    "BOUNDS",
    "FINDING",
    "KINDS",
    "PACKAGES",
    "Engine",
    "Finding",
    "QueryBounds",
    "Refused",
    "Source",
    "Way",
    "Written",
    "analyst",
    "finding",
    "left",
    "safe_name",
    "sources",
    "write",
]
