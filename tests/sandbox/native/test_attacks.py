import os
import socket
from collections.abc import Iterator

import pytest
from tests.sandbox.native.places import LEVELS, opened, refuse, tried

from remit.sandbox.native import Level
from remit.core.programs import Bounds

# Each says "breached" when it gets through; anything else, such as an exception or the end of the program, is a block.
ATTACKS = {
    "shadow": "open('/etc/shadow').read()",
    "passwd": "open('/etc/passwd').read()",
    "environment of another process": "open('/proc/1/environ','rb').read()",
    "environment of the parent": "import os\nopen(f'/proc/{os.getppid()}/environ','rb').read()",
    "memory of itself by proc": "open('/proc/self/mem','rb').read(1)",
    "tcp": "import socket\nsocket.create_connection(('127.0.0.1', PORT), 2)",
    "udp": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
    "raw": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "netlink": "import socket\nsocket.socket(16, socket.SOCK_RAW, 0)",
    "vsock": "import socket\nsocket.socket(40, socket.SOCK_STREAM)",
    "unix": "import socket\nsocket.socket(socket.AF_UNIX)",
    "unix datagram by a pair": "from socket import *\nsocketpair(AF_UNIX, SOCK_DGRAM)[0].sendto(b'x','/dev/log')",
    "write outside": "open('/tmp/remit-breach','w').write('x')",
    "write into the library": "import os\nopen(os.__file__,'a').write('x')",
    "change of modes": "import os\nos.chmod(os.__file__, 0o777)",
    "link to outside": "import os\nos.symlink('/etc/shadow','/scratch/s'); open('/scratch/s').read()",
    "hard link to outside": "import os\nos.link(os.__file__,'/scratch/h')",
    "fork": "import os\nif os.fork() == 0: os._exit(0)",
    "exec": "import os\nos.execv('/bin/sh', ['sh'])",
    "process": "import subprocess\nsubprocess.run(['true'])",
    "signal to the group": "import os\nos.kill(0, 9)",
    "signal to all": "import os\nos.kill(-1, 9)",
    "signal to the keeper": "import os\nos.kill(os.getppid() or 1, 9)",
    "device": "import os\nos.mknod('/scratch/d', 0o60000, os.makedev(254, 0))",
    "descriptors of the parent": (
        "import os\nfound = 0\nfor n in range(4, 1024):\n try: found += bool(os.fstat(n))\n except OSError: pass\n"
        "if not found: raise OSError('none')"
    ),
    "user": "import os\nos.setuid(0)",
    "chroot": "import os\nos.chroot('/')",
    "root again": "import os\nos.setresuid(0, 0, 0); open('/etc/shadow')",
}

BLOCKS = ("OSError", "PermissionError", "FileNotFoundError", "ProcessLookupError")

# By number where both machines differ: x86_64, aarch64.
CALLS = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "socket": (41, 198),
    "pidfd_open": (434, 434),
    "open_by_handle_at": (304, 265),
    "personality": (135, 92),
    "reboot": (169, 142),
    "process_madvise": (440, 440),
    "swapon": (167, 224),
}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("level", LEVELS)
async def test_every_attack_of_the_list_is_blocked(level: Level, port: int) -> None:
    got_through: list[str] = []
    async with opened(level) as box:
        for name, code in ATTACKS.items():
            result = await box.run(code.replace("PORT", str(port)) + "\n'breached'", inputs={}, tools={}, bridge=refuse)
            # An attack with a mistake in it would be blocked by that: only what the kernel says counts.
            refused = any(f"{kind}: " in result.error for kind in BLOCKS)
            if result.status == "ok" or not refused:
                got_through.append(name)
        assert (await box.run("1 + 1", inputs={}, tools={}, bridge=refuse)).value == 2
    assert got_through == []


@pytest.mark.parametrize("level", LEVELS)
async def test_calls_that_no_program_needs_are_refused_by_the_filter(level: Level) -> None:
    column = 0 if os.uname().machine == "x86_64" else 1
    numbers = {name: pair[column] for name, pair in CALLS.items()}
    code = (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"[n for n, c in {numbers}.items() if libc.syscall(c, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 1]"
    )
    result = await tried(level, code)
    assert (result.status, result.value) == ("ok", []), result


@pytest.mark.parametrize("level", LEVELS)
async def test_namespaces_and_processes_by_clone_are_refused(level: Level) -> None:
    number = 56 if os.uname().machine == "x86_64" else 220
    code = (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"a = libc.syscall({number}, 0x10000000 | 17, 0, 0, 0, 0), ctypes.get_errno()\n"
        f"b = libc.syscall({number}, 17, 0, 0, 0, 0), ctypes.get_errno()\n"
        "c = libc.syscall(435, 0, 0), ctypes.get_errno()\n[a, b, c]"
    )
    assert (await tried(level, code)).value == [[-1, 1], [-1, 1], [-1, 38]]


async def test_another_calling_convention_kills() -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("x32 is one of x86_64")
    result = await tried("landlock only", "import ctypes\nctypes.CDLL(None).syscall(0x40000000 | 39)")
    assert (result.status, result.why) == ("killed", "ended by SIGSYS")


@pytest.mark.parametrize("level", LEVELS)
async def test_the_environment_holds_no_secret(level: Level) -> None:
    os.environ["REMIT_TEST_SECRET"] = "s"
    try:
        result = await tried(level, "import os\nsorted(os.environ)")
    finally:
        del os.environ["REMIT_TEST_SECRET"]
    # The first is Python's own doing at its start; the others keep libraries from starting threads.
    assert result.value == ["LC_CTYPE", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"], result


async def test_a_bomb_of_threads_meets_its_bound() -> None:
    code = (
        "import threading, time\nmade = 0\ntry:\n for _ in range(500):\n"
        "  threading.Thread(target=time.sleep, args=(1,), daemon=True).start(); made += 1\n"
        "except RuntimeError: pass\nmade"
    )
    result = await tried("without cgroup", code, Bounds(processes=8))
    assert isinstance(result.value, int)
    assert 0 < result.value < 64


async def test_a_box_without_namespaces_has_no_threads() -> None:
    result = await tried("landlock only", "import threading\nthreading.Thread(target=print).start()")
    assert "can't start new thread" in result.error


async def test_the_disk_and_its_inodes_are_bounded() -> None:
    bounds = Bounds(disk=2_000_000, files=20)
    fill = "n = 0\ntry:\n while n < 99: open(f'/scratch/{n}', 'wb').write(b'x' * size); n += 1\nexcept OSError: pass\nn"
    async with opened("without cgroup", bounds) as box:
        many = await box.run("size = 0\n" + fill, inputs={}, tools={}, bridge=refuse)
        assert isinstance(many.value, int)
        assert 15 <= many.value <= 20
    async with opened("without cgroup", bounds) as box:
        large = await box.run("size = 500_000\n" + fill, inputs={}, tools={}, bridge=refuse)
        assert large.value in (3, 4)


@pytest.mark.parametrize("level", LEVELS)
async def test_memory_output_time_and_processor_are_told_apart(level: Level) -> None:
    small = Bounds(wall=0.5, cpu=10.0, output=10_000)
    async with opened(level, small) as box:
        ended = {
            name: (await box.run(code, inputs={}, tools={}, bridge=refuse)).status
            for name, code in {
                "memory": "x = bytearray(10 * 2**30)",
                "many": "x = []\nwhile True: x.append(bytearray(2**20))",
                "output": "while True: print('x' * 1000)",
                "native output": "import os\nwhile True: os.write(2, b'x' * 1000)",
                "value": "'x' * 20_000",
                "sleep": "import time\ntime.sleep(60)",
                "loop": "while True: pass",
                "crash": "import ctypes\nctypes.string_at(0)",
                "exit": "import os\nos._exit(0)",
                "depth": "v = []\nfor _ in range(100_000): v = [v]\nv",
                "recursion": "def f(): f()\nf()",
            }.items()
        }
    assert ended == {
        "memory": "oom",
        "many": "oom",
        "output": "output_limit",
        "native output": "output_limit",
        "value": "output_limit",
        "sleep": "timeout",
        "loop": "timeout",
        "crash": "killed",
        "exit": "killed",
        "depth": "error",
        "recursion": "error",
    }


@pytest.mark.parametrize("level", LEVELS)
async def test_processor_time_is_bounded_even_when_the_signal_is_ignored(level: Level) -> None:
    code = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    result = await tried(level, code, Bounds(cpu=1.0))
    assert (result.status, result.why) == ("timeout", "more than 1 s of processor")
