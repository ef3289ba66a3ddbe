"""Holes that were found by attacking, each with what it let through."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from tests.sandbox.native.places import LEVELS, everywhere, needs, opened, refuse, tried
from tests.sandbox.processes import children

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Mount, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.native import Level, NativeSandbox

UNWRITABLE = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
taken, part = 0, 16 << 20
while taken < 1 << 30:
    place = libc.mmap(None, ctypes.c_size_t(part), 3, 0x22, -1, 0)
    if place in (None, 2 ** 64 - 1):
        break
    ctypes.memset(ctypes.c_void_p(place), 1, part)
    assert libc.mprotect(ctypes.c_void_p(place), ctypes.c_size_t(part), 1) == 0
    taken += part
taken
"""
"""Takes memory and gives up the right to write to it, so that it is no longer counted as data."""

THREADS = """
import threading
threading.stack_size(32768)
over, made = threading.Event(), 0
try:
    while made < 300:
        threading.Thread(target=over.wait, daemon=True).start()
        made += 1
except RuntimeError:
    pass
over.set()
made
"""


async def test_a_signal_without_a_name_ends_a_program_and_not_its_run() -> None:
    for result in await everywhere(lambda level: tried(level, "import os\nos.kill(os.getpid(), 40)")):
        assert (result.status, result.why) == ("killed", "ended by signal 40")


@pytest.mark.parametrize("level", LEVELS)
async def test_no_byte_goes_out_of_band_between_sockets(level: Level) -> None:
    code = (
        "import socket\na, b = socket.socketpair()\nrefused = 0\n"
        "for act in (lambda: a.send(b'x', socket.MSG_OOB), lambda: b.recv(1, socket.MSG_OOB)):\n"
        "    try:\n        act()\n    except PermissionError:\n        refused += 1\n"
        "a.send(b'y')\n[refused, b.recv(1).decode()]"
    )
    assert (await tried(level, code)).value == [2, "y"]


async def test_memory_that_can_no_longer_be_written_is_still_memory() -> None:
    for result in await everywhere(lambda level: tried(level, UNWRITABLE, Bounds(memory=64_000_000))):
        taken = result.value if result.status == "ok" else 0
        assert isinstance(taken, int)
        assert taken <= 256 << 20, result


async def test_threads_are_bounded_also_for_a_user_whom_no_limit_counts(tmp_path: Path) -> None:
    needs("without cgroup")
    private = tmp_path / "private"
    private.write_text("x")
    private.chmod(0o600)
    sandbox = NativeSandbox(level="without cgroup", pool=0)
    try:
        mounts = (Mount(source=str(private), target="/data/x"),)
        box = await sandbox.open(SandboxPolicy(bounds=Bounds(processes=8), mounts=mounts))
        result = await box.run(THREADS, inputs={}, tools={}, bridge=refuse)
        assert isinstance(result.value, int), result
        assert result.value <= 8
        read = await box.run("open('/data/x').read()", inputs={}, tools={}, bridge=refuse)
        assert read.value == "x"
    finally:
        await sandbox.close()


async def test_without_namespaces_nobody_is_told_where_links_of_the_host_lead(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("a-secret")
    result = await tried("landlock only", f"import os\nos.readlink({str(tmp_path / 'link')!r})")
    assert "PermissionError" in result.error, result


async def test_a_path_that_is_no_text_is_refused_and_the_box_goes_on() -> None:
    async with opened("without cgroup") as box:
        for path in ("\ud800", "a\0b", "n" * 300):
            with pytest.raises(ConfigError):
                await box.put(path, b"x")
            with pytest.raises(ConfigError):
                await box.get(path)
        await box.put("x", b"1")
        assert await box.get("x") == b"1"


@pytest.mark.parametrize("level", LEVELS)
async def test_closing_ends_the_program_that_waits_for_a_tool_and_the_call(level: Level) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(_tool: str, _arguments: JsonObject) -> JsonValue:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return None

    async with opened(level) as box:
        running = asyncio.create_task(box.run("wait()", inputs={}, tools={"wait": ()}, bridge=wait))
        await begun.wait()
        after = asyncio.create_task(box.run("1", inputs={}, tools={}, bridge=refuse))
        await asyncio.wait_for(box.close(), 10)
        result = await running
        assert (result.status, result.why, cancelled.is_set()) == ("killed", "the box was closed", True)
        assert (await after).status == "killed"


def test_a_sandbox_outlives_the_loop_in_which_it_was_first_used() -> None:
    needs("landlock only")
    sandbox = NativeSandbox(level="landlock only")

    async def value(number: int) -> JsonValue:
        box = await sandbox.open(SandboxPolicy())
        return (await box.run(str(number), inputs={}, tools={}, bridge=refuse)).value

    assert asyncio.run(value(1)) == 1
    assert asyncio.run(value(2)) == 2
    before = children(os.getpid())
    asyncio.run(sandbox.close())
    assert len(children(os.getpid())) == len(before) - 1


async def test_sets_of_packages_that_are_asked_for_at_once_leave_no_zygote() -> None:
    needs("landlock only")
    before = children(os.getpid())
    sandbox = NativeSandbox(level="landlock only", pool=0)
    for name in ("csv", "json", "array", "bisect"):
        await (await sandbox.open(SandboxPolicy(packages=(name,)))).close()
    boxes = await asyncio.gather(*(sandbox.open(SandboxPolicy(packages=("heapq",))) for _ in range(3)))
    for box in boxes:
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).value == 1
    await sandbox.close()
    assert children(os.getpid()) == before


async def test_an_interpreter_that_cannot_be_started_is_a_reason_and_no_crash() -> None:
    code = (
        "import asyncio, sys\nfrom remit.core.errors import ConfigError\n"
        "from remit.core.programs import SandboxPolicy\nfrom remit.sandbox.native import NativeSandbox\n"
        "sys.executable = '/nowhere/python'\nsandbox = NativeSandbox()\n"
        "assert not sandbox.capabilities().available\n"
        "try:\n    asyncio.run(sandbox.open(SandboxPolicy()))\nexcept ConfigError as error:\n    print(error)\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert "cannot be started" in said.decode()
