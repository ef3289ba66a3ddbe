"""Archived: a session that was moved to a file, and what the database says to whoever wants it."""

from typing import TYPE_CHECKING

from remit.core.errors import UnknownSessionError

if TYPE_CHECKING:
    from remit.journal.postgres.door import Line

ARCHIVED = "23A01"
"""The SQLSTATE of the refusal to begin a session under the name of one that was archived."""

_FOUND = """
SELECT to_char(archives.at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), archives.file
FROM remit.archived JOIN remit.archives ON archives.number = archived.archive WHERE archived.id = $1"""


class ArchivedError(UnknownSessionError):
    """The session is in a file; the message says since when and in which, and how it comes back."""


async def refuse_archived(line: "Line", session: str) -> None:
    """Raise `ArchivedError` when a session was archived."""
    for day, file in await line.fetch(_FOUND, session):
        raise ArchivedError(f"session {session!r} was archived on {day}, in {file}; `remit db restore` brings it back")
