"""What people may add to a session, and what of it waits for them."""

from remit.runtime.people.answers import choices, kinds, unfit
from remit.runtime.people.decisions import (
    Shown,
    answer,
    cancel,
    close,
    decide,
    edit,
    escalate,
    halt,
    misfit,
    raise_limit,
    send,
    settle,
)
from remit.runtime.people.questions import awaited, doubted, due_escalation, loose_ends, missing, waiting

__all__ = [
    "Shown",
    "answer",
    "awaited",
    "cancel",
    "choices",
    "close",
    "decide",
    "doubted",
    "due_escalation",
    "edit",
    "escalate",
    "halt",
    "kinds",
    "loose_ends",
    "misfit",
    "missing",
    "raise_limit",
    "send",
    "settle",
    "unfit",
    "waiting",
]
