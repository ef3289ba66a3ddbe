"""The one loop, the one door for effects, the holds, and what people may add. The only part that touches the world."""

from remit.runtime.attaching import Attachment, Said, attach
from remit.runtime.effects.toolsets import Toolsets
from remit.runtime.effects.traffic import Traffic
from remit.runtime.feed import Feed, Listener
from remit.runtime.people import (
    Shown,
    answer,
    awaited,
    cancel,
    close,
    decide,
    doubted,
    due_escalation,
    edit,
    escalate,
    halt,
    misfit,
    missing,
    raise_limit,
    send,
    settle,
    waiting,
)
from remit.runtime.replaying.replay import Replayed, fork, replay
from remit.runtime.result import RunResult
from remit.runtime.session import Session
from remit.runtime.workers import FileWorkers, LocalWorkers
from remit.runtime.world import Redactor, World

__all__ = [
    "Attachment",
    "Feed",
    "FileWorkers",
    "Listener",
    "LocalWorkers",
    "Redactor",
    "Replayed",
    "RunResult",
    "Said",
    "Session",
    "Shown",
    "Toolsets",
    "Traffic",
    "World",
    "answer",
    "attach",
    "awaited",
    "cancel",
    "close",
    "decide",
    "doubted",
    "due_escalation",
    "edit",
    "escalate",
    "fork",
    "halt",
    "misfit",
    "missing",
    "raise_limit",
    "replay",
    "send",
    "settle",
    "waiting",
]
