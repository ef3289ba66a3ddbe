import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.sandbox.native.places import LEVELS, QUICK, below, children, ends, needs, opened, refuse

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.native import Level, NativeSandbox
from remit.core.programs import Mount, Result, SandboxPolicy

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


def _mounts() -> str:
    return Path("/proc/self/mounts").read_text()


async def _running(level: Level) -> tuple[NativeSandbox, "asyncio.Task[Result]", list[int]]:
    """Start a program that sleeps; its processes, the zygote first and the worker last."""
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
    return sandbox, task, [zygote, *below(zygote)]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("victim", [0, 1, 2], ids=["zygote", "keeper", "worker"])
async def test_whoever_is_killed_the_run_ends_as_killed_and_nothing_is_left(level: Level, victim: int) -> None:
    sandbox, task, pids = await _running(level)
    assert len(pids) == 3
    waits = [ends(pid) for pid in pids]
    os.kill(pids[victim], signal.SIGKILL)
    result = await asyncio.wait_for(task, 10)
    assert (result.status, result.value) == ("killed", None)
    box = await sandbox.open(POLICY)
    assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).value == 1
    await sandbox.close()
    assert all(wait(10) for wait in waits)


@pytest.mark.parametrize("level", LEVELS)
async def test_nothing_survives_a_parent_that_is_killed(level: Level) -> None:
    needs(level)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, level, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout
    assert await process.stdout.readline() == b"started\n"
    pids = below(process.pid)
    assert len(pids) >= 3
    waits = [ends(pid) for pid in pids]
    process.kill()
    await process.wait()
    assert all(wait(10) for wait in waits)


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


async def test_files_go_in_and_out_and_stay_between_programs(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("a,b\n1,2\n")
    (tmp_path / "secret").write_text("s")
    needs("without cgroup")
    sandbox = NativeSandbox()
    mount = Mount(source=str(tmp_path / "sales.csv"), target="/data/sales.csv")
    box = await sandbox.open(SandboxPolicy(bounds=QUICK, mounts=(mount,)))
    await box.put("in/a.bin", b"\0\1")
    code = (
        "import os\nopen('/scratch/out', 'wb').write(open('in/a.bin', 'rb').read() * 2)\nos.symlink('/etc', 'link')\n"
        "os.symlink('/etc/passwd', 'file')\n[open('/data/sales.csv').read(), os.listdir('/data')]"
    )
    result = await box.run(code, inputs={}, tools={}, bridge=refuse)
    assert result.value == ["a,b\n1,2\n", ["sales.csv"]], result
    assert await box.get("/scratch/out") == b"\0\1\0\1"
    for path in ("../etc/passwd", "/etc/passwd", "link/passwd", "file", "in", "a//b", "nothing"):
        with pytest.raises(ConfigError):
            await box.get(path)
    for path in ("../x", "/x", "link/x", "file", "in"):
        with pytest.raises(ConfigError):
            await box.put(path, b"x")
    write = await box.run("open('/data/sales.csv', 'a')", inputs={}, tools={}, bridge=refuse)
    assert "Read-only" in write.error or "Permission" in write.error
    await sandbox.close()


async def test_a_folder_only_its_owner_reads_can_be_mounted(tmp_path: Path) -> None:
    needs("without cgroup")
    os.chmod(tmp_path, 0o700)  # noqa: PTH101
    (tmp_path / "own.txt").write_text("mine")
    (tmp_path / "own.txt").chmod(0o600)
    sandbox = NativeSandbox()
    box = await sandbox.open(SandboxPolicy(bounds=QUICK, mounts=(Mount(source=str(tmp_path), target="/data/d"),)))
    result = await box.run("open('/data/d/own.txt').read()", inputs={}, tools={}, bridge=refuse)
    assert result.value == "mine", result
    await sandbox.close()


async def test_what_cannot_be_given_is_refused(tmp_path: Path) -> None:
    sandbox = NativeSandbox(level="landlock only")
    with pytest.raises(ConfigError, match="above 'native'"):
        await sandbox.open(SandboxPolicy(least="microvm"))
    needs("landlock only")
    for source, target, match in (
        (str(tmp_path), "/data/x", "namespaces"),
        (str(tmp_path), "/etc", "below /data"),
        (str(tmp_path), "/data/../etc", "below /data"),
        (str(tmp_path / "none"), "/data/x", "no file"),
    ):
        with pytest.raises(ConfigError, match=match):
            await sandbox.open(SandboxPolicy(mounts=(Mount(source=source, target=target),)))
    async with opened("landlock only") as box:
        with pytest.raises(ConfigError, match="no files"):
            await box.put("x", b"")
    await sandbox.close()


async def test_a_closed_box_runs_nothing() -> None:
    async with opened("landlock only") as box:
        await box.close()
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).status == "killed"


async def test_capabilities_claim_no_cgroup_and_name_what_is_missing() -> None:
    found = NativeSandbox(level="landlock only").capabilities()
    assert found.tier == "native"
    assert any("cgroup" in each or "Landlock" in each for each in found.missing)
    assert any(each.startswith("namespaces") for each in found.missing)
