"""Where events live: memory and SQLite, with blobs, the catalogue and the shared accounts."""

from remit.journal.memory import MemoryJournal
from remit.journal.redacted import RedactedStore
from remit.journal.sqlite import Durability, SqliteJournal

__all__ = ["Durability", "MemoryJournal", "RedactedStore", "SqliteJournal"]
