"""Waiting: how much there is in the queue that nobody works on yet, and who would, as metrics tell it."""

import logging

from remit.core.errors import JournalError
from remit.core.values import now_ms
from remit.journal.postgres import PostgresJournal
from remit.server.exporting import Queued

_log = logging.getLogger("remit.fleet")


class Waiting:
    """Counts the jobs and the workers of a database; what was found last stands while it does not answer."""

    def __init__(self, journal: PostgresJournal) -> None:
        """Have counted nothing yet."""
        self._journal, self._found = journal, Queued(0, 0)

    def queued(self) -> Queued:
        """Give what was found last; a job waits since it was deferred."""
        return self._found

    async def look(self) -> None:
        """Count again."""
        try:
            depths = await self._journal.queue.depth()
            workers = await self._journal.workers.look()
        except JournalError as error:
            _log.warning("the queue could not be counted: %s: %s", type(error).__name__, error)
            return
        oldest = max((one.oldest for one in depths), default=0.0)
        since = now_ms() - int(1000 * oldest) if oldest else 0
        self._found = Queued(sum(one.waiting for one in depths), since, len(workers))
