"""Port: where what is to be driven comes from."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Job:
    """Drive a session until it sleeps or ends."""

    session: str
    forced: bool = False
    """Whether it goes on though it sleeps until somebody resumes it."""
    tries: int = 0
    """How often it was tried in vain."""
    broke: int = 0
    """How often its own code broke."""


Handle = Callable[[Job], Awaitable[None]]
"""Does a job, and puts back what is left of it. A job that ends is done, however it ended."""


class Jobs(Protocol):
    """A queue that gives each job to one worker, and no two jobs of a session at a time."""

    async def take(self, handle: Handle, queues: Collection[str], at_once: int) -> None:
        """Take jobs of these queues, so many at once, until cancelled, and then wait for those under way."""
        ...
