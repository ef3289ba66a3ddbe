import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.sandbox.bubblewrap.places import QUICK, needs_bubblewrap, opened, refuse
from tests.sandbox.processes import below, children, ends

from remit.core.errors import ConfigError
from remit.core.programs import Interrupt, Mount, Result, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.bubblewrap import BubblewrapSandbox

SLEEP = "t()\nimport time\ntime.sleep(60)"
PARENT = """
import asyncio
from remit.sandbox.bubblewrap import BubblewrapSandbox
from remit.core.programs import SandboxPolicy

async def started(tool, arguments):
    print("started", flush=True)

async def main():
    box = await BubblewrapSandbox().open(SandboxPolicy())
    await box.run("t()\\nimport time\\ntime.sleep(60)", inputs={}, tools={"t": ()}, bridge=started)

asyncio.run(main())
"""


def _mounts() -> str:
    # Containers and disks of other tests come and go beside this one.
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if "podman" not in line and not line.startswith("remit-chaos "))


async def _running() -> tuple[BubblewrapSandbox, "asyncio.Task[Result]", list[int]]:
    """Start a program that sleeps; its processes, the one beside the box first and the program last."""
    sandbox, begun = needs_bubblewrap(), asyncio.Event()
    before = set(children(os.getpid()))
    box = await sandbox.open(SandboxPolicy(least="bubblewrap", bounds=QUICK))

    async def bridge(_tool: str, _arguments: JsonObject) -> JsonValue:
        begun.set()
        return None

    task = asyncio.create_task(box.run(SLEEP, inputs={}, tools={"t": ()}, bridge=bridge))
    await begun.wait()
    (holder,) = set(children(os.getpid())) - before
    return sandbox, task, [holder, *below(holder)]


@pytest.mark.parametrize("victim", [0, 1, 2, 3], ids=["holder", "bubblewrap", "first of the box", "program"])
async def test_whoever_is_killed_the_run_ends_as_killed_and_nothing_is_left(victim: int) -> None:
    sandbox, task, pids = await _running()
    assert len(pids) == 4
    waits = [ends(pid) for pid in pids]
    os.kill(pids[victim], signal.SIGKILL)
    result = await asyncio.wait_for(task, 10)
    assert (result.status, result.value) == ("killed", None)
    await sandbox.close()
    assert all(wait(10) for wait in waits)


async def test_nothing_survives_a_parent_that_is_killed() -> None:
    needs_bubblewrap()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout
    assert await process.stdout.readline() == b"started\n"
    pids = below(process.pid)
    assert len(pids) >= 4
    waits = [ends(pid) for pid in pids]
    process.kill()
    await process.wait()
    assert all(wait(10) for wait in waits)


async def test_a_cancelled_run_and_closing_leave_no_process_mount_or_descriptor() -> None:
    mounts, descriptors = _mounts(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    sandbox, task, pids = await _running()
    waits = [ends(pid) for pid in pids]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(wait(10) for wait in waits[1:])
    await sandbox.close()
    assert waits[0](10)
    assert _mounts() == mounts
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 1  # noqa: PTH208


async def test_closing_a_box_ends_the_program_in_it() -> None:
    sandbox, task, _pids = await _running()
    await sandbox.close()
    assert (await asyncio.wait_for(task, 10)).status == "killed"


async def test_an_interrupt_ends_the_program_and_the_box_goes_on() -> None:
    async def stop(_tool: str, _arguments: JsonObject) -> JsonValue:
        raise Interrupt("a person is asked")

    code = "try:\n t()\nexcept BaseException: pass\nopen('/scratch/after', 'w')\nt()"
    async with opened() as box:
        result = await box.run(code, inputs={}, tools={"t": ()}, bridge=stop)
        assert (result.status, result.why, result.calls) == ("killed", "interrupted: a person is asked", 1)
        assert await box.files() == {}
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).value == 1


async def test_files_go_in_and_out_and_stay_between_programs(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("a,b\n1,2\n")
    (tmp_path / "secret").write_text("s")
    mount = Mount(source=str(tmp_path / "sales.csv"), target="/data/sales.csv")
    async with opened(mounts=(mount,)) as box:
        await box.put("in/a.bin", b"\0\1")
        code = (
            "import os\nopen('/scratch/out', 'wb').write(open('in/a.bin', 'rb').read() * 2)\n"
            "os.symlink('/etc', 'link')\n"
            "os.symlink('/etc/passwd', 'file')\nopen(b'\\xff', 'w')\n"
            "[open('/data/sales.csv').read(), os.listdir('/data')]"
        )
        result = await box.run(code, inputs={}, tools={}, bridge=refuse)
        assert result.value == ["a,b\n1,2\n", ["sales.csv"]], result
        assert await box.files() == {"in/a.bin": 2, "out": 4}
        assert await box.get("/scratch/out") == b"\0\1\0\1"
        for path in ("../etc/passwd", "/etc/passwd", "link/passwd", "file", "in", "a//b", "nothing"):
            with pytest.raises(ConfigError):
                await box.get(path)
        for path in ("../x", "/x", "link/x", "file", "in"):
            with pytest.raises(ConfigError):
                await box.put(path, b"x")
        write = await box.run("open('/data/sales.csv', 'a')", inputs={}, tools={}, bridge=refuse)
        assert "Read-only" in write.error or "Permission" in write.error


async def test_a_folder_only_its_owner_reads_can_be_mounted(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o700)  # noqa: PTH101
    (tmp_path / "own.txt").write_text("mine")
    (tmp_path / "own.txt").chmod(0o600)
    async with opened(mounts=(Mount(source=str(tmp_path), target="/data/d"),)) as box:
        result = await box.run("open('/data/d/own.txt').read()", inputs={}, tools={}, bridge=refuse)
        assert result.value == "mine", result


async def test_packages_are_there_when_the_policy_names_them_and_only_then() -> None:
    code = "import numpy\nfloat(numpy.arange(4).sum())"
    async with opened(packages=("numpy",)) as box:
        result = await box.run(code, inputs={}, tools={}, bridge=refuse)
        assert result.value == 6.0, result
        assert "No module" in (await box.run("import msgspec", inputs={}, tools={}, bridge=refuse)).error
    async with opened() as box:
        assert "No module" in (await box.run(code, inputs={}, tools={}, bridge=refuse)).error


async def test_what_cannot_be_given_is_refused(tmp_path: Path) -> None:
    sandbox = needs_bubblewrap()
    with pytest.raises(ConfigError, match="above 'bubblewrap'; use: container"):
        await sandbox.open(SandboxPolicy(least="container"))
    with pytest.raises(ConfigError, match="not installed for this Python: no_such_package"):
        await sandbox.open(SandboxPolicy(packages=("no_such_package",)))
    for source, target, match in (
        (str(tmp_path), "/etc", "below /data"),
        (str(tmp_path), "/data/../etc", "below /data"),
        (str(tmp_path / "none"), "/data/x", "no file"),
    ):
        with pytest.raises(ConfigError, match=match):
            await sandbox.open(SandboxPolicy(mounts=(Mount(source=source, target=target),)))
    async with opened() as box:
        with pytest.raises(ConfigError, match="run it again"):
            await box.resume(b"", tools={}, bridge=refuse)
        with pytest.raises(ConfigError, match="larger than"):
            await box.put("x", bytes(QUICK.disk + 1))
        await box.close()
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).status == "killed"
        with pytest.raises(ConfigError, match="closed"):
            await box.files()


async def test_a_machine_without_bubblewrap_says_what_to_install() -> None:
    sandbox = BubblewrapSandbox(bwrap="no-such-launcher")
    found = sandbox.capabilities()
    assert not found.available
    assert "apt install bubblewrap" in found.missing[0]
    with pytest.raises(ConfigError, match="apt install bubblewrap"):
        await sandbox.open(SandboxPolicy())


async def test_a_launcher_that_launches_nothing_is_found_out() -> None:
    needs_bubblewrap()
    found = BubblewrapSandbox(bwrap="true").capabilities()
    assert not found.available
