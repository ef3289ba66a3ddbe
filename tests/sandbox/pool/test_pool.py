"""The fleet of boxes: bounded, fair, without leaks, and nobody gets what another has used."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from tests.sandbox.pool.boxes import CountedSandbox

from remit.core.errors import ConfigError, SandboxBusyError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bounds, Box, Sandbox, SandboxPolicy
from remit.sandbox.monty import MontySandbox
from remit.sandbox.pool import Pool, Terms
from remit.sandbox.pool.stats import quantile
from remit.testing.sandboxes import CHECKS, Check

POLICY = SandboxPolicy()
OTHER = SandboxPolicy(bounds=Bounds(calls=1))


class Clock:
    """Seconds, as the test says."""

    now = 0.0

    def __call__(self) -> float:
        """Tell."""
        return self.now


@pytest.fixture
def driver() -> CountedSandbox:
    """Boxes that are counted."""
    return CountedSandbox()


async def settle() -> None:
    """Let everything happen that can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def bridge(name: str, args: JsonObject) -> JsonValue:
    """Answer nothing."""
    return None


async def ran(box: Box, code: str) -> JsonValue:
    """Run a program."""
    return (await box.run(code, inputs={}, tools={}, bridge=bridge)).value


def opening(pool: Pool, tenant: str, policy: SandboxPolicy = POLICY) -> asyncio.Task[Box]:
    """Ask for a box."""
    return asyncio.create_task(pool.open(policy, tenant=tenant))


@pytest.fixture
async def fleet() -> AsyncGenerator[Sandbox]:
    """One tenant's view of a fleet of interpreters."""
    pool = Pool(MontySandbox(workers=4), Terms(boxes=8))
    yield pool.of("ann")
    await pool.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_conforms(check: Check, fleet: Sandbox) -> None:
    await check(fleet)
    await fleet.close()


async def test_a_box_goes_back_to_the_same_tenant_and_to_nobody_else(driver: CountedSandbox) -> None:
    pool = Pool(driver)
    first = await pool.of("ann").open(POLICY)
    assert await ran(first, "a") == ["a"]
    await first.close()
    other = await pool.of("bob").open(POLICY)
    assert await ran(other, "b") == ["b"]
    again = await pool.of("ann").open(POLICY)
    assert await ran(again, "c") == ["a", "c"]
    different = await pool.of("ann").open(OTHER)
    assert await ran(different, "d") == ["d"]
    assert pool.stats().tiers["native"].reused == 1
    await pool.close()
    assert (driver.living, driver.closed) == (set(), True)


async def test_what_was_left_in_a_box_or_broke_it_ends_it(driver: CountedSandbox) -> None:
    pool = Pool(driver)
    for spoil in ("file", "killed", "fail", "closed"):
        box = await pool.open(POLICY, tenant="ann")
        await ran(box, "secret") if spoil == "closed" else None
        if spoil == "file":
            await box.put("a", b"1")
            assert (await box.files(), await box.get("a")) == ({"a": 1}, b"1")
        elif spoil == "fail":
            with pytest.raises(OSError, match="broken"):
                await ran(box, "fail")
        elif spoil == "killed":
            await ran(box, "killed")
        else:
            for each in driver.living:
                each.broken = True
        await box.close()
        await box.close()
        assert driver.living == set(), spoil
        with pytest.raises(ConfigError, match="given back"):
            await box.files()
    assert pool.stats().tiers["native"].failed == 1
    assert pool.stats().boxes == 0
    await pool.close()


async def test_a_box_that_is_old_or_has_run_enough_is_not_used_again(driver: CountedSandbox) -> None:
    clock = Clock()
    pool = Pool(driver, Terms(max_age=10, max_runs=2), clock=clock)
    box = await pool.open(POLICY, tenant="ann")
    await ran(box, "a")
    assert (await box.resume(b"kept", tools={}, bridge=bridge)).value == "kept"
    await box.close()
    assert driver.living == set()
    await (await pool.open(POLICY, tenant="ann")).close()
    assert len(driver.living) == 1
    clock.now = 10
    await pool.tend()
    assert driver.living == set()
    await pool.close()


async def test_warm_boxes_are_opened_in_advance_and_were_nobodys(driver: CountedSandbox) -> None:
    pool = Pool(driver)
    await pool.prepare(POLICY, 2)
    assert (driver.opened, pool.stats().tiers["native"].warm) == (2, 2)
    box = await pool.open(POLICY, tenant="ann")
    assert await ran(box, "a") == ["a"]
    await pool.tend()
    stats = pool.stats().tiers["native"]
    assert (driver.opened, stats.warm, stats.in_use) == (3, 2, 1)
    await pool.close()


async def test_warm_boxes_that_are_too_old_are_replaced(driver: CountedSandbox) -> None:
    clock = Clock()
    pool = Pool(driver, Terms(max_age=10), clock=clock)
    await pool.prepare(POLICY, 1)
    clock.now = 11
    await pool.tend()
    assert (driver.opened, len(driver.living)) == (2, 1)
    await pool.close()


async def test_warming_that_fails_is_counted_and_leaves_room(driver: CountedSandbox) -> None:
    driver.failing = 1
    pool = Pool(driver, Terms(boxes=1))
    await pool.prepare(POLICY, 1)
    assert (pool.stats().tiers["interpreter"].failed, pool.stats().boxes) == (1, 0)
    await (await pool.open(POLICY)).close()
    await pool.close()


async def test_tenants_take_turns_however_much_one_asks_for(driver: CountedSandbox) -> None:
    pool = Pool(driver, Terms(boxes=1))
    held = await pool.open(POLICY, tenant="zoe")
    order: list[str] = []

    async def once(name: str, tenant: str) -> None:
        box = await pool.open(POLICY, tenant=tenant)
        order.append(name)
        await box.close()

    names = ["ann1", "ann2", "ann3", "bob1", "cid1", "bob2"]
    waiting: list[asyncio.Task[None]] = []
    for name in names:
        waiting.append(asyncio.create_task(once(name, name[:3])))
        await settle()
    assert pool.stats().queue == 6
    await held.close()
    await asyncio.gather(*waiting)
    assert order == ["ann1", "bob1", "cid1", "ann2", "bob2", "ann3"]
    assert driver.most == 1
    await pool.close()


async def test_a_tenant_at_its_quota_waits_and_holds_up_nobody(driver: CountedSandbox) -> None:
    pool = Pool(driver, Terms(tenant=1))
    first = await pool.open(POLICY, tenant="ann")
    second = opening(pool, "ann")
    await settle()
    assert not second.done()
    await (await pool.open(POLICY, tenant="bob")).close()
    await first.close()
    await (await second).close()
    await pool.close()


async def test_a_full_queue_refuses_at_once_and_says_that_nothing_ran(driver: CountedSandbox) -> None:
    pool = Pool(driver, Terms(boxes=1, queue=1))
    held = await pool.open(POLICY, tenant="ann")
    waiting = opening(pool, "bob")
    await settle()
    with pytest.raises(SandboxBusyError, match="1 requests wait already; nothing was run"):
        await pool.open(POLICY, tenant="cid")
    assert pool.stats().tiers["native"].refused == 1
    await held.close()
    await (await waiting).close()
    await pool.close()


async def test_a_wait_that_is_too_long_is_refused_and_forgotten(driver: CountedSandbox) -> None:
    pool = Pool(driver, Terms(boxes=1, wait=0))
    held = await pool.open(POLICY, tenant="ann")
    with pytest.raises(SandboxBusyError, match="no box was free"):
        await pool.open(POLICY, tenant="bob")
    assert pool.stats().queue == 0
    await held.close()
    assert pool.stats().tiers["native"].idle == 1
    await pool.close()


async def test_boxes_that_are_kept_make_room_for_who_waits(driver: CountedSandbox) -> None:
    pool = Pool(driver, Terms(boxes=2, queue=0))
    await pool.prepare(OTHER, 1)
    await (await pool.open(POLICY, tenant="ann")).close()
    one = await pool.open(POLICY, tenant="bob")
    two = await pool.open(POLICY, tenant="cid")
    assert (driver.most, len(driver.living)) == (2, 2)
    for box in (one, two):
        await box.close()
    await pool.close()


async def test_cancelling_in_the_queue_leaves_no_place_behind(driver: CountedSandbox) -> None:
    pool = Pool(driver, Terms(boxes=1))
    held = await pool.open(POLICY, tenant="ann")
    gone, next_one = opening(pool, "bob"), opening(pool, "bob")
    await settle()
    gone.cancel()
    await held.close()
    await (await next_one).close()
    assert gone.cancelled()
    # Granted and cancelled in the same moment.
    held = await pool.open(POLICY, tenant="ann")
    late = opening(pool, "bob")
    await settle()
    closing = asyncio.create_task(held.close())
    for _ in range(50):
        await asyncio.sleep(0)
        if not pool.stats().queue:
            break
    late.cancel()
    await closing
    await settle()
    await (await asyncio.wait_for(pool.open(POLICY, tenant="cid"), 5)).close()
    await pool.close()
    assert driver.living == set()


async def test_cancelling_while_the_driver_opens_closes_what_comes_of_it(driver: CountedSandbox) -> None:
    driver.gate = asyncio.Event()
    pool = Pool(driver, Terms(boxes=1))
    waiting = opening(pool, "ann")
    await settle()
    waiting.cancel()
    await settle()
    assert pool.stats().boxes == 1
    driver.gate.set()
    await settle()
    assert (driver.opened, driver.living, pool.stats().boxes) == (1, set(), 0)
    await pool.close()


async def test_a_driver_that_fails_is_heard_and_frees_the_place(driver: CountedSandbox) -> None:
    pool = Pool(driver, Terms(boxes=1))
    driver.failing = 1
    with pytest.raises(ConfigError, match="no box today"):
        await pool.open(POLICY, tenant="ann")
    assert (pool.stats().boxes, pool.stats().tiers["interpreter"].failed) == (0, 1)
    await (await pool.open(POLICY, tenant="ann")).close()
    await pool.close()


async def test_closing_refuses_who_waits_and_closes_what_is_in_use(driver: CountedSandbox) -> None:
    pool = Pool(driver, Terms(boxes=2))
    await pool.prepare(OTHER, 1)
    held = await pool.open(POLICY, tenant="ann")
    second = await pool.open(POLICY, tenant="ann")
    waiting = opening(pool, "bob")
    await settle()
    await second.close()
    await (await waiting).close()
    waiting = opening(pool, "bob", OTHER)
    driver.gate = asyncio.Event()
    stuck = opening(pool, "cid")
    await settle()
    driver.gate.set()
    await pool.close()
    await asyncio.gather(waiting, stuck, return_exceptions=True)
    await held.close()
    assert (driver.living, driver.closed, pool.stats().boxes) == (set(), True, 0)
    with pytest.raises(ConfigError, match="closed"):
        await pool.open(POLICY)


async def test_closing_while_the_driver_opens_leaves_nothing(driver: CountedSandbox) -> None:
    driver.gate = asyncio.Event()
    pool = Pool(driver, Terms(boxes=1))
    stuck, waiting = opening(pool, "ann"), opening(pool, "bob")
    await settle()
    closing = asyncio.create_task(pool.close())
    await settle()
    driver.gate.set()
    await closing
    for task in (stuck, waiting):
        with pytest.raises(ConfigError, match="closed"):
            await task
    assert (driver.living, driver.closed, pool.stats().boxes) == (set(), True, 0)


async def test_it_says_how_long_people_wait(driver: CountedSandbox) -> None:
    clock = Clock()
    pool = Pool(driver, Terms(boxes=1), clock=clock)
    held = await pool.open(POLICY, tenant="ann")
    waiting = opening(pool, "bob")
    await settle()
    assert (pool.stats().queue, pool.stats().tiers["native"].queue) == (1, 1)
    clock.now = 4.0
    await held.close()
    await (await waiting).close()
    stats = pool.stats().tiers["native"]
    assert (stats.wait_p50, stats.wait_p95, stats.start_p50, stats.opened) == (0.0, 4.0, 0.0, 2)
    assert pool.capabilities().tier == pool.of("ann").capabilities().tier == "native"
    await pool.close()


@pytest.mark.parametrize("turns", range(8))
async def test_a_box_given_back_while_who_waits_is_cancelled_goes_to_the_next(
    turns: int, driver: CountedSandbox
) -> None:
    pool = Pool(driver, Terms(boxes=1))
    held = await pool.open(POLICY, tenant="ann")
    gone, patient = opening(pool, "bob"), opening(pool, "cid")
    await settle()
    closing = asyncio.create_task(held.close())
    for _ in range(turns):
        await asyncio.sleep(0)
    gone.cancel()
    await closing
    if not (await asyncio.wait([gone]))[0].pop().cancelled():
        await gone.result().close()
    await (await asyncio.wait_for(patient, 5)).close()
    assert pool.stats().boxes == len(driver.living)
    await pool.close()


async def test_boxes_that_are_given_up_at_the_last_moment_are_closed(driver: CountedSandbox) -> None:
    pool = Pool(driver, Terms(boxes=1))
    await (await pool.open(POLICY, tenant="ann")).close()
    late = opening(pool, "ann")
    await asyncio.sleep(0)
    late.cancel()
    await asyncio.wait([late])
    await settle()
    assert pool.stats().boxes == len(driver.living)
    for box in [task.result() for task in (late,) if not task.cancelled()]:
        await box.close()
    assert pool.stats().tiers["native"].in_use == 0
    await pool.close()


def test_quantiles_are_by_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (quantile(values, 0.5), quantile(values, 0.95), quantile([7.0], 0.95), quantile([], 0.5)) == (50, 95, 7, 0)
