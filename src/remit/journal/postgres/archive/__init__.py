"""Archive: sessions that nobody touches any more, in files beside the database; and their way back."""

from remit.journal.postgres.archive.archiving import Archived, Plan, Preview, archive, preview
from remit.journal.postgres.archive.choosing import ENDED
from remit.journal.postgres.archive.measuring import Measured, measured
from remit.journal.postgres.archive.restoring import Restored, restore
from remit.journal.postgres.archive.steps import Heard, Step

__all__ = [
    "ENDED",
    "Archived",
    "Heard",
    "Measured",
    "Plan",
    "Preview",
    "Restored",
    "Step",
    "archive",
    "measured",
    "preview",
    "restore",
]
