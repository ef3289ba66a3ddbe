"""The journal on PostgreSQL, for more than one machine: group commit, leases, migrations."""

from remit.journal.postgres.address import Address
from remit.journal.postgres.journal import PostgresJournal
from remit.journal.postgres.lines import Patience
from remit.journal.postgres.queue import Depth, Kept, PostgresQueue, Term, install_queue
from remit.journal.postgres.schema import Migration, SchemaStatus, migrate, status
from remit.journal.postgres.workers import PostgresWorkers, living

__all__ = [
    "Address",
    "Depth",
    "Kept",
    "Migration",
    "Patience",
    "PostgresJournal",
    "PostgresQueue",
    "PostgresWorkers",
    "SchemaStatus",
    "Term",
    "install_queue",
    "living",
    "migrate",
    "status",
]
