"""Paces: how often somebody may do something: a bucket of tokens each, in bounded memory."""

import asyncio
import ipaddress
import logging
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Protocol

from remit.core.errors import RemitError

SETTLES = 1.0
"""Seconds between two times that a server tells the others how often somebody asked."""

_MOST = 10_000

_log = logging.getLogger("remit.server")


class Pacing(Protocol):
    """Says how often somebody may do something."""

    def take(self, name: str) -> float:
        """Take one; give 0, or how many seconds to wait when there is none."""
        ...

    async def close(self) -> None:
        """Let go of what it has."""
        ...


class PaceStore(Protocol):
    """Where servers tell each other how often somebody asked."""

    async def settle(self, taken: Mapping[str, int], *, per_second: float, burst: float) -> Mapping[str, float]:
        """Take so many of each from the buckets that all servers share, and say where these stand now.

        They stand below 0 when servers gave more than there was.
        """
        ...


class Pace:
    """Buckets by name: each holds up to `burst`, is filled at `per_second`, and gives one away for each request."""

    def __init__(
        self,
        per_second: float,
        burst: int,
        *,
        most: int = _MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Remember up to `most` of them: those longest unused are forgotten first, and begin full again."""
        self._rate, self._burst, self._most, self._clock = per_second, float(burst), most, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._taken: Counter[str] = Counter()

    def take(self, name: str) -> float:
        """Take one; give 0, or how many seconds to wait when there is none."""
        now = self._clock()
        level, since = self._buckets.pop(name, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate
        self._buckets[name] = (level if wait else level - 1, now)
        if not wait:
            self._taken[name] += 1
        if len(self._buckets) > self._most:
            gone, _ = self._buckets.popitem(last=False)
            self._taken.pop(gone, None)
        return wait

    async def settle(self, store: PaceStore) -> None:
        """Tell a store what was taken since the last time, and go on from where the buckets of all servers stand."""
        taken, self._taken = self._taken, Counter()
        if not taken:
            return
        levels = await store.settle(taken, per_second=self._rate, burst=self._burst)
        now = self._clock()
        for name, level in levels.items():
            if name in self._buckets:
                # What was taken while we asked is not told yet.
                self._buckets[name] = (level - self._taken[name], now)

    @property
    def unsettled(self) -> bool:
        """Say whether anything was taken that was not told."""
        return bool(self._taken)

    async def close(self) -> None:
        """See `Pacing.close`."""

    @property
    def remembered(self) -> int:
        """How many have a bucket."""
        return len(self._buckets)


class SharedPace:
    """A pace that several servers keep together: each takes from its own buckets, and settles with a store since.

    What all of them give is in the long run what the pace says. At once they may give a `burst` each, for those they
    have not heard of, which is told of within a second and made up for afterwards.
    """

    def __init__(self, pace: Pace, store: PaceStore, *, every: float = SETTLES) -> None:
        """Settle so often, in seconds, while somebody takes."""
        self._pace, self._store, self._every = pace, store, every
        self._settling: asyncio.Task[None] | None = None

    def take(self, name: str) -> float:
        """See `Pacing.take`: it waits for no store."""
        wait = self._pace.take(name)
        if self._settling is None or self._settling.done():
            self._settling = asyncio.create_task(self._settle(), name="remit-paces")
        return wait

    async def _settle(self) -> None:
        while self._pace.unsettled:
            await asyncio.sleep(self._every)
            try:
                await self._pace.settle(self._store)
            except RemitError as error:
                # Each server counts for itself meanwhile.
                _log.warning("paces could not be settled with other servers: %s", error)

    async def close(self) -> None:
        """See `Pacing.close`."""
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.gather(self._settling, return_exceptions=True)


def neighbourhood(peer: str) -> str:
    """Name whose failures count together: an address, and in IPv6 the network of 64 bits that one customer has."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer[:100]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))


def whole_seconds(wait: float) -> float:
    """Round a time up to what `Retry-After` can say."""
    return float(max(1, math.ceil(wait)))
