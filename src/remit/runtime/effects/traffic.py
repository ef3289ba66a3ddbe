"""Traffic: how fast and how many at once tools and hosts are called. Nobody waits without an end.

Rates are kept by the generic cell rate algorithm (ITU-T I.371): evenly spaced, after a first burst.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from remit.core.limits import Flow
from remit.core.ports import Clock, Turn
from remit.core.toolspec import ToolSpec

Sleep = Callable[[float], Awaitable[None]]


class Traffic:
    """The lanes of a process: one for each tool and each host that has a flow."""

    def __init__(
        self, flows: Mapping[str, Flow] | None = None, *, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep
    ) -> None:
        """Take flows by `host:NAME` and `tool:NAME`; a tool's goes before the one it declares."""
        self._flows = dict(flows or {})
        self._clock, self._sleep = clock, sleep
        self._lanes: dict[tuple[str, Flow], _Lane] = {}

    async def take(self, spec: ToolSpec) -> Turn | str:
        """Wait for a turn in the lane of the tool and in those of its hosts, or say why there will be none in time."""
        if spec.flow is None and not self._flows:
            return FREE
        lanes = self._of(spec)
        if not lanes:
            return FREE
        began = self._clock()
        entered: list[_Lane] = []
        try:
            for lane in lanes:
                busy = await lane.enter()
                if busy:
                    _leave(entered)
                    return busy
                entered.append(lane)
        except BaseException:
            _leave(entered)
            raise
        return _Taken(self._clock() - began, entered)

    def _of(self, spec: ToolSpec) -> "list[_Lane]":
        # Always in the same order, so that no two calls wait for each other.
        flow = self._flows.get(f"tool:{spec.name}", spec.flow)
        found = [] if flow is None else [self._lane(f"tool:{spec.name}", flow)]
        if self._flows:
            names = [f"host:{host}" for host in sorted(set(spec.hosts))]
            found += [self._lane(name, self._flows[name]) for name in names if name in self._flows]
        return found

    def _lane(self, name: str, flow: Flow) -> "_Lane":
        # Two tools of one name and different flows, of two agents, have a lane each: else neither bound would hold.
        lane = self._lanes.get((name, flow))
        if lane is None:
            lane = self._lanes[name, flow] = _Lane(name, flow, self._clock, self._sleep)
        return lane


@dataclass(eq=False, slots=True)
class _Lane:
    name: str
    flow: Flow
    clock: Clock
    sleep: Sleep
    due: float = 0.0
    """When the next attempt would begin if there were no burst."""
    inside: int = 0
    queue: "deque[asyncio.Future[None]]" = field(default_factory=deque["asyncio.Future[None]"])

    async def enter(self) -> str:
        """Wait for room and for a turn; give why there is none in time, or nothing."""
        began = self.clock()
        if self.flow.at_once is not None and not await self._room(self.flow.at_once):
            return f"`{self.name}` is busy: {self.flow.at_once} at once, and none ended within {self.flow.wait:g} s"
        try:
            return await self._turn(self.flow.wait - (self.clock() - began))
        except BaseException:
            self.leave()
            raise

    async def _room(self, most: int) -> bool:
        if self.inside < most:
            self.inside += 1
            return True
        if self.flow.wait <= 0:
            return False
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.queue.append(place)
        try:
            async with asyncio.timeout(self.flow.wait):
                await place
        except TimeoutError:
            return self._given(place)
        except BaseException:
            if self._given(place):
                self.leave()
            raise
        return True

    def _given(self, place: "asyncio.Future[None]") -> bool:
        """Say whether room was given at the very moment somebody stopped waiting for it."""
        if place.done() and not place.cancelled():
            return True
        if place in self.queue:
            self.queue.remove(place)
        return False

    async def _turn(self, patience: float) -> str:
        rate = self.flow.per_second
        if rate is None:
            return ""
        now = self.clock()
        wait = max(self.due - (self.flow.burst - 1) / rate - now, 0.0)
        if wait > max(patience, 0.0):
            self.leave()
            return f"`{self.name}` is busy: {rate:g} a second, and the next turn is in {wait:.1f} s"
        self.due = max(self.due, now) + 1 / rate
        if wait > 0:
            await self.sleep(wait)
        return ""

    def leave(self) -> None:
        """Make room for the next who waits."""
        if self.flow.at_once is None:
            return
        while self.queue:
            place = self.queue.popleft()
            if not place.done():
                # The room goes from hand to hand, so that nobody who comes now is faster than who waits.
                place.set_result(None)
                return
        self.inside -= 1


@dataclass(eq=False, slots=True)
class _Taken:
    """A turn in some lanes."""

    waited: float
    lanes: Sequence[_Lane]

    def release(self) -> None:
        """Leave them, once."""
        lanes, self.lanes = self.lanes, ()
        _leave(lanes)


@dataclass(frozen=True, slots=True)
class _Free:
    waited: float = 0.0

    def release(self) -> None:
        """Do nothing: there is no lane to leave."""


FREE: Turn = _Free()
"""A turn where nothing is bounded."""


def _leave(lanes: Sequence[_Lane]) -> None:
    for lane in reversed(lanes):
        lane.leave()
