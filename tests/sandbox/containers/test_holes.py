import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from tests.sandbox.containers.podman import IMAGE, Podman
from tests.sandbox.programs import ENDINGS, FILL, refused_calls

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Interrupt, Mount, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.containers import ContainerSandbox
from remit.sandbox.containers.engine import Engine
from remit.sandbox.containers.owner import LABEL, labels
from remit.sandbox.containers.spec import Wish, container
from remit.sandbox.kept import KeptBox
from remit.sandbox.seccomp import profile

QUICK = Bounds(wall=20.0, cpu=10.0)
PARENT = """
import asyncio, sys
from remit.core.programs import SandboxPolicy
from remit.sandbox.containers import ContainerSandbox

async def started(tool, arguments):
    print("started", flush=True)

async def main():
    box = await ContainerSandbox(image=sys.argv[2], host=sys.argv[1]).open(SandboxPolicy())
    await box.run("t()\\nimport time\\ntime.sleep(60)", inputs={}, tools={"t": ()}, bridge=started)

asyncio.run(main())
"""


async def refuse(tool: str, _arguments: JsonObject) -> JsonValue:
    raise AssertionError(f"{tool} was called")


@asynccontextmanager
async def opened(
    sandbox: ContainerSandbox, bounds: Bounds = QUICK, mounts: tuple[Mount, ...] = ()
) -> AsyncGenerator[KeptBox]:
    box = await sandbox.open(SandboxPolicy(least="container", bounds=bounds, mounts=mounts))
    try:
        yield box
    finally:
        await box.close()


def ours(podman: Podman) -> list[str]:
    found = podman.call("ps", "--all", "--quiet", "--filter", f"label={LABEL}").stdout.split()
    return found + podman.call("volume", "ls", "--quiet", "--filter", f"label={LABEL}").stdout.split()


def vanish(podman: Podman) -> bool:
    """Whether the containers go away by themselves."""
    end = time.monotonic() + 30
    while podman.call("ps", "--all", "--quiet", "--filter", f"label={LABEL}").stdout.split():
        if time.monotonic() > end:
            return False
    return True


async def test_the_profile_alone_refuses_what_engines_allow_by_default(podman: Podman, tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_bytes(msgspec.json.encode(profile()))
    wish = Wish(image=IMAGE, runtime=None, profile=str(path), bounds=QUICK, binds=(), volume=None, processes=True)
    spec = container(wish)
    host = spec["HostConfig"]
    assert isinstance(host, dict)
    # No file system with a cap on files here; and no filter of the first process's, which is not started.
    host["Tmpfs"] = {}
    code = refused_calls().replace("\n[n for", "\nfound = [n for")
    spec["Cmd"] = ["-I", "-c", f"import json, os\n{code}\nos.write(1, json.dumps([found]).encode() + b' ' * 999)"]
    engine = Engine(f"unix://{podman.socket}")
    try:
        name, attached = await engine.start(spec)
        assert json.loads(await attached.read(999)) == [[]], attached.complaint
        await attached.closed()
        await engine.remove(name)
    finally:
        await engine.close()


async def test_calls_that_no_program_needs_are_refused(sandbox: ContainerSandbox) -> None:
    async with opened(sandbox) as box:
        result = await box.run(refused_calls(), inputs={}, tools={}, bridge=refuse)
        assert (result.status, result.value) == ("ok", []), result
        code = "[l.split()[1] for l in open('/proc/self/status') if l.startswith(('Seccomp', 'NoNewPrivs', 'CapBnd'))]"
        shown = await box.run(code, inputs={}, tools={}, bridge=refuse)
        # No capability, no new privileges, the engine's filter and that of the program.
        assert shown.value == ["0" * 16, "1", "2", "2"], shown
        code = "import socket\n[socket.socket(family) for family in (1, 2, 10, 16, 17, 40)]"
        assert "PermissionError" in (await box.run(code, inputs={}, tools={}, bridge=refuse)).error


async def test_nothing_of_the_host_or_the_first_process_is_seen(sandbox: ContainerSandbox) -> None:
    code = (
        "import os\nfound = []\n"
        "for name in ('environ', 'mem', 'fd/0', 'maps', 'root/etc/passwd'):\n"
        " try: found.append(open(f'/proc/1/{name}', 'rb').read(1))\n except PermissionError: pass\n"
        "[found, sorted(os.environ), open('/etc/hosts').read(), os.listdir('/sys/class/net')]"
    )
    os.environ["REMIT_TEST_SECRET"] = "s"
    try:
        async with opened(sandbox) as box:
            result = await box.run(code, inputs={}, tools={}, bridge=refuse)
    finally:
        del os.environ["REMIT_TEST_SECRET"]
    assert result.value == [[], ["MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "", ["lo"]], result


async def test_only_scratch_can_be_written_and_holds_so_many_bytes_and_files(sandbox: ContainerSandbox) -> None:
    bounds = Bounds(wall=20.0, disk=2_000_000, files=20)
    code = (
        "import os\n"
        "for path in ('/x', '/tmp/x', '/run/x', '/var/tmp/x', '/dev/x', '/dev/shm/x', '/etc/hosts', os.__file__):\n"
        " try: open(path, 'a').close()\n except OSError: continue\n if path != '/etc/hosts': raise SystemExit(path)\n1"
    )
    async with opened(sandbox, bounds) as box:
        result = await box.run(code, inputs={}, tools={}, bridge=refuse)
        assert result.value == 1, result
        many = await box.run("size = 0\n" + FILL, inputs={}, tools={}, bridge=refuse)
        assert many.value == 20
    async with opened(sandbox, bounds) as box:
        large = await box.run("size = 500_000\n" + FILL, inputs={}, tools={}, bridge=refuse)
        assert large.value in (3, 4)


async def test_memory_output_time_and_forgeries_are_told_apart(sandbox: ContainerSandbox) -> None:
    async with opened(sandbox, Bounds(wall=2.0, cpu=10.0, output=10_000)) as box:
        for code, status in ENDINGS.items():
            result = await box.run(code, inputs={}, tools={}, bridge=refuse)
            assert result.status == status, (code, result)
        code = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
        assert (await box.run(code, inputs={}, tools={}, bridge=refuse)).status == "timeout"


async def test_threads_are_bounded(sandbox: ContainerSandbox) -> None:
    code = (
        "import threading, time\nmade = 0\ntry:\n for _ in range(500):\n"
        "  threading.Thread(target=time.sleep, args=(1,), daemon=True).start(); made += 1\n"
        "except RuntimeError: pass\nmade"
    )
    async with opened(sandbox, Bounds(processes=8)) as box:
        result = await box.run(code, inputs={}, tools={}, bridge=refuse)
    assert isinstance(result.value, int)
    assert 1 < result.value <= 8, result


@pytest.fixture
def sales(tmp_path: Path) -> Mount:
    file = tmp_path / "sales.csv"
    file.write_text("a,b\n1,2\n")
    # That it cannot be written must not come from its own rights.
    file.chmod(0o666)
    return Mount(source=str(file), target="/data/sales.csv")


async def test_files_go_in_and_out_and_stay_between_programs(sandbox: ContainerSandbox, sales: Mount) -> None:
    async with opened(sandbox, mounts=(sales,)) as box:
        await box.put("in/a.bin", b"\0\1")
        code = (
            "import os\nopen('/scratch/out', 'wb').write(open('in/a.bin', 'rb').read() * 2)\n"
            "os.symlink('/etc', 'link')\n"
            "[open('/data/sales.csv').read(), os.listdir('/data')]"
        )
        result = await box.run(code, inputs={}, tools={}, bridge=refuse)
        assert result.value == ["a,b\n1,2\n", ["sales.csv"]], result
        assert await box.files() == {"in/a.bin": 2, "out": 4}
        assert await box.get("/scratch/out") == b"\0\1\0\1"
        for path in ("../etc/passwd", "link/passwd", "nothing"):
            with pytest.raises(ConfigError):
                await box.get(path)
        assert "Read-only" in (await box.run("open('/data/sales.csv', 'a')", inputs={}, tools={}, bridge=refuse)).error


async def test_an_interrupt_ends_the_program_and_the_box_goes_on(sandbox: ContainerSandbox) -> None:
    async def stop(_tool: str, _arguments: JsonObject) -> JsonValue:
        raise Interrupt

    async with opened(sandbox) as box:
        result = await box.run("t()\nopen('/scratch/after', 'w')", inputs={}, tools={"t": ()}, bridge=stop)
        assert (result.status, result.why) == ("killed", "interrupted")
        assert await box.files() == {}


async def test_a_container_that_is_killed_is_a_result_and_closing_leaves_nothing(
    sandbox: ContainerSandbox, podman: Podman
) -> None:
    begun = asyncio.Event()

    async def bridge(_tool: str, _arguments: JsonObject) -> JsonValue:
        begun.set()
        return None

    box = await sandbox.open(SandboxPolicy(bounds=QUICK))
    code = "t()\nimport time\ntime.sleep(60)"
    running = asyncio.create_task(box.run(code, inputs={}, tools={"t": ()}, bridge=bridge))
    await begun.wait()
    (name,) = podman.call("ps", "--quiet", "--filter", f"label={LABEL}").stdout.split()
    await asyncio.to_thread(podman.call, "kill", name)
    assert (await asyncio.wait_for(running, 30)).status == "killed"
    assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).status == "killed"
    await sandbox.close()
    assert ours(podman) == []


async def test_a_parent_that_is_killed_leaves_no_container_and_the_next_removes_the_rest(podman: Podman) -> None:
    host = f"unix://{podman.socket}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, host, IMAGE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout
    assert await process.stdout.readline() == b"started\n"
    assert len(ours(podman)) == 2
    process.kill()
    await process.wait()
    assert vanish(podman)
    sandbox = ContainerSandbox(image=IMAGE, host=host)
    await sandbox.reap()
    await sandbox.close()
    assert ours(podman) == []


async def test_containers_of_dead_owners_are_reaped_and_those_of_living_ones_stay(podman: Podman) -> None:
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    dead = labels() | {f"{LABEL}.pid": str(gone.pid), f"{LABEL}.began": "1"}
    for owner in (dead, labels()):
        options = [part for name, value in owner.items() for part in ("--label", f"{name}={value}")]
        made = podman.call("create", *options, "--network", "none", IMAGE, "/usr/bin/python3")
        assert made.returncode == 0, made.stderr
    sandbox = ContainerSandbox(image=IMAGE, host=f"unix://{podman.socket}")
    assert await sandbox.reap() == 1
    assert await sandbox.reap() == 0
    await sandbox.close()
    assert len(ours(podman)) == 1
    podman.call("rm", "--all", "--force")


async def test_an_image_that_is_not_there_and_a_runtime_that_is_not_are_named(podman: Podman) -> None:
    host = f"unix://{podman.socket}"
    missing = ContainerSandbox(image="localhost/none:1", host=host).capabilities()
    assert not missing.available
    assert "no image 'localhost/none:1'" in missing.missing[0]
    without = ContainerSandbox(image=IMAGE, host=host, runtime="no-such-runtime").capabilities()
    assert not without.available, without
    assert "no-such-runtime" in without.missing[0] or "no container" in without.missing[0]


async def test_signals_from_within_do_not_reach_the_first_process(sandbox: ContainerSandbox) -> None:
    async with opened(sandbox) as box:
        code = "import os, signal\nfor name in signal.valid_signals(): os.kill(1, name)\nos.getppid()"
        result = await box.run(code, inputs={}, tools={}, bridge=refuse)
        assert (result.status, result.value) == ("ok", 1), result
        assert (await box.run("2", inputs={}, tools={}, bridge=refuse)).value == 2
