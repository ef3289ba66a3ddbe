"""What the tests of the native tier share: the levels that this machine gives, and processes found by their parents."""

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from remit.core.programs import Bounds, Capabilities, Result, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.native import Level, NativeSandbox
from remit.sandbox.native.box import NativeBox
from remit.sandbox.native.inside import groups
from remit.sandbox.native.levels import LEVELS

T = TypeVar("T")


def _found(level: Level) -> Capabilities:
    return NativeSandbox(level=level).capabilities()


FOUND: dict[Level, Capabilities] = {level: _found(level) for level in LEVELS}
QUICK = Bounds(wall=20.0, cpu=10.0)


def needs(level: Level) -> None:
    """Skip with the reason when this machine cannot give a level."""
    if not FOUND[level].available:
        pytest.skip("; ".join(FOUND[level].missing))


async def everywhere(act: Callable[[Level], Awaitable[T]]) -> list[T]:
    """Do something at all levels of this machine at once; skip with the reason when it gives none."""
    there: list[Level] = [level for level in LEVELS if FOUND[level].available]
    if not there:
        pytest.skip("; ".join(FOUND["landlock only"].missing))
    return await asyncio.gather(*(act(level) for level in there))


def unheld() -> list[str]:
    """List control groups of sandboxes that nobody holds any more."""
    try:
        tops = [top for place in groups.here() for top in Path(place.folder).glob(groups.NAME + "*")]
    except OSError:
        return []
    found: list[str] = []
    for top in tops:
        try:
            held = os.open(top, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found.append(str(top))
        except OSError:
            continue
        finally:
            os.close(held)
    return found


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
