"""What the workers of a database share beside the journal: circuits, paces of providers, rates and room."""

from remit.journal.postgres.shared.grant import ROOM, Bound, Grant, Report
from remit.journal.postgres.shared.share import Answer, Share
from remit.journal.postgres.shared.sharing import Sharing

__all__ = ["ROOM", "Answer", "Bound", "Grant", "Report", "Share", "Sharing"]
