"""The port of mailboxes: where mails wait for an agent, and where they go once their session is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from remit.core.errors import RemitError

BATCH = 100
"""Mails that are listed at a time."""


class MailboxError(RemitError):
    """A mailbox cannot be read or written now; it is tried again later."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that waits."""

    name: str
    """What its mailbox knows it by."""
    size: int
    """Bytes, as its mailbox says."""


class Mailbox(Protocol):
    """A place with mails. Raises `MailboxError` when it is out of reach.

    Several processes may look into the same one: what one of them does with a mail that another has put away already
    does nothing.
    """

    def __str__(self) -> str:
        """Say where it is, without secrets."""
        ...

    async def waiting(self) -> Sequence[Letter]:
        """List mails that nobody put away, oldest first, at most `BATCH` of them."""
        ...

    async def read(self, letter: Letter) -> bytes | None:
        """Give a mail as it came; `None` when it is gone. It still waits afterwards."""
        ...

    async def done(self, letter: Letter) -> None:
        """Put a mail away whose session is kept."""
        ...

    async def aside(self, letter: Letter) -> None:
        """Put a mail away, marked for a person to see."""
        ...

    async def close(self) -> None:
        """Let go."""
        ...
