"""What people may add to a session, and what of it waits for them."""

from remit.runtime.people.answers import choices, kinds, unfit
from remit.runtime.people.decisions import answer, cancel, close, decide, raise_limit, send, settle
from remit.runtime.people.questions import awaited, doubted, loose_ends, waiting

__all__ = [
    "answer",
    "awaited",
    "cancel",
    "choices",
    "close",
    "decide",
    "doubted",
    "kinds",
    "loose_ends",
    "raise_limit",
    "send",
    "settle",
    "unfit",
    "waiting",
]
