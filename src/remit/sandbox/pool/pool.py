"""Pool: a bounded fleet of boxes over one driver. Nobody gets a box that ran somebody else's program."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from remit.core.errors import ConfigError, SandboxBusyError
from remit.core.programs import Box, Capabilities, Sandbox, SandboxPolicy, Tier
from remit.sandbox.pool.entry import Entry, Lent
from remit.sandbox.pool.queue import FairQueue, Grant, Request
from remit.sandbox.pool.stats import Meter, Stats, TierStats

_CLOSED = "the pool of boxes is closed"
_MOST_KNOWN = 1000
"""Of so many policies it is known which tier they lead to."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How large a fleet is and how it is shared."""

    boxes: int = 32
    """At most so many at all, whether in use, kept or being opened."""
    tenant: int = 8
    """At most so many in use by one tenant; more of its requests wait."""
    queue: int = 100
    """At most so many requests wait; one more is refused at once."""
    wait: float = 30.0
    """Seconds that a request waits at most."""
    patience: float = 300.0
    """Seconds in which the driver must have opened or closed a box; one that hangs keeps its place, and nobody else."""
    max_age: float = 600.0
    """Seconds after its opening for which a box is used again."""
    max_runs: int = 50
    """Programs after which a box is not used again."""


class Pool:
    """Lends boxes of a driver."""

    def __init__(
        self, driver: Sandbox, terms: Terms | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Own the driver from now on; the clock counts seconds."""
        self._driver, self._terms, self._clock = driver, terms or Terms(), clock
        self._queue = FairQueue()
        self._in_use: set[Entry] = set()
        self._idle: list[Entry] = []
        self._warm: list[Entry] = []
        self._wanted: dict[SandboxPolicy, int] = {}
        self._filling: Counter[SandboxPolicy] = Counter()
        self._slots = 0
        self._leaving = 0
        """Boxes that are being closed so that somebody who waits has their place."""
        self._used: Counter[str] = Counter()
        self._meters: defaultdict[Tier, Meter] = defaultdict(Meter)
        self._tiers: dict[SandboxPolicy, Tier] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def of(self, tenant: str) -> Sandbox:
        """Give the fleet as one tenant sees it."""
        return _Tenant(self, tenant)

    async def open(self, policy: SandboxPolicy, *, tenant: str = "") -> Box:
        """Lend a box; raise `SandboxBusyError`, nothing having run, when the queue is full or the wait too long.

        What the driver raises, as `ConfigError` for a policy that it cannot hold, is raised here.
        """
        if self._closed:
            raise ConfigError(_CLOSED)
        request = Request(tenant, policy, self._clock())
        self._expire()
        self._queue.push(request)
        self._serve()
        grant = await self._granted(request)
        waited = self._clock() - request.since
        entry = grant.entry or await self._opened(request)
        meter = self._meters[entry.box.tier]
        meter.waits.append(waited)
        if self._closed:
            raise ConfigError(_CLOSED)
        if entry.runs:
            meter.counts["reused"] += 1
        self._fill()
        return Lent(entry, self._back)

    async def prepare(self, policy: SandboxPolicy, count: int) -> None:
        """Keep so many boxes warm for a policy from now on, and wait until they are, as far as there is room."""
        self._wanted[policy] = count
        self._fill()
        while self._filling[policy]:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def tend(self) -> None:
        """Close boxes that are too old and warm others; to be called now and then where nobody opens any."""
        self._expire()
        self._fill()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def stats(self) -> Stats:
        """Take a snapshot."""
        queue = Counter(self._expected(request.policy) for request in self._queue)
        in_use = Counter(entry.box.tier for entry in self._in_use)
        idle = Counter(entry.box.tier for entry in self._idle)
        warm = Counter(entry.box.tier for entry in self._warm)
        tiers: dict[Tier, TierStats] = {
            tier: meter.read(queue=queue[tier], in_use=in_use[tier], idle=idle[tier], warm=warm[tier])
            for tier, meter in self._meters.items()
        }
        return Stats(queue=len(self._queue), boxes=self._slots, tiers=tiers)

    async def close(self) -> None:
        """Refuse who waits, close all boxes, also those in use, and the driver."""
        self._closed = True
        for request in list(self._queue):
            self._queue.remove(request)
            request.granted.set_exception(ConfigError(_CLOSED))
        self._wanted.clear()
        for entry in [*self._in_use, *self._idle, *self._warm]:
            self._let_go(entry, entry.tenant if entry in self._in_use else None)
        self._in_use.clear()
        self._idle.clear()
        self._warm.clear()
        await self._finished()
        await self._driver.close()

    async def _finished(self) -> None:
        """Wait for all that is under way; what hangs is cancelled, and then left alone."""
        while self._tasks:
            done, hanging = await asyncio.wait(self._tasks, timeout=self._terms.patience)
            if not done:
                for task in hanging:
                    task.cancel()
                await asyncio.wait(hanging, timeout=self._terms.patience)
                return

    async def _granted(self, request: Request) -> Grant:
        terms = self._terms
        meter = self._meters[self._expected(request.policy)]
        if not request.granted.done() and len(self._queue) - self._leaving > terms.queue:
            self._queue.remove(request)
            meter.counts["refused"] += 1
            raise SandboxBusyError(
                f"no box is free and {terms.queue} requests wait already; nothing was run: try again later"
            )
        try:
            async with asyncio.timeout(terms.wait):
                return await request.granted
        except TimeoutError:
            meter.counts["refused"] += 1
            self._given_up(request)
            raise SandboxBusyError(f"no box was free for {terms.wait:g} s; nothing was run: try again later") from None
        except asyncio.CancelledError:
            self._given_up(request)
            raise

    def _given_up(self, request: Request) -> None:
        """Take a request back, also one that was granted in the same moment."""
        self._queue.remove(request)
        granted = request.granted
        if not granted.done() or granted.cancelled() or granted.exception() is not None:
            return
        entry = granted.result().entry
        if entry is None:
            self._freed(request.tenant)
        elif entry in self._in_use:
            self._in_use.remove(entry)
            self._let_go(entry, request.tenant)

    async def _opened(self, request: Request) -> Entry:
        task = self._task(self._start(request.policy, request.tenant))
        try:
            await asyncio.wait([task], timeout=self._terms.patience)
        except asyncio.CancelledError:
            # The driver goes on opening: what comes of it is closed, not lost.
            self._task(self._unwanted(task, request.tenant))
            raise
        if not task.done():
            self._task(self._unwanted(task, request.tenant))
            self._meters[self._expected(request.policy)].counts["refused"] += 1
            raise SandboxBusyError(f"no box opened within {self._terms.patience:g} s; nothing was run: try again later")
        try:
            return task.result()
        except BaseException:
            self._freed(request.tenant)
            raise

    async def _start(self, policy: SandboxPolicy, tenant: str | None) -> Entry:
        began = self._clock()
        try:
            box = await self._driver.open(policy)
        except BaseException:
            self._meters[self._expected(policy)].counts["failed"] += 1
            raise
        now = self._clock()
        if len(self._tiers) >= _MOST_KNOWN:
            self._tiers.clear()
        self._tiers[policy] = box.tier
        meter = self._meters[box.tier]
        meter.counts["opened"] += 1
        meter.starts.append(now - began)
        entry = Entry(box, policy, now)
        entry.tenant = tenant
        if self._closed:
            await self._shut(entry)
            raise ConfigError(_CLOSED)
        (self._warm.append if tenant is None else self._in_use.add)(entry)
        return entry

    async def _unwanted(self, opening: asyncio.Task[Entry], tenant: str) -> None:
        await asyncio.wait([opening])
        if not opening.cancelled() and opening.exception() is None:
            entry = opening.result()
            if entry not in self._in_use:
                return
            self._in_use.remove(entry)
            await self._shut(entry)
        self._freed(tenant)

    async def _back(self, entry: Entry) -> None:
        """Take a box back from its session."""
        if entry not in self._in_use:
            return
        self._in_use.remove(entry)
        await asyncio.wait([self._task(self._returned(entry))], timeout=self._terms.patience)

    async def _returned(self, entry: Entry) -> None:
        tenant = entry.tenant or ""
        if self._fresh(entry) and await entry.clean() and not self._closed:
            self._less(tenant)
            self._idle.append(entry)
            self._serve()
            return
        await self._shut(entry)
        self._freed(tenant)

    def _fresh(self, entry: Entry) -> bool:
        return entry.runs < self._terms.max_runs and self._clock() - entry.opened < self._terms.max_age

    async def _shut(self, entry: Entry) -> None:
        try:
            await entry.box.close()
        except Exception:  # noqa: BLE001 - the driver's own trouble; it is counted, and the fleet goes on
            self._meters[entry.box.tier].counts["failed"] += 1

    def _let_go(self, entry: Entry, tenant: str | None, *, leaving: bool = False) -> None:
        """Close a box in the background; its place is free when that is done."""

        async def gone() -> None:
            await self._shut(entry)
            self._leaving -= leaving
            self._freed(tenant)

        self._task(gone())

    def _freed(self, tenant: str | None) -> None:
        self._slots -= 1
        if tenant is not None:
            self._less(tenant)
        self._serve()
        self._fill()

    def _less(self, tenant: str) -> None:
        self._used[tenant] -= 1
        if not self._used[tenant]:
            del self._used[tenant]

    def _serve(self) -> None:
        if not self._closed:
            self._queue.serve(self._take)

    def _take(self, request: Request) -> Grant | None:
        if self._used[request.tenant] >= self._terms.tenant:
            return None
        grant = self._found(request) or self._place()
        if grant is not None:
            self._used[request.tenant] += 1
        return grant

    def _found(self, request: Request) -> Grant | None:
        for boxes, tenant in ((self._idle, request.tenant), (self._warm, None)):
            for entry in boxes:
                if (entry.tenant, entry.policy) == (tenant, request.policy) and self._fresh(entry):
                    boxes.remove(entry)
                    entry.tenant = request.tenant
                    self._in_use.add(entry)
                    return Grant(entry)
        return None

    def _place(self) -> Grant | None:
        if self._slots < self._terms.boxes:
            self._slots += 1
            return Grant()
        boxes = self._idle or self._warm
        if boxes and self._leaving < len(self._queue):
            self._leaving += 1
            self._let_go(boxes.pop(0), None, leaving=True)
        return None

    def _expire(self) -> None:
        for boxes in (self._idle, self._warm):
            for entry in [each for each in boxes if not self._fresh(each)]:
                boxes.remove(entry)
                self._let_go(entry, None)

    def _fill(self) -> None:
        if self._closed or self._queue:
            return
        for policy, count in self._wanted.items():
            there = sum(entry.policy == policy for entry in self._warm) + self._filling[policy]
            for _ in range(min(count - there, self._terms.boxes - self._slots)):
                self._slots += 1
                self._filling[policy] += 1
                self._task(self._warmed(policy))

    async def _warmed(self, policy: SandboxPolicy) -> None:
        try:
            await self._start(policy, None)
        except Exception:  # noqa: BLE001 - whoever opens a box will see it; until then it is counted
            self._slots -= 1
        finally:
            self._filling[policy] -= 1
        self._serve()

    def _expected(self, policy: SandboxPolicy) -> Tier:
        # The driver is not asked: it finds out by trying, which takes seconds in which nobody else could do anything.
        return self._tiers.get(policy, policy.least)

    def _task(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def capabilities(self) -> Capabilities:
        """Say what the driver gives."""
        return self._driver.capabilities()


class _Tenant:
    """The fleet as one tenant sees it."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool, self._tenant = pool, tenant

    def capabilities(self) -> Capabilities:
        """Say what the driver gives."""
        return self._pool.capabilities()

    async def open(self, policy: SandboxPolicy) -> Box:
        """Lend a box."""
        return await self._pool.open(policy, tenant=self._tenant)

    async def close(self) -> None:
        """Do nothing: the fleet is everybody's."""
