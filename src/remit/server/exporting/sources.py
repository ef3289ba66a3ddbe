"""Sources: what `/metrics` tells, each a function of the time in milliseconds since the epoch."""

import logging
from collections.abc import Callable, Iterable, Mapping

import msgspec

from remit.core.errors import JournalError
from remit.core.ports import SessionQuery, Store
from remit.policy.breaker import BreakerState, BreakerStatus
from remit.server.exporting.following import Follower
from remit.telemetry.metrics import Measured, Metrics, Sample
from remit.telemetry.metrics import families as fam

Source = Callable[[int], Iterable[Measured]]

_log = logging.getLogger("remit.telemetry")
_PAGE = 500
_OPEN: Mapping[BreakerState, float] = {"closed": 0.0, "half_open": 0.5, "open": 1.0}


class Queued(msgspec.Struct, frozen=True):
    """Work that nobody has taken up."""

    depth: int = 0
    oldest: int = 0
    """Since when the oldest waits, in milliseconds since the epoch; 0 when none does."""
    workers: int | None = None
    """How many processes would take it up; `None` where the one that tells is all there is."""


class Backlog:
    """Counts the sessions of a store that have a message nobody took up, in all tenants."""

    def __init__(self, store: Store) -> None:
        """Begin with none."""
        self._store = store
        self._found = Queued()

    def queued(self) -> Queued:
        """Give what was found last; a session waits since its newest message."""
        return self._found

    async def look(self) -> None:
        """Count again; what was found last stands while the store does not answer."""
        depth, oldest, after = 0, 0, ""
        try:
            while True:
                query = SessionQuery(status="idle", why="message", limit=_PAGE, after=after)
                rows = await self._store.sessions(query)
                depth += len(rows)
                oldest = min([row.changed for row in rows] + ([oldest] if oldest else []), default=0)
                if len(rows) < _PAGE:
                    break
                after = rows[-1].id
        except JournalError as error:
            _log.warning("waiting messages could not be counted: %s: %s", type(error).__name__, error)
            return
        self._found = Queued(depth, oldest)


def metrics(accumulated: Metrics) -> Source:
    """Tell what sessions' records told."""
    return accumulated.collect


def breakers(snapshot: Callable[[], Mapping[str, BreakerStatus]]) -> Source:
    """Tell the circuits of a process, such as `home.breakers.snapshot` gives."""

    def tell(now: int) -> list[Measured]:
        found = snapshot()
        return [
            Measured(fam.BREAKER_OPEN, tuple(Sample((name,), _OPEN[status.state]) for name, status in found.items())),
            Measured(
                fam.BREAKER_FAILURES, tuple(Sample((name,), float(status.failures)) for name, status in found.items())
            ),
        ]

    return tell


def queue(queued: Callable[[], Queued]) -> Source:
    """Tell how much work waits to be taken up, and for how long: what more workers are started by."""

    def tell(now: int) -> list[Measured]:
        found = queued()
        age = max(now - found.oldest, 0) / 1000 if found.oldest else 0.0
        told = [
            Measured(fam.QUEUE_DEPTH, (Sample((), float(found.depth)),)),
            Measured(fam.QUEUE_AGE, (Sample((), age),)),
        ]
        if found.workers is not None:
            told.append(Measured(fam.WORKERS, (Sample((), float(found.workers)),)))
        return told

    return tell


def follower(following: Follower) -> Source:
    """Tell how the reading of journals goes."""

    def tell(now: int) -> list[Measured]:
        age = (now - following.surveyed) / 1000 if following.surveyed else 0.0
        return [
            Measured(fam.READ, (Sample((), float(following.read)),)),
            Measured(fam.LAG, (Sample((), age),)),
            Measured(fam.FAILURES, (Sample((), float(following.failures)),)),
        ]

    return tell
