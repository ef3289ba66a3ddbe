"""Holes that were found by attacking, each with what it let through."""

import asyncio

from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bounds, SandboxPolicy
from remit.sandbox.monty import MontySandbox


async def nothing(_name: str, _args: JsonObject) -> JsonValue:
    """Answer nothing."""
    return None


async def test_programs_that_wait_for_their_tools_keep_no_others_from_running() -> None:
    over = asyncio.Event()

    async def slow(_name: str, _args: JsonObject) -> JsonValue:
        await over.wait()
        return None

    sandbox = MontySandbox(workers=1, waiting=2)
    try:
        box = await sandbox.open(SandboxPolicy())
        tools: dict[str, tuple[str, ...]] = {"t": ()}
        waiting = [asyncio.create_task(box.run("t()\n1", inputs={}, tools=tools, bridge=slow)) for _ in range(2)]
        third = await asyncio.wait_for(box.run("2", inputs={}, tools={}, bridge=nothing), 20)
        over.set()
        assert [third.value, *[(await each).value for each in waiting]] == [2, 1, 1]
    finally:
        await sandbox.close()


async def test_a_worker_that_is_ended_for_its_memory_is_out_of_memory() -> None:
    sandbox = MontySandbox(workers=1)
    try:
        box = await sandbox.open(SandboxPolicy(bounds=Bounds(memory=64_000_000)))
        code = "import json\nlen(json.loads('[' + '[],' * 3000000 + '1]'))"
        assert (await box.run(code, inputs={}, tools={}, bridge=nothing)).status == "oom"
    finally:
        await sandbox.close()


async def test_reading_what_a_program_gives_to_its_tools_takes_its_own_time() -> None:
    # Each list is the one before it twice: small for its interpreter, and large for whoever reads it.
    code = "x = [0]\nfor _ in range(17):\n    x = [x, x]\nfor _ in range(199):\n    t(x)"
    sandbox = MontySandbox(workers=1)
    try:
        box = await sandbox.open(SandboxPolicy(bounds=Bounds(wall=0.5)))
        large = await box.run("[1] * 200000", inputs={}, tools={}, bridge=nothing)
        assert (large.status, large.value) == ("ok", [1] * 200_000)
        result = await box.run(code, inputs={}, tools={"t": ("a",)}, bridge=nothing)
        assert (result.status, "gives to tools" in result.why) == ("timeout", True), result
    finally:
        await sandbox.close()
