import asyncio
import os
from pathlib import Path

from tests.sandbox.bubblewrap.places import opened, refuse, tried
from tests.sandbox.processes import below
from tests.sandbox.programs import ENDINGS, FILL, refused_calls

from remit.core.programs import Bounds
from remit.core.values import JsonObject, JsonValue


def _environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_no_process_of_a_box_has_the_environment_of_its_parent() -> None:
    seen: list[bytes] = []

    async def look(_tool: str, _arguments: JsonObject) -> JsonValue:
        seen.extend(_environment(pid) for pid in below(os.getpid()))
        return None

    os.environ["REMIT_TEST_SECRET"] = "s3cret"
    try:
        async with opened() as box:
            result = await box.run("import os\nlook()\nsorted(os.environ)", inputs={}, tools={"look": ()}, bridge=look)
    finally:
        del os.environ["REMIT_TEST_SECRET"]
    # The process beside the box, two of bubblewrap's, and the program.
    assert len(seen) >= 4
    assert not any(b"REMIT" in each for each in seen)
    assert result.value == ["MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PWD"], result


async def test_there_is_no_proc_and_nothing_of_the_host() -> None:
    result = await tried("import os\n[sorted(os.listdir('/dev')), os.path.exists('/proc'), os.path.exists('/etc')]")
    assert result.value == [["null", "random", "urandom", "zero"], False, False], result


async def test_no_socket_leads_out_whatever_its_family() -> None:
    code = (
        "import socket\nrefused = []\nfor family in range(46):\n"
        " try: socket.socket(family, socket.SOCK_STREAM)\n except OSError as error: refused.append(error.errno)\n"
        "[len(refused), set(refused)]"
    )
    # 40 is AF_VSOCK, which no network namespace holds.
    assert (await tried(code)).value == [46, [1]]


async def test_a_program_leaves_no_orphan() -> None:
    code = "import os, time\nif os.fork() == 0:\n time.sleep(60)"
    async with opened() as box:
        before = below(os.getpid())
        result = await box.run(code, inputs={}, tools={}, bridge=refuse)
        assert "PermissionError" in result.error
        assert set(below(os.getpid())) == set(before)


async def test_only_scratch_can_be_written_and_holds_so_many_bytes_and_files() -> None:
    bounds = Bounds(wall=20.0, disk=2_000_000, files=20)
    code = (
        "import os\nfor path in ('/x', '/dev/x', '/usr/x', '/inside/x', os.__file__, '/dev/shm/x', '/tmp/x'):\n"
        " try: open(path, 'a').close()\n except OSError: continue\n raise SystemExit(path)\n1"
    )
    async with opened(bounds) as box:
        assert (await box.run(code, inputs={}, tools={}, bridge=refuse)).value == 1
        many = await box.run("size = 0\n" + FILL, inputs={}, tools={}, bridge=refuse)
        assert many.value == 20
    async with opened(bounds) as box:
        large = await box.run("size = 500_000\n" + FILL, inputs={}, tools={}, bridge=refuse)
        assert large.value in (3, 4)


async def test_calls_that_no_program_needs_are_refused_by_the_filter() -> None:
    result = await tried(refused_calls())
    assert (result.status, result.value) == ("ok", []), result


async def test_another_calling_convention_kills() -> None:
    if os.uname().machine == "x86_64":
        result = await tried("import ctypes\nctypes.CDLL(None).syscall(0x40000000 | 39)")
        assert (result.status, result.why) == ("killed", "ended by signal 31")


async def test_memory_output_time_and_forgeries_are_told_apart() -> None:
    async with opened(Bounds(wall=2.0, cpu=10.0, output=10_000)) as box:
        for code, status in ENDINGS.items():
            result = await box.run(code, inputs={}, tools={}, bridge=refuse)
            assert result.status == status, (code, result)


async def test_processor_time_is_bounded_even_when_the_signal_is_ignored() -> None:
    code = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    result = await tried(code, Bounds(cpu=1.0))
    assert (result.status, result.why) == ("timeout", "more than 1 s of processor")


async def test_a_bomb_of_threads_meets_its_bound() -> None:
    code = (
        "import threading, time\nmade = 0\ntry:\n for _ in range(500):\n"
        "  threading.Thread(target=time.sleep, args=(1,), daemon=True).start(); made += 1\n"
        "except RuntimeError: pass\nmade"
    )
    result = await tried(code, Bounds(processes=8))
    assert isinstance(result.value, int)
    assert 0 < result.value < 64


async def test_a_program_cannot_fill_anybody_s_memory_while_a_tool_answers() -> None:
    async def slow(_tool: str, _arguments: JsonObject) -> JsonValue:
        await asyncio.sleep(0.3)
        return None

    code = (
        "import os, threading\n"
        "def flood():\n while True: os.write(3, bytes(65536))\n"
        "threading.Timer(0.05, flood).start()\nslow()"
    )
    async with opened(Bounds(wall=2.0)) as box:
        result = await box.run(code, inputs={}, tools={"slow": ()}, bridge=slow)
    assert result.status == "killed", result
