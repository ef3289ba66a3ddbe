"""What the tests of the native tier share: the levels that this machine gives, and processes found by their parents."""

import os
import select
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from remit.core.values import JsonObject, JsonValue
from remit.sandbox.native import Level, NativeSandbox
from remit.sandbox.native.box import NativeBox
from remit.core.programs import Bounds, Result, SandboxPolicy

LEVELS: tuple[Level, ...] = ("without cgroup", "landlock only")
FOUND = {level: NativeSandbox(level=level).capabilities() for level in LEVELS}
QUICK = Bounds(wall=20.0, cpu=10.0)


def needs(level: Level) -> None:
    """Skip with the reason when this machine cannot give a level."""
    if not FOUND[level].available:
        pytest.skip("; ".join(FOUND[level].missing))


async def refuse(tool: str, _arguments: JsonObject) -> JsonValue:
    """Be a tool that nobody was meant to call."""
    raise AssertionError(f"{tool} was called")


@asynccontextmanager
async def opened(level: Level, bounds: Bounds = QUICK) -> AsyncGenerator[NativeBox]:
    """Open a box at a level, and leave nothing."""
    needs(level)
    sandbox = NativeSandbox(level=level, pool=0)
    try:
        box = await sandbox.open(SandboxPolicy(least="native", bounds=bounds))
        yield box
        await box.close()
    finally:
        await sandbox.close()


async def tried(level: Level, code: str, bounds: Bounds = QUICK) -> Result:
    """Run one program in a box of its own."""
    async with opened(level, bounds) as box:
        return await box.run(code, inputs={}, tools={}, bridge=refuse)


def children(parent: int) -> list[int]:
    """List the processes that a process has made and that have not ended."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, above = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if int(above) == parent and state != "Z":
                found.append(int(entry.name))
    return found


def below(parent: int) -> list[int]:
    """List a process's descendants."""
    return [pid for child in children(parent) for pid in (child, *below(child))]


def ends(pid: int) -> Callable[[float], bool]:
    """Hold on to a process, to wait for its end later."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return lambda _seconds: True

    def ended(seconds: float) -> bool:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        try:
            return bool(poll.poll(seconds * 1000))
        finally:
            os.close(handle)

    return ended
