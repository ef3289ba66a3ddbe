"""Changing: tells readers what sessions are now, each at its own pace; who is slow gets the newest of each only."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Generator, Iterable

from remit.server.projection.port import Changes, Summary

EVERY = 1.0
"""Seconds between two tellings."""

MOST = 1000
"""Sessions that a reader may lag behind with; of more, those that changed longest ago are left out."""


class _Watch:
    """One reader."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._changed: OrderedDict[str, Summary] = OrderedDict()
        self._news = asyncio.Event()

    def put(self, summary: Summary) -> None:
        self._changed[summary.id] = summary
        self._changed.move_to_end(summary.id)
        if len(self._changed) > MOST:
            self._changed.popitem(last=False)
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[Changes]:
        while True:
            await self._news.wait()
            self._news.clear()
            changed, self._changed = self._changed, OrderedDict()
            yield Changes(sessions=tuple(changed.values()))
            await asyncio.sleep(self._every)


class Watches:
    """All readers, by tenant."""

    def __init__(self, every: float = EVERY) -> None:
        """Tell each of them at most so often, in seconds."""
        self._every = every
        self._watches: dict[str, set[_Watch]] = {}

    @contextlib.contextmanager
    def watch(self, tenant: str) -> Generator[AsyncIterator[Changes]]:
        """Follow a tenant's sessions meanwhile."""
        watch = _Watch(self._every)
        self._watches.setdefault(tenant, set()).add(watch)
        try:
            yield aiter(watch)
        finally:
            self._watches[tenant].discard(watch)
            if not self._watches[tenant]:
                del self._watches[tenant]

    def tell(self, changed: Iterable[tuple[str, Summary]]) -> None:
        """Say what sessions are now, each with its tenant."""
        for tenant, summary in changed:
            for watch in self._watches.get(tenant, ()):
                watch.put(summary)
