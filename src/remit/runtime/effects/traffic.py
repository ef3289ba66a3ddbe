"""Traffic: how fast and how many at once tools and hosts are called. Nobody waits without an end.

Rates are kept by the generic cell rate algorithm (ITU-T I.371): evenly spaced, after a first burst.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from remit.core.limits import Flow
from remit.core.ports import Clock, Turn
from remit.core.toolspec import ToolSpec

Sleep = Callable[[float], Awaitable[None]]


class Lane(Protocol):
    """How fast and how many at once something is called."""

    async def enter(self) -> str:
        """Wait for room and for a turn; give why there is none in time, or nothing."""
        ...

    def leave(self) -> None:
        """Make room for the next who waits."""
        ...


class Allotment(Protocol):
    """One worker's part of what a fleet may use together, in several dimensions."""

    async def take(self, need: Sequence[float], patience: float) -> float | None:
        """Use so much once it is there; give the seconds until it may be when that is longer than patience lasts."""
        ...

    def give_back(self, amounts: Sequence[float]) -> None:
        """Take back what was made room of."""
        ...


Allot = Callable[[str, Sequence[tuple[float, float]]], Allotment]
"""Gives this worker's part of what has a name, from rates a second and sizes; an infinite rate means room."""


class Traffic:
    """The lanes of a process, or a fleet's: one for each tool and each host that has a flow."""

    def __init__(
        self,
        flows: Mapping[str, Flow] | None = None,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        allot: Allot | None = None,
    ) -> None:
        """Take flows by `host:NAME` and `tool:NAME`; a tool's goes before the one it declares.

        With `allot` they are those of a fleet, of which this process has a part.
        """
        self._flows = dict(flows or {})
        self._clock, self._sleep, self._allot = clock, sleep, allot
        self._lanes: dict[tuple[str, Flow], Lane] = {}

    async def take(self, spec: ToolSpec) -> Turn | str:
        """Wait for a turn in the lane of the tool and in those of its hosts, or say why there will be none in time."""
        if spec.flow is None and not self._flows:
            return FREE
        lanes = self._of(spec)
        if not lanes:
            return FREE
        began = self._clock()
        entered: list[Lane] = []
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

    def _of(self, spec: ToolSpec) -> list[Lane]:
        # Always in the same order, so that no two calls wait for each other.
        flow = self._flows.get(f"tool:{spec.name}", spec.flow)
        found = [] if flow is None else [self._lane(f"tool:{spec.name}", flow)]
        if self._flows:
            names = [f"host:{host}" for host in sorted(set(spec.hosts))]
            found += [self._lane(name, self._flows[name]) for name in names if name in self._flows]
        return found

    def _lane(self, name: str, flow: Flow) -> Lane:
        # Two tools of one name and different flows, of two agents, have a lane each: else neither bound would hold.
        lane = self._lanes.get((name, flow))
        if lane is None:
            lane = (
                _Lane(name, flow, self._clock, self._sleep) if self._allot is None else _shared(name, flow, self._allot)
            )
            self._lanes[name, flow] = lane
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
class _SharedLane:
    """A lane of a fleet: room and turns come from this worker's part of them."""

    name: str
    flow: Flow
    allotment: Allotment
    need: Sequence[float]
    room: Sequence[float]
    """What is given back at the end."""

    async def enter(self) -> str:
        """See `Lane.enter`."""
        flow = self.flow
        wait = await self.allotment.take(self.need, flow.wait) if self.need else None
        if wait is None:
            return ""
        most = "" if flow.at_once is None else f"{flow.at_once} at once"
        rate = "" if flow.per_second is None else f"{flow.per_second:g} a second"
        bounds = " and ".join(bound for bound in (most, rate) if bound)
        return f"`{self.name}` is busy in all of the fleet: {bounds}, and no turn came within {flow.wait:g} s"

    def leave(self) -> None:
        """See `Lane.leave`."""
        if any(self.room):
            self.allotment.give_back(self.room)


def _shared(name: str, flow: Flow, allot: Allot) -> Lane:
    bounds: list[tuple[float, float]] = []
    room: list[float] = []
    if flow.per_second is not None:
        bounds.append((flow.per_second, float(flow.burst)))
        room.append(0.0)
    if flow.at_once is not None:
        bounds.append((math.inf, float(flow.at_once)))
        room.append(1.0)
    # As in a process: two of one name with different flows are two lanes.
    figures = f"{flow.per_second}/{flow.burst}/{flow.at_once}"
    return _SharedLane(name, flow, allot(f"flow/{name}/{figures}", bounds), [1.0] * len(bounds), room)


@dataclass(eq=False, slots=True)
class _Taken:
    """A turn in some lanes."""

    waited: float
    lanes: Sequence[Lane]

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


def _leave(lanes: Sequence[Lane]) -> None:
    for lane in reversed(lanes):
        lane.leave()
