"""The fleet with drivers that hang or take long to find out what they can: nobody else waits for them."""

import asyncio
from typing import Literal

import pytest
from tests.sandbox.pool.boxes import CountedSandbox

from remit.core.errors import SandboxBusyError
from remit.core.programs import Box, Capabilities, SandboxPolicy, Tier
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.pool import Pool, Terms

POLICY = SandboxPolicy()
SOON = Terms(boxes=2, patience=0.01)


class Hanging(CountedSandbox):
    """Opens boxes, and hangs for ever when told so."""

    hangs: Literal["", "open", "close"] = ""

    def capabilities(self) -> Capabilities:
        """Be asked by nobody."""
        raise AssertionError("finding out takes seconds, in which nothing else happens")

    async def open(self, policy: SandboxPolicy) -> Box:
        """Open one, or hang."""
        if self.hangs == "open":
            await asyncio.Future()
        box = await super().open(policy)
        return Sticking(self, box) if self.hangs == "close" else box

    async def close(self) -> None:
        """Close, whatever is left."""
        self.closed = True


class Sticking:
    """A box that cannot be closed."""

    def __init__(self, driver: Hanging, box: Box) -> None:
        """Be like the box."""
        self._driver, self._box = driver, box
        self.tier: Tier = box.tier
        self.run, self.resume, self.files, self.put, self.get = box.run, box.resume, box.files, box.put, box.get

    async def close(self) -> None:
        """Hang."""
        if self._driver.hangs:
            await asyncio.Future()
        await self._box.close()


async def bridge(name: str, args: JsonObject) -> JsonValue:
    """Answer nothing."""
    return None


async def test_a_driver_that_hangs_when_it_opens_is_not_waited_for_for_ever() -> None:
    driver = Hanging()
    pool = Pool(driver, SOON)
    driver.hangs = "open"
    with pytest.raises(SandboxBusyError, match=r"within 0\.01 s; nothing was run"):
        await pool.open(POLICY, tenant="ann")
    assert pool.stats().boxes == 1
    driver.hangs = ""
    await (await pool.open(POLICY, tenant="bob")).close()
    await asyncio.wait_for(pool.close(), 10)
    assert (driver.closed, driver.living) == (True, set())


async def test_a_box_that_cannot_be_closed_keeps_its_place_and_nobody_who_gives_it_back() -> None:
    driver = Hanging()
    pool = Pool(driver, SOON)
    driver.hangs = "close"
    box = await pool.open(POLICY, tenant="ann")
    await box.run("killed", inputs={}, tools={}, bridge=bridge)
    await asyncio.wait_for(box.close(), 10)
    assert pool.stats().boxes == 1
    await asyncio.wait_for(pool.close(), 10)
    assert driver.closed


async def test_a_box_that_opens_too_late_is_closed() -> None:
    driver = Hanging()
    pool = Pool(driver, SOON)
    driver.gate = asyncio.Event()
    with pytest.raises(SandboxBusyError):
        await pool.open(POLICY, tenant="ann")
    driver.gate.set()
    await pool.tend()
    assert (driver.opened, driver.living, pool.stats().boxes) == (1, set(), 0)
    await pool.close()
