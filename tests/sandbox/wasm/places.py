"""What the tests of the WebAssembly tier share: an interpreter that is built once and kept in the user's cache."""

import asyncio
import functools
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import pytest

from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bounds, Bridge, Mount, Result, SandboxPolicy
from remit.sandbox.wasm import WasmSandbox
from remit.sandbox.wasm.box import WasmBox

QUICK = Bounds(wall=20.0, cpu=20.0)
PATIENT = pytest.mark.timeout(600)
"""For whichever test is the first and has the interpreter built."""


@functools.cache
def _missing() -> str:
    sandbox = WasmSandbox()
    found = sandbox.capabilities()
    if not found.available:
        return "; ".join(found.missing)
    asyncio.run(sandbox.prepare())
    return ""


@pytest.fixture(scope="session")
def interpreter() -> None:
    """Have the interpreter built, or skip with what is missing."""
    if missing := _missing():
        pytest.skip(missing)


async def refuse(tool: str, _arguments: JsonObject) -> JsonValue:
    """Be a tool that nobody was meant to call."""
    raise AssertionError(f"{tool} was called")


@asynccontextmanager
async def opened(bounds: Bounds = QUICK, workers: int = 1, mounts: tuple[Mount, ...] = ()) -> AsyncGenerator[WasmBox]:
    """Open a box of a sandbox of its own, and leave nothing."""
    sandbox = WasmSandbox(workers=workers)
    try:
        yield await sandbox.open(SandboxPolicy(least="wasm", bounds=bounds, mounts=mounts))
    finally:
        await sandbox.close()


async def tried(
    code: str,
    bounds: Bounds = QUICK,
    *,
    tools: Mapping[str, tuple[str, ...]] | None = None,
    bridge: Bridge = refuse,
) -> Result:
    """Run one program in a box of its own."""
    async with opened(bounds) as box:
        return await box.run(code, inputs={}, tools=tools or {}, bridge=bridge)
