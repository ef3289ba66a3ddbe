"""What the tests of the bubblewrap tier share."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from remit.core.programs import Bounds, Mount, Result, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.bubblewrap import BubblewrapSandbox
from remit.sandbox.kept import KeptBox

FOUND = BubblewrapSandbox().capabilities()
QUICK = Bounds(wall=20.0, cpu=10.0)


def needs_bubblewrap() -> BubblewrapSandbox:
    """Give a driver, or skip with the reason why this machine has none."""
    if not FOUND.available:
        pytest.skip("; ".join(FOUND.missing))
    return BubblewrapSandbox()


async def refuse(tool: str, _arguments: JsonObject) -> JsonValue:
    """Be a tool that nobody was meant to call."""
    raise AssertionError(f"{tool} was called")


@asynccontextmanager
async def opened(
    bounds: Bounds = QUICK, mounts: tuple[Mount, ...] = (), packages: tuple[str, ...] = ()
) -> AsyncGenerator[KeptBox]:
    """Open a box, and leave nothing."""
    sandbox = needs_bubblewrap()
    try:
        policy = SandboxPolicy(least="bubblewrap", bounds=bounds, mounts=mounts, packages=packages)
        yield await sandbox.open(policy)
    finally:
        await sandbox.close()


async def tried(code: str, bounds: Bounds = QUICK) -> Result:
    """Run one program in a box of its own."""
    async with opened(bounds) as box:
        return await box.run(code, inputs={}, tools={}, bridge=refuse)
