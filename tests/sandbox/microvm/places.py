"""What the tests of machines share: one driver, whose snapshot is taken once and kept in the user's cache."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from remit.core.programs import Bounds, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.microvm import MicrovmBox, MicrovmSandbox

FOUND = MicrovmSandbox()
QUICK = Bounds(wall=20.0, cpu=10.0)


def needs() -> None:
    """Skip with the reason when this machine cannot run virtual machines."""
    if not FOUND.capabilities().available:
        pytest.skip("; ".join(FOUND.capabilities().missing))


async def refuse(tool: str, _arguments: JsonObject) -> JsonValue:
    """Be a tool that nobody was meant to call."""
    raise AssertionError(f"{tool} was called")


@asynccontextmanager
async def opened(policy: SandboxPolicy | None = None) -> AsyncGenerator[MicrovmBox]:
    """Open a box, and leave nothing."""
    needs()
    try:
        yield await FOUND.open(policy or SandboxPolicy(least="microvm", bounds=QUICK))
    finally:
        await FOUND.close()
