"""Faults: what is done to a fleet, at random times by a seed, and how long it takes to get over it."""

import asyncio
import contextlib
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos.driver import pid_of
from benchmarks.chaos.eyes import Sight
from benchmarks.chaos.places.database import Database
from benchmarks.chaos.places.workers import Fleet, Worker

LEASE = 4.0
"""Seconds after which a worker that says nothing counts as dead."""
KINDS = {
    "kill -9 of a worker": 4,
    "stop of a worker for longer than its lease": 4,
    "network between a worker and the database down for longer than a lease": 2,
    "connections to the database cut": 3,
    "answer of the database lost": 3,
    "connections to the counter cut": 3,
    "answer of the counter lost": 4,
    "slow network": 2,
    "kill -9 of the database": 2,
    "disk of the database full": 1,
    "worker with a wrong clock": 2,
    "SIGTERM of a worker": 3,
}
"""All that may happen, and how often of each round."""
SLOW = ("disk of the database full",)
"""Those that stop everything for so long that a short run would see little else."""
MOST_WRONG = 2 * 3600.0
"""Seconds by which a clock is wrong at most."""


@dataclass(eq=False)
class _Wound:
    kind: str
    at: float
    """On the monotonic clock."""
    left: dict[str, str]
    """Sessions whose worker was hit, and that worker."""
    events: int


@dataclass(eq=False)
class Recovery:
    """Follows what was hit until it goes on."""

    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict[str, list[float]](list))
    """By the kind of fault."""
    still: float = 0.0
    """The longest time in which nothing at all was written while there was something to do."""
    _wounds: list[_Wound] = field(default_factory=list[_Wound])
    _moved: tuple[float, int] = (0.0, -1)

    def hit(self, kind: str, worker: Worker | None, sight: Sight | None) -> None:
        """Note what a fault has hit: the sessions of a worker, or all."""
        if sight is None:
            return
        left: dict[str, str] = {}
        if worker is not None:
            running = (one for one in sight.open.values() if one.status == "running")
            left = {one.id: one.owner for one in running if pid_of(one.owner) == worker.pid}
            if not left:
                return
        self._wounds.append(_Wound(kind, time.monotonic(), left, sight.events))

    def see(self, sight: Sight) -> None:
        """Look who goes on."""
        for wound in list(self._wounds):
            if wound.left:
                wound.left = {name: owner for name, owner in wound.left.items() if _stands(sight, name, owner)}
                over = not wound.left
            else:
                over = sight.events > wound.events
            if over:
                self.seconds[wound.kind].append(sight.at - wound.at)
                self._wounds.remove(wound)
        self._progress(sight)

    def _progress(self, sight: Sight) -> None:
        at, events = self._moved
        busy = any(one.status == "running" or one.why.endswith("message") for one in sight.open.values())
        if sight.events != events or not busy:
            self._moved = sight.at, sight.events
        else:
            self.still = max(self.still, sight.at - at)


def _stands(sight: Sight, name: str, owner: str) -> bool:
    one = sight.open.get(name)
    return one is not None and one.status == "running" and one.owner in {"", owner}


class Faults:
    """Does them, one after the other, some while others last."""

    def __init__(self, fleet: Fleet, database: Database, seed: int, look: Callable[[], Sight | None]) -> None:
        """Take what may be broken."""
        self._fleet, self._database, self._look = fleet, database, look
        self._chance = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.recovery = Recovery()
        self._base = asyncio.Lock()
        """One thing at a time is done to the database itself."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed: list[BaseException] = []
        self._acts: dict[str, Callable[[str], Awaitable[None]]] = dict(
            zip(
                KINDS,
                (
                    self._kill,
                    self._stop,
                    self._part,
                    self._cut_database,
                    self._lose_database,
                    self._cut_counter,
                    self._lose_counter,
                    self._slow,
                    self._kill_database,
                    self._fill,
                    self._skew,
                    self._drain,
                ),
                strict=True,
            )
        )

    async def rage(self, seconds: float, every: float, kinds: Sequence[str]) -> None:
        """Break things for so long, about `every` so many seconds; each kind comes in each round."""
        end = time.monotonic() + seconds
        bag: list[str] = []
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, self._chance.uniform(0.4, 1.6) * every))
            bag = bag or self._bag(kinds)
            task = asyncio.create_task(self._one(bag.pop()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await asyncio.gather(*self._tasks)

    def _bag(self, kinds: Sequence[str]) -> list[str]:
        """Draw the order of a round: each kind once, from the end, before any comes again."""
        once, more = list(kinds), [kind for kind in kinds for _ in range(KINDS[kind] - 1)]
        self._chance.shuffle(once)
        self._chance.shuffle(more)
        return more + once

    async def _one(self, kind: str) -> None:
        try:
            await self._acts[kind](kind)
        except Exception as error:  # noqa: BLE001 - a fault that cannot be done fails the run, later
            self.failed.append(error)

    def _victim(self, kind: str) -> Worker | None:
        living = [worker for worker in self._fleet.living if not worker.stopped and not worker.database.refusing]
        if not living:
            return None
        worker = self._chance.choice(living)
        worker.trouble()
        self.counts[kind] += 1
        return worker

    # -- workers ---------------------------------------------------------------------------------------------------

    async def _kill(self, kind: str) -> None:
        if worker := self._victim(kind):
            self.recovery.hit(kind, worker, self._look())
            await self._fleet.kill(worker)
            await asyncio.sleep(self._chance.uniform(0, 1))
            await self._fleet.start()

    async def _stop(self, kind: str) -> None:
        if worker := self._victim(kind):
            self.recovery.hit(kind, worker, self._look())
            self._fleet.stop(worker)
            try:
                await asyncio.sleep(LEASE * self._chance.uniform(1.3, 2.2))
            finally:
                self._fleet.go_on(worker)

    async def _skew(self, kind: str) -> None:
        if worker := self._victim(kind):
            await self._fleet.drain(worker)
            await self._fleet.start(self._chance.choice((-1, 1)) * self._chance.uniform(60, MOST_WRONG))

    async def _drain(self, kind: str) -> None:
        if worker := self._victim(kind):
            # As a rolling restart does: the new one first.
            await self._fleet.start()
            await self._fleet.drain(worker)

    # -- networks --------------------------------------------------------------------------------------------------

    async def _part(self, kind: str) -> None:
        if worker := self._victim(kind):
            worker.database.refusing = True
            worker.database.cut()
            try:
                await asyncio.sleep(LEASE * self._chance.uniform(1.3, 2.2))
            finally:
                worker.database.refusing = False
                worker.trouble()

    async def _cut_database(self, kind: str) -> None:
        if worker := self._victim(kind):
            worker.database.cut()

    async def _lose_database(self, kind: str) -> None:
        if worker := self._victim(kind):
            worker.database.losing += self._chance.randint(1, 3)

    async def _cut_counter(self, kind: str) -> None:
        if worker := self._victim(kind):
            # A moment in which there is something to cut.
            for _ in range(100):
                if worker.effects.cut():
                    return
                await asyncio.sleep(0.05)

    async def _lose_counter(self, kind: str) -> None:
        if worker := self._victim(kind):
            worker.effects.losing += self._chance.randint(1, 2)

    async def _slow(self, kind: str) -> None:
        if worker := self._victim(kind):
            worker.database.delay, worker.effects.delay = self._chance.uniform(0.01, 0.1), self._chance.uniform(0, 1)
            try:
                await asyncio.sleep(self._chance.uniform(1, 5))
            finally:
                worker.database.delay = worker.effects.delay = 0.0
                worker.trouble()

    # -- the database ----------------------------------------------------------------------------------------------

    async def _kill_database(self, kind: str) -> None:
        async with self._base:
            self.counts[kind] += 1
            self.recovery.hit(kind, None, self._look())
            await asyncio.to_thread(self._database.kill)
            await asyncio.sleep(self._chance.uniform(0, 1.5))
            await asyncio.to_thread(self._database.start)

    async def _fill(self, kind: str) -> None:
        if not self._database.small:
            return
        async with self._base:
            self.counts[kind] += 1
            await asyncio.to_thread(self._database.fill)
            try:
                await asyncio.sleep(self._chance.uniform(2, 5))
            finally:
                self.recovery.hit(kind, None, self._look())
                await asyncio.to_thread(self._database.free)
            self._trouble()

    def _trouble(self) -> None:
        for worker in self._fleet.living:
            worker.trouble()

    async def heal(self) -> None:
        """Take back whatever still lasts."""
        for worker in self._fleet.all.values():
            worker.database.refusing, worker.database.delay, worker.effects.delay = False, 0.0, 0.0
            worker.database.losing = worker.effects.losing = 0
            if worker.stopped:
                self._fleet.go_on(worker)
        with contextlib.suppress(FileNotFoundError):
            await asyncio.to_thread(self._database.free)
