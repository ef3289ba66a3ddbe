"""Waiting: how much there is in the queue that nobody works on yet, as metrics tell it."""

import logging

from remit.core.errors import JournalError
from remit.core.values import now_ms
from remit.journal.postgres import PostgresQueue
from remit.server.exporting import Queued

_log = logging.getLogger("remit.fleet")


class Waiting:
    """Counts the jobs of a database; what was found last stands while it does not answer."""

    def __init__(self, queue: PostgresQueue) -> None:
        """Have counted nothing yet."""
        self._queue, self._found = queue, Queued(0, 0)

    def queued(self) -> Queued:
        """Give what was found last; a job waits since it was deferred."""
        return self._found

    async def look(self) -> None:
        """Count again."""
        try:
            depths = await self._queue.depth()
        except JournalError as error:
            _log.warning("the queue could not be counted: %s: %s", type(error).__name__, error)
            return
        oldest = max((one.oldest for one in depths), default=0.0)
        self._found = Queued(sum(one.waiting for one in depths), now_ms() - int(1000 * oldest) if oldest else 0)
