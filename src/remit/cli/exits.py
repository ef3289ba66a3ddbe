"""Exits: what the command's exit status tells a script."""

DONE = 0
FAILED = 1
USAGE = 2
WAITING = 3
DIVERGED = 4
REFUSED = 5
PAUSED = 130
BROKEN_PIPE = 141

MEANINGS = {
    DONE: "done",
    FAILED: "failed, cancelled, or an error",
    USAGE: "the command line or a declaration is wrong",
    WAITING: "waits for a person; what to do is printed",
    DIVERGED: "a strategy did not repeat its recorded moves",
    REFUSED: "refused or stopped by a limit or a budget",
    PAUSED: "paused by Ctrl-C; it can be resumed",
}

BY_STATUS = {
    "idle": DONE,
    "done": DONE,
    "failed": FAILED,
    "cancelled": FAILED,
    "diverged": DIVERGED,
    "refused": REFUSED,
    "stopped": REFUSED,
    "waiting": WAITING,
}
"""By the status of a run."""
