"""What is the machines' own: files between them, chance and clock, and that nothing of them stays."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.sandbox.microvm.places import QUICK, needs, opened, refuse

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Mount, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.microvm import MicrovmSandbox, image
from remit.sandbox.microvm.files import below_scratch, mounted
from remit.sandbox.microvm.link import Link

pytestmark = pytest.mark.timeout(120)

PARENT = """
import asyncio
from remit.sandbox.microvm import MicrovmSandbox
from remit.core.programs import SandboxPolicy

async def started(tool, arguments):
    print("started", flush=True)

async def main():
    box = await MicrovmSandbox().open(SandboxPolicy())
    code = "t()\\nimport time\\ntime.sleep(60)"
    await box.run(code, inputs={}, tools={"t": ()}, bridge=started)

asyncio.run(main())
"""


def emulators(parent: int) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, above = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(above) == parent and state != "Z" and b"qemu" in line:
                found.append(int(entry.name))
    return found


def about(pid: int) -> tuple[dict[str, str], bytes]:
    process = Path("/proc") / str(pid)
    lines = (process / "status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines), (process / "environ").read_bytes()


async def test_each_program_has_a_machine_that_never_ran_another_with_its_own_chance_and_the_time() -> None:
    code = (
        "import os, random, time, uuid\nopen('/scratch/seen', 'a').write('x')\n"
        "[os.urandom(8).hex(), random.random(), str(uuid.uuid4()), time.time(), os.getpid(), os.getuid()]"
    )
    async with opened() as box:
        first = await box.run(code, inputs={}, tools={}, bridge=refuse)
        second = await box.run(code, inputs={}, tools={}, bridge=refuse)
        assert await box.get("seen") == b"xx"
    assert isinstance(first.value, list), first
    assert isinstance(second.value, list), second
    assert all(one != other for one, other in zip(first.value[:3], second.value[:3], strict=True))
    assert first.value[4:] == second.value[4:]
    assert isinstance(first.value[3], float)
    assert abs(first.value[3] - time.time()) < 60


async def test_files_go_in_and_out_and_mounts_can_only_be_read(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("a,b\n")
    (tmp_path / "link").symlink_to("/etc/passwd")
    mount = Mount(source=str(tmp_path), target="/data/all")
    async with opened(SandboxPolicy(bounds=QUICK, mounts=(mount,))) as box:
        await box.put("in/a.bin", b"\0\1")
        code = (
            "import os\nopen('out', 'wb').write(open('in/a.bin', 'rb').read() * 2)\nos.symlink('/etc', 'link')\n"
            "try:\n    open('/data/all/sales.csv', 'a')\nexcept OSError as error:\n    held = str(error)\n"
            "[open('/data/all/sales.csv').read(), os.listdir('/data/all'), held[:10]]"
        )
        result = await box.run(code, inputs={}, tools={}, bridge=refuse)
        assert result.value == ["a,b\n", ["sales.csv"], "[Errno 13]"], result
        assert await box.files() == {"in/a.bin": 2, "out": 4}
        assert await box.get("/scratch/out") == b"\0\1\0\1"
        for path in ("../x", "/etc/passwd", "none", "link"):
            with pytest.raises(ConfigError):
                await box.get(path)
        with pytest.raises(ConfigError, match="file and a folder"):
            await box.put("in", b"")
        with pytest.raises(ConfigError, match="disk"):
            await box.put("large", bytes(QUICK.disk + 1))


async def test_the_emulator_is_confined_and_has_nothing_of_ours() -> None:
    async with opened() as box:
        (pid,) = emulators(os.getpid())
        began = asyncio.Event()

        async def tell(_tool: str, _arguments: JsonObject) -> JsonValue:
            began.set()
            return None

        running = asyncio.create_task(box.run("t()\nwhile True: pass", inputs={}, tools={"t": ()}, bridge=tell))
        await began.wait()
        status, environment = about(pid)
        assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
        assert status["Uid"].split()[0] != "0"
        assert environment == b""
        await box.close()
        assert (await running).status == "killed"
    assert emulators(os.getpid()) == []


async def test_nothing_survives_a_parent_that_is_killed() -> None:
    needs()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout
    assert await process.stdout.readline() == b"started\n"
    (pid,) = emulators(process.pid)
    poll = select.poll()
    handle = os.pidfd_open(pid)
    poll.register(handle, select.POLLIN)
    process.kill()
    await process.wait()
    try:
        assert poll.poll(10_000)
    finally:
        os.close(handle)


async def test_an_emulator_that_is_killed_is_no_success_and_the_next_program_runs() -> None:
    async with opened() as box:
        (pid,) = emulators(os.getpid())

        async def kill(_tool: str, _arguments: JsonObject) -> JsonValue:
            os.kill(pid, signal.SIGKILL)
            return None

        result = await box.run("t()\n1", inputs={}, tools={"t": ()}, bridge=kill)
        assert (result.status, result.value) == ("killed", None), result
        assert (await box.run("2", inputs={}, tools={}, bridge=refuse)).value == 2


async def test_what_cannot_be_given_is_refused(tmp_path: Path) -> None:
    needs()
    sandbox = MicrovmSandbox()
    try:
        with pytest.raises(ConfigError, match="no nothing_like_it in the machine"):
            await sandbox.open(SandboxPolicy(packages=("nothing_like_it",)))
        with pytest.raises(ConfigError, match="are possible"):
            await sandbox.open(SandboxPolicy(bounds=Bounds(memory=1 << 40)))
    finally:
        await sandbox.close()
    for source, target, match in (
        (str(tmp_path), "/etc", "below /data"),
        (str(tmp_path), "/data/../etc", "below /data"),
        (str(tmp_path / "none"), "/data/x", "no file"),
    ):
        with pytest.raises(ConfigError, match=match):
            mounted([Mount(source=source, target=target)])
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(64_000_001)
    with pytest.raises(ConfigError, match="copied"):
        mounted([Mount(source=str(large), target="/data/large")])


@pytest.mark.parametrize("path", ["", "/", "a//b", "../a", "a/..", "a\0", "/etc/passwd", "x" * 256])
def test_a_path_that_is_not_plain_is_refused(path: str) -> None:
    with pytest.raises(ConfigError):
        below_scratch(path)


def test_without_the_emulator_or_a_kernel_it_says_what_to_do(tmp_path: Path) -> None:
    code = "from remit.sandbox.microvm import MicrovmSandbox\nprint(MicrovmSandbox().capabilities().missing)"
    environment = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert "apt-get install qemu-system-x86" in done.stdout
    assert image.MAKE == "remit sandbox prepare microvm"


async def test_a_frame_that_is_too_large_or_cut_is_none() -> None:
    for said in (b"\xff\xff\xff\xff", b"\0\0\0\5abc", b"\0\0"):
        pair = socket.socketpair()
        pair[1].sendall(said)
        pair[1].close()
        link = Link(pair[0])
        assert await link.frame(100) is None
        link.close()
