"""Paces: how often somebody may do something: a bucket of tokens each, in bounded memory."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

_MOST = 10_000


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

    def take(self, name: str) -> float:
        """Take one; give 0, or how many seconds to wait when there is none."""
        now = self._clock()
        level, since = self._buckets.pop(name, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate
        self._buckets[name] = (level if wait else level - 1, now)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return wait

    @property
    def remembered(self) -> int:
        """How many have a bucket."""
        return len(self._buckets)


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
