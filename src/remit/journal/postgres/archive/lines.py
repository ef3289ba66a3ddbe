"""Lines: what an archive says, one JSON object a line. This is the format, which other versions read too.

The first line is a `Head`, the last an `End`; between them stand sessions, each with its batches after it, and every
blob once, before the first batch that names it. The body of a batch is as it was in the database: a CRC-32 of what
follows (4 bytes, big-endian), then the events as MessagePack, which load for ever.
"""

import msgspec

from remit.core.values import JsonValue

FORMAT = 1
"""Raised only when an older reader would misread an archive."""

KIND = "remit archive"
"""What every archive begins with."""


class Head(msgspec.Struct, frozen=True, tag_field="is", tag=KIND):
    """What is known before the first session."""

    format: int
    id: str
    store: str
    """Which database it is from."""
    made: int
    """Milliseconds since the epoch, by the clock of the database."""
    events: int
    """The schema of the events."""
    version: int
    """The version of the database's tables."""


class SessionLine(msgspec.Struct, frozen=True, tag_field="is", tag="session"):
    """A session: its row in the table, column by column."""

    row: dict[str, JsonValue]

    def __post_init__(self) -> None:
        """Refuse a row without a name or a head: before its end was read, a damaged file can say anything."""
        if not isinstance(self.row.get("id"), str) or not isinstance(self.row.get("head"), int):
            raise TypeError("a session needs an id and a head")

    @property
    def id(self) -> str:
        """Its name."""
        return str(self.row["id"])

    @property
    def parent(self) -> str:
        """The name of its parent; empty when it has none."""
        return str(self.row.get("parent", ""))

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return str(self.row.get("tenant", ""))

    @property
    def head(self) -> int:
        """The number of its last event."""
        return int(str(self.row["head"]))


class BatchLine(msgspec.Struct, frozen=True, tag_field="is", tag="batch"):
    """An append of the session before it."""

    seq: int
    at: int
    mark: int
    body: bytes


class BlobLine(msgspec.Struct, frozen=True, tag_field="is", tag="blob"):
    """A blob that a batch after it names."""

    digest: str
    body: bytes


class End(msgspec.Struct, frozen=True, tag_field="is", tag="end"):
    """The last line: without it, or when it does not fit, the archive is not whole."""

    sessions: int
    batches: int
    blobs: int
    sha256: str
    """Of all lines before, as they were before they were compressed."""


Line = SessionLine | BatchLine | BlobLine | End
