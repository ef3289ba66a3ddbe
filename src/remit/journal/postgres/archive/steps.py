"""Steps: what an archive is in the middle of, for those who watch."""

from typing import Literal, Protocol

Step = Literal["begun", "settled", "named", "checked", "removing", "removed", "swept"]
"""A file was begun; all of it is on the disk; it has its name; it was read back; its sessions are about to go; they
went; blobs that nobody names any more went."""


class Heard(Protocol):
    """Is told of every step."""

    def __call__(self, step: Step, file: str, /) -> None:
        """Take it in."""
        ...


def unheard(step: Step, file: str, /) -> None:
    """Tell nobody."""
