"""Checking: what the checks of sandboxes share, bounds, tools and one program in a box of its own."""

import asyncio
from collections.abc import Mapping

import msgspec

from remit.core.errors import RejectedError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bounds, Bridge, Result, Sandbox, SandboxPolicy

TOOLS: Mapping[str, tuple[str, ...]] = {"echo": ("first", "second"), "broken": ()}
SMALL = Bounds(wall=10.0, cpu=10.0, memory=128_000_000, output=20_000, recursion=100, calls=5)
"""Time for whoever is to end by itself, also on a busy machine."""
HASTY = msgspec.structs.replace(SMALL, wall=1.0, cpu=1.0)
"""For whoever never ends."""
POLICY = SandboxPolicy(least="none", bounds=SMALL)

_PATIENCE = 30.0
"""Seconds after which a program should have been ended."""


async def answer(name: str, args: JsonObject) -> JsonValue:
    """Answer with the arguments, or be broken."""
    if name == "broken":
        raise RejectedError("out of paper")
    return args


async def run(
    sandbox: Sandbox,
    code: str,
    inputs: Mapping[str, JsonValue] | None = None,
    bridge: Bridge = answer,
    bounds: Bounds = SMALL,
) -> Result:
    """Run one program in a box of its own."""
    box = await sandbox.open(SandboxPolicy(least="none", bounds=bounds))
    try:
        return await asyncio.wait_for(box.run(code, inputs=inputs or {}, tools=TOOLS, bridge=bridge), _PATIENCE)
    finally:
        await box.close()
