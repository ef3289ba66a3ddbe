"""Halts: the ways a run stops short of its strategy's end. They pass through the session, never out of it."""

from remit.core.events import RunStatus, Suspension


class Halt(Exception):  # noqa: N818 - a way to stop, not an error
    """The run cannot go on now. The gravest of several parallel ones counts."""

    gravity = 0


class Suspended(Halt):
    """A person must act first."""

    gravity = 1

    def __init__(self, why: Suspension, question: str) -> None:
        """Say what is waited for."""
        super().__init__(question)
        self.why: Suspension = why
        self.question = question


class Stopped(Halt):
    """The run is over, not by its strategy's will."""

    gravity = 2

    def __init__(self, status: RunStatus, reason: str) -> None:
        """Say how it ends."""
        super().__init__(reason)
        self.status: RunStatus = status
        self.reason = reason
