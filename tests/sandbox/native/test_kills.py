import asyncio
import contextlib
import os
import random
import signal
import sys
from pathlib import Path

import pytest
from tests.sandbox.native.places import LEVELS, QUICK, needs, opened, refuse, unheld
from tests.sandbox.processes import below, children, ends

from remit.core.errors import ConfigError
from remit.core.programs import Result, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.native import Level, NativeSandbox

POLICY = SandboxPolicy(least="native", bounds=QUICK)
PARENT = """
import asyncio, sys
from remit.sandbox.native import NativeSandbox
from remit.core.programs import SandboxPolicy

async def started(tool, arguments):
    print("started", flush=True)

async def main():
    sandbox = NativeSandbox(level=sys.argv[1])
    box = await sandbox.open(SandboxPolicy())
    code = "t()\\nimport time\\ntime.sleep(60)"
    await box.run(code, inputs={}, tools={"t": ()}, bridge=started)

asyncio.run(main())
"""


async def _parent(level: Level) -> asyncio.subprocess.Process:
    """Start a process of our own that runs a program."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, level, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout
    assert await process.stdout.readline() == b"started\n"
    return process


def _mounts() -> list[str]:
    """List what a box mounts while it is set up, should it ever do so out here."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [point for point in points if point == "/tmp" or point.startswith(("/tmp/scratch", "/tmp/data", "/tmp/dev"))]


async def _running(level: Level) -> tuple[NativeSandbox, "asyncio.Task[Result]", list[int]]:
    """Start a program that sleeps; its processes: zygote, keeper, worker, and the worker for the next program."""
    needs(level)
    before = set(children(os.getpid()))
    sandbox, begun = NativeSandbox(level=level, pool=0), asyncio.Event()
    box = await sandbox.open(POLICY)

    async def bridge(_tool: str, _arguments: JsonObject) -> JsonValue:
        begun.set()
        return None

    code = "t()\nimport time\ntime.sleep(60)"
    task = asyncio.create_task(box.run(code, inputs={}, tools={"t": ()}, bridge=bridge))
    await begun.wait()
    (zygote,) = set(children(os.getpid())) - before
    while len(below(zygote)) < 3:  # noqa: ASYNC110  (another process makes it)
        # The next worker is being made.
        await asyncio.sleep(0)
    return sandbox, task, [zygote, *sorted(below(zygote))]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("victim", [0, 1, 2], ids=["zygote", "keeper", "worker"])
async def test_whoever_is_killed_the_run_ends_as_killed_and_nothing_is_left(level: Level, victim: int) -> None:
    sandbox, task, pids = await _running(level)
    assert len(pids) == 4
    waits = [ends(pid) for pid in pids]
    os.kill(pids[victim], signal.SIGKILL)
    result = await asyncio.wait_for(task, 10)
    assert (result.status, result.value) == ("killed", None)
    box = await sandbox.open(POLICY)
    assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).value == 1
    await sandbox.close()
    assert all(wait(10) for wait in waits)
    # Of a group that another test makes in this moment nobody has a hold yet.
    async with asyncio.timeout(10):
        while unheld():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("level", LEVELS)
async def test_a_worker_in_advance_that_is_killed_is_replaced(level: Level) -> None:
    needs(level)
    before = set(children(os.getpid()))
    sandbox = NativeSandbox(level=level, pool=0)
    box = await sandbox.open(POLICY)
    (zygote,) = set(children(os.getpid())) - before
    while len(pids := sorted(below(zygote))) < 2:  # noqa: ASYNC110  (another process makes it)
        await asyncio.sleep(0)
    gone = ends(pids[1])
    os.kill(pids[1], signal.SIGKILL)
    assert gone(10)
    assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).value == 1
    await sandbox.close()


@pytest.mark.parametrize("level", LEVELS)
async def test_whoever_is_killed_at_any_moment_no_run_says_what_it_did_not_do(level: Level) -> None:
    needs(level)
    chance = random.Random(level)
    before, mounts = set(children(os.getpid())), _mounts()
    sandbox = NativeSandbox(level=level, pool=1)
    results: list[tuple[int, Result]] = []
    assert sandbox.capabilities().available

    async def program(number: int) -> None:
        with contextlib.suppress(ConfigError):
            box = await sandbox.open(POLICY)
            for n in range(number, number + 4):
                results.append((n, await box.run("sum(range(n))", inputs={"n": n}, tools={}, bridge=refuse)))
            await box.close()

    for round_ in range(6):
        running = [asyncio.create_task(program(round_ * 10 + number)) for number in range(2)]
        # A moment of chance, not a wait for anything.
        await asyncio.sleep(chance.random() * 0.04)
        victims = [pid for child in set(children(os.getpid())) - before for pid in (child, *below(child))]
        if victims:
            victim = chance.choice(victims)
            gone = ends(victim)
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
            assert gone(10)
        await asyncio.wait_for(asyncio.gather(*running), 20)
        box = await sandbox.open(POLICY)
        assert (await box.run("6 * 7", inputs={}, tools={}, bridge=refuse)).value == 42
        await box.close()
    left = [ends(pid) for child in set(children(os.getpid())) - before for pid in (child, *below(child))]
    await sandbox.close()
    assert all(wait(10) for wait in left)
    assert (_mounts(), unheld()) == (mounts, [])
    assert results
    for n, result in results:
        expected = ("ok", sum(range(n))) if result.status == "ok" else ("killed", None)
        assert (result.status, result.value) == expected


async def test_control_groups_of_a_parent_and_a_zygote_killed_at_once_are_swept_at_the_next_start() -> None:
    needs("full")
    process = await _parent("full")
    (zygote,) = children(process.pid)
    waits = [ends(pid) for pid in (zygote, *below(zygote))]
    os.kill(zygote, signal.SIGKILL)
    process.kill()
    await process.wait()
    assert all(wait(10) for wait in waits)
    assert unheld() != []
    async with opened("full") as box:
        assert unheld() == []
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).value == 1


@pytest.mark.parametrize("level", LEVELS)
async def test_nothing_survives_a_parent_that_is_killed(level: Level) -> None:
    needs(level)
    process = await _parent(level)
    pids = below(process.pid)
    assert len(pids) >= 3
    waits = [ends(pid) for pid in pids]
    process.kill()
    await process.wait()
    assert all(wait(10) for wait in waits)
    assert unheld() == []


@pytest.mark.parametrize("level", LEVELS)
async def test_a_cancelled_run_and_closing_leave_no_process_mount_or_descriptor(level: Level) -> None:
    needs(level)
    mounts, descriptors = _mounts(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    sandbox, task, pids = await _running(level)
    waits = [ends(pid) for pid in pids]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waits[2](10)
    await sandbox.close()
    assert all(wait(10) for wait in waits[:2])
    assert _mounts() == mounts
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 1  # noqa: PTH208
