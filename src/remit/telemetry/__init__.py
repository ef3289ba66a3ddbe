"""Readers of the journal: what a person or a machine wants to know of a session, told from its records. No I/O."""

from remit.telemetry.plain import plain
from remit.telemetry.timeline import Mood, Row, Timeline, Totals, figures, line
from remit.telemetry.words import call_text, duration, head, json_text, offset

__all__ = [
    "Mood",
    "Row",
    "Timeline",
    "Totals",
    "call_text",
    "duration",
    "figures",
    "head",
    "json_text",
    "line",
    "offset",
    "plain",
]
