"""Floods: refusals that come in great numbers are counted, so that nobody can fill the log, or the disk, with them."""

import time
from collections import OrderedDict
from collections.abc import Callable

from msgspec.structs import replace

from remit.server.access.records import AuditRecord

FLOOD_SECONDS = 60.0
"""How long refusals of the same kind to the same client are counted before a line says how many they were."""

_MOST = 10_000


class Floods:
    """Counts refusals that come in floods; the first of each is written at once, the others as a number."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none; the clock counts seconds."""
        self._clock = clock
        self._floods: OrderedDict[str, tuple[float, AuditRecord, int]] = OrderedDict()

    def begins(self, name: str, record: AuditRecord) -> bool:
        """Count one; say whether it is the first."""
        found = self._floods.get(name)
        if found is None:
            self._floods[name] = (self._clock(), record, 0)
            return True
        # Its place among the others stays, which is by the time it began.
        self._floods[name] = (found[0], record, found[2] + 1)
        return False

    def over(self, *, always: bool = False) -> list[AuditRecord]:
        """Give, and forget, what was counted of floods that began long enough ago, or are too many."""
        done: list[AuditRecord] = []
        while self._floods:
            name, (since, record, times) = next(iter(self._floods.items()))
            if not always and len(self._floods) < _MOST and self._clock() - since < FLOOD_SECONDS:
                break
            del self._floods[name]
            if times:
                done.append(replace(record, times=times))
        return done
