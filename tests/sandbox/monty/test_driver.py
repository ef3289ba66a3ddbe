"""The interpreter's driver: the suites, and what is its own."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bounds, Mount, SandboxPolicy
from remit.sandbox.monty import MontySandbox
from remit.sandbox.monty.sources import awaited
from remit.testing.sandboxes import CHECKS, Check, run_attacks


@pytest.fixture
async def sandbox() -> AsyncGenerator[MontySandbox]:
    """One that is closed afterwards."""
    sandbox = MontySandbox()
    yield sandbox
    await sandbox.close()


async def nothing(name: str, args: JsonObject) -> JsonValue:
    """Answer nothing."""
    return None


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_conforms(check: Check, sandbox: MontySandbox) -> None:
    await check(sandbox)


async def test_it_blocks_every_attack(sandbox: MontySandbox) -> None:
    attacked = await run_attacks(sandbox)
    assert [one for one in attacked if one.verdict == "breached"] == []


async def test_a_policy_above_it_is_refused_with_the_tiers_that_would_do(sandbox: MontySandbox) -> None:
    with pytest.raises(ConfigError, match="use: container, microvm"):
        await sandbox.open(SandboxPolicy(least="container"))
    with pytest.raises(ConfigError, match="below /data"):
        await sandbox.open(SandboxPolicy(mounts=(Mount(source=".", target="/data"),)))


async def test_libraries_and_the_whole_language_are_refused_with_what_would_do(sandbox: MontySandbox) -> None:
    with pytest.raises(ConfigError, match="cannot import pandas; use 'native'"):
        await sandbox.open(SandboxPolicy(packages=("pandas",)))
    with pytest.raises(ConfigError, match="has a subset; use 'wasm'"):
        await sandbox.open(SandboxPolicy(language="full"))


@pytest.mark.parametrize("turns", [0, 1, 20], ids=["at once", "soon", "later"])
async def test_cancelling_a_program_cancels_all_calls_that_it_waits_for(turns: int, sandbox: MontySandbox) -> None:
    box = await sandbox.open(SandboxPolicy())
    second, begun, cancelled = asyncio.Event(), list[JsonValue](), list[JsonValue]()

    async def hang(name: str, args: JsonObject) -> JsonValue:
        begun.append(args["n"])
        if len(begun) == 2:
            second.set()
        try:
            return await asyncio.Future[JsonValue]()
        except asyncio.CancelledError:
            cancelled.append(args["n"])
            raise

    code = "import asyncio\nawait asyncio.gather(hang(1), hang(2))"
    running = asyncio.create_task(box.run(code, inputs={}, tools={"hang": ("n",)}, bridge=hang))
    await asyncio.wait_for(second.wait(), 20)
    for _ in range(turns):
        await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.wait([running], timeout=20)
    assert running.cancelled()
    assert sorted(map(str, cancelled)) == ["1", "2"]
    assert (await box.run("1", inputs={}, tools={}, bridge=nothing)).value == 1


async def test_values_of_its_types_become_text_and_keys_too(sandbox: MontySandbox) -> None:
    box = await sandbox.open(SandboxPolicy())
    code = "import datetime\n{1: datetime.date(2026, 1, 2), 'b': b''}['b' if fail else 1], {2: 3}"
    result = await box.run(code, inputs={"fail": False}, tools={}, bridge=nothing)
    assert result.value == ["2026-01-02", {"2": 3}], result
    assert (await box.run(code, inputs={"fail": True}, tools={}, bridge=nothing)).status == "error"
    assert (await box.run("{(1, 2): 3}", inputs={}, tools={}, bridge=nothing)).status == "error"


async def test_there_are_no_files(sandbox: MontySandbox) -> None:
    box = await sandbox.open(SandboxPolicy())
    with pytest.raises(ConfigError, match="no files"):
        await box.put("a", b"")
    with pytest.raises(ConfigError, match="no files"):
        await box.get("a")
    assert await box.files() == {}


async def test_calls_that_are_gathered_wait_at_the_same_time(sandbox: MontySandbox) -> None:
    box = await sandbox.open(SandboxPolicy())
    both = asyncio.Barrier(2)

    async def meet(name: str, args: JsonObject) -> JsonValue:
        async with asyncio.timeout(20):
            await both.wait()
        return args["n"]

    code = "import asyncio\nawait asyncio.gather(meet(1), meet(2))"
    result = await box.run(code, inputs={}, tools={"meet": ("n",)}, bridge=meet)
    assert result.value == [1, 2], result
    code = "import asyncio\nasync def one(n):\n    return await meet(n)\nawait asyncio.gather(one(1), one(2))"
    assert (await box.run(code, inputs={}, tools={"meet": ("n",)}, bridge=meet)).value == [1, 2]


async def test_time_in_which_a_program_waits_for_a_tool_is_not_its_own(sandbox: MontySandbox) -> None:
    box = await sandbox.open(SandboxPolicy(bounds=Bounds(wall=0.05)))

    async def slow(name: str, args: JsonObject) -> JsonValue:
        await asyncio.sleep(0.2)
        return 1

    assert (await box.run("slow()", inputs={}, tools={"slow": ()}, bridge=slow)).status == "ok"


def workers() -> set[int]:
    """Find the processes of interpreters that this one has started."""
    found: set[int] = set()
    for folder in Path("/proc").iterdir():
        try:
            stat, line = (folder / "stat").read_text(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        state, parent = stat.rpartition(")")[2].split()[:2]
        if int(parent) == os.getpid() and b"monty" in line and state != "Z":
            found.add(int(folder.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_a_worker_that_is_killed_is_a_result_and_the_next_program_runs(sandbox: MontySandbox) -> None:
    box = await sandbox.open(SandboxPolicy())
    before = workers()

    async def kill(name: str, args: JsonObject) -> JsonValue:
        for pid in workers():
            os.kill(pid, signal.SIGKILL)
        return 1

    result = await box.run("kill()", inputs={}, tools={"kill": ()}, bridge=kill)
    assert (result.status, bool(before)) == ("killed", True), result
    assert (await box.run("1", inputs={}, tools={}, bridge=nothing)).value == 1


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_closing_leaves_no_process_even_while_a_program_loops() -> None:
    sandbox = MontySandbox()
    box = await sandbox.open(SandboxPolicy())
    reached = asyncio.Event()

    async def reach(name: str, args: JsonObject) -> JsonValue:
        reached.set()
        return None

    code = "reach()\nwhile True:\n    pass"
    running = asyncio.create_task(box.run(code, inputs={}, tools={"reach": ()}, bridge=reach))
    await asyncio.wait_for(reached.wait(), 20)
    await asyncio.wait_for(box.close(), 20)
    assert (await running).status == "killed"
    with pytest.raises(ConfigError, match="closed"):
        await box.run("1", inputs={}, tools={}, bridge=nothing)
    await asyncio.wait_for(sandbox.close(), 20)
    assert workers() == set()


def test_without_the_package_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['pydantic_monty'] = None\n"
        "from remit.sandbox.monty import MontySandbox\n"
        "known = MontySandbox().capabilities()\n"
        "print(known.available, known.missing)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("False")
    assert "pip install 'remit[sandbox]'" in said


async def test_a_program_cannot_stall_its_host_by_what_stands_before_a_call() -> None:
    code = "gather(" + "((a)" * 400 + "))"
    assert awaited(code.encode())
    assert awaited(b"x = await  (")
    assert awaited(b"gather(one(1), (2), ")
    assert not awaited(b"gather(one(1)); ")
    assert not awaited(b"unawait ")
