"""Laws of the fleet: whatever tenants do, in whatever order, it stays within its bounds and forgets nothing."""

import asyncio
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.sandbox.pool.boxes import CountedSandbox

from remit.core.errors import RemitError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bounds, Box, SandboxPolicy
from remit.sandbox.pool import Pool, Terms

TERMS = Terms(boxes=3, tenant=2, queue=4, wait=1000.0, max_age=50, max_runs=3)
POLICIES = (SandboxPolicy(), SandboxPolicy(bounds=Bounds(calls=1)))
TENANTS = st.sampled_from(["ann", "bob", "cid"])


async def nothing(name: str, args: JsonObject) -> JsonValue:
    """Answer nothing."""
    return None


class Fleet(RuleBasedStateMachine):
    """Tenants at a fleet of three boxes."""

    def __init__(self) -> None:
        """Open the fleet on a loop of its own."""
        super().__init__()
        self.runner = asyncio.Runner()
        self.now = 0.0
        self.driver = CountedSandbox(turns=2)
        self.pool = self.runner.run(self.made())
        self.asking: list[tuple[str, asyncio.Task[Box]]] = []
        self.held: list[tuple[str, Box]] = []
        self.closing: set[asyncio.Task[None]] = set()

    async def made(self) -> Pool:
        """Make it, with one box warm."""
        pool = Pool(self.driver, TERMS, clock=lambda: self.now)
        await pool.prepare(POLICIES[0], 1)
        return pool

    async def _turn(self, count: int) -> None:
        """Let the loop go on for some turns."""
        for _ in range(count):
            await asyncio.sleep(0)

    def _collect(self) -> None:
        """See who has a box by now."""
        for tenant, task in [each for each in self.asking if each[1].done()]:
            self.asking.remove((tenant, task))
            if not task.cancelled() and task.exception() is None:
                self.held.append((tenant, task.result()))
            elif not task.cancelled():
                assert isinstance(task.exception(), RemitError)

    @rule(tenant=TENANTS, policy=st.sampled_from(POLICIES), turns=st.integers(0, 6))
    def ask(self, tenant: str, policy: SandboxPolicy, turns: int) -> None:
        """Ask for a box."""

        async def begin() -> None:
            self.asking.append((tenant, asyncio.create_task(self.pool.of(tenant).open(policy))))
            await self._turn(turns)

        self.runner.run(begin())
        self._collect()

    @rule(which=st.integers(0, 5), turns=st.integers(0, 3))
    def give_up(self, which: int, turns: int) -> None:
        """Cancel somebody who asks, wherever the asking has got to."""
        if self.asking:
            self.asking[which % len(self.asking)][1].cancel()
            self.runner.run(self._turn(turns))
            self._collect()

    @rule(which=st.integers(0, 5), code=st.sampled_from(["ran", "ran", "killed", "fail"]))
    def run(self, which: int, code: str) -> None:
        """Run a program; it must see only programs of its tenant."""
        if not self.held:
            return
        tenant, box = self.held[which % len(self.held)]

        async def ran() -> None:
            try:
                result = await box.run(tenant if code == "ran" else code, inputs={}, tools={}, bridge=nothing)
            except OSError:
                return
            if isinstance(result.value, list):
                assert set(result.value) <= {tenant, "killed", "fail"}, result.value

        self.runner.run(ran())

    @rule(which=st.integers(0, 5))
    def write(self, which: int) -> None:
        """Leave something behind; nothing was there before that was not this one's."""
        if self.held:
            tenant, box = self.held[which % len(self.held)]
            assert set(self.runner.run(box_files(box))) <= {tenant}
            self.runner.run(box_put(box, tenant))

    @rule(which=st.integers(0, 5), turns=st.integers(0, 6))
    def give_back(self, which: int, turns: int) -> None:
        """Close a box, without waiting until that is done."""
        if self.held:
            _, box = self.held.pop(which % len(self.held))

            async def close() -> None:
                closing = asyncio.create_task(box_close(box))
                await self._turn(turns)
                self.closing.add(closing)

            self.runner.run(close())
            self._collect()

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds

    @rule()
    def break_down(self) -> None:
        """Have the driver fail once."""
        self.driver.failing = 1

    @rule()
    def settle(self) -> None:
        """Let everything happen; then nobody waits who could have a box."""
        self.runner.run(self._turn(60))
        self._collect()
        stats = self.pool.stats()
        used = Counter(tenant for tenant, _ in self.held)
        waiting = {tenant for tenant, _ in self.asking if used[tenant] < TERMS.tenant}
        assert not waiting or sum(used.values()) == TERMS.boxes, stats
        assert stats.boxes == len(self.driver.living)

    @invariant()
    def it_is_within_its_bounds(self) -> None:
        """Never more boxes, a longer queue, or more for one tenant than the terms say."""
        assert self.driver.most <= TERMS.boxes
        assert self.pool.stats().queue <= TERMS.queue + TERMS.boxes
        for count in Counter(tenant for tenant, _ in self.held).values():
            assert count <= TERMS.tenant

    def teardown(self) -> None:
        """Close it as it stands: nothing is left."""
        self.runner.run(self.pool.close())
        self.runner.run(self._turn(5))
        self._collect()
        assert not self.asking
        assert (self.driver.living, self.driver.closed, self.pool.stats().boxes) == (set(), True, 0)
        self.runner.close()


async def box_files(box: Box) -> set[str]:
    """List the names in it."""
    return set(await box.files())


async def box_put(box: Box, name: str) -> None:
    """Write a file into it."""
    await box.put(name, b"x")


async def box_close(box: Box) -> None:
    """Close it."""
    await box.close()


Fleet.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestFleet = Fleet.TestCase
