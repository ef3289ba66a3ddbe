import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox.native.places import LEVELS, everywhere, needs, opened, refuse, tried

from remit.core.programs import Bounds, Mount, SandboxPolicy
from remit.sandbox.native import Level, NativeSandbox

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
    "signal by the kernel": (
        "import fcntl, os, signal\nfcntl.fcntl(3, 8, os.getppid() or 1); fcntl.fcntl(3, 10, 9)\n"
        "fcntl.fcntl(3, fcntl.F_SETFL, 0x2000)"
    ),
    "notice of a folder": "import fcntl, os\nfcntl.fcntl(os.open(os.path.dirname(os.__file__), 0), 1026, 1)",
    "shared memory": "import mmap\nmmap.mmap(-1, 4096)",
    "memory that grows down": "import mmap\nmmap.mmap(-1, 4096, flags=0x0122)",
    "locked memory": "import mmap\nmmap.mmap(-1, 4096, flags=0x2022)",
    "large pages": "import mmap\nmmap.mmap(-1, 2 << 20, flags=0x40022)",
    "zeros shared": "import mmap, os\nmmap.mmap(os.open('/dev/zero', 0), 4096, flags=1, prot=1)",
    "limits of another process": "import resource\nresource.prlimit(1, resource.RLIMIT_CPU, (1, 1))",
    "a limit raised": "import resource\nresource.setrlimit(resource.RLIMIT_DATA, (1 << 40, 1 << 40))",
    "descriptor of another process": "import os\nos.pidfd_open(os.getppid() or 1)",
    "program from memory": "import os\nos.memfd_create('x')",
    "pass a descriptor": "import socket\na, b = socket.socketpair()\nsocket.send_fds(a, [b'x'], [0])",
    "root again": "import os\nos.setresuid(0, 0, 0); open('/etc/shadow')",
}

BLOCKS = ("OSError", "PermissionError", "FileNotFoundError", "ProcessLookupError", "not allowed to raise maximum limit")

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
    "io_uring_enter": (426, 426),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "execveat": (322, 281),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "tkill": (200, 130),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "connect": (42, 203),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "kcmp": (312, 272),
    "mlock": (149, 228),
    "timer_create": (222, 107),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "sched_setaffinity": (203, 122),
    "acct": (163, 89),
    "setxattr": (188, 5),
    "landlock_create_ruleset": (444, 444),
    "seccomp": (317, 277),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "remap_file_pages": (216, 234),
    "memfd_secret": (447, 447),
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
            refused = any(kind in result.error for kind in BLOCKS)
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
        "c = libc.syscall(435, 0, 0), ctypes.get_errno()\n"
        f"d = libc.syscall({number}, 0x3D0F00 | 0x40000000, 0, 0, 0, 0), ctypes.get_errno()\n[a, b, c, d]"
    )
    assert (await tried(level, code)).value == [[-1, 1], [-1, 1], [-1, 38], [-1, 1]]


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
    # LC_CTYPE is Python's own doing at its start; the others say how libraries work.
    assert result.value == [
        *("ARROW_DEFAULT_MEMORY_POOL", "LC_CTYPE", "MKL_NUM_THREADS", "MPLBACKEND"),
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    ], result


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


BREAKS = {
    "memory": ("x = bytearray(10 * 2**30)", "oom"),
    "many": ("x = []\nwhile True: x.append(bytearray(2**20))", "oom"),
    "native memory": (
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.malloc.restype = ctypes.c_void_p\n"
        "while p := libc.malloc(2**24): ctypes.memset(ctypes.c_void_p(p), 1, 2**24)\nraise MemoryError",
        "oom",
    ),
    "output": ("while True: print('x' * 1000)", "output_limit"),
    "native output": ("import os\nwhile True: os.write(2, b'x' * 1000)", "output_limit"),
    "value": ("'x' * 20_000", "output_limit"),
    "sleep": ("import time\ntime.sleep(60)", "timeout"),
    "loop": ("while True: pass", "timeout"),
    "crash": ("import ctypes\nctypes.string_at(0)", "killed"),
    "exit": ("import os\nos._exit(0)", "killed"),
    "depth": ("v = []\nfor _ in range(100_000): v = [v]\nv", "error"),
    "recursion": ("def f(): f()\nf()", "error"),
    "stack": ("import resource\nresource.setrlimit(resource.RLIMIT_STACK, (1 << 40, 1 << 40))", "error"),
}


async def test_memory_output_time_and_processor_are_told_apart() -> None:
    async def ended(level: Level) -> dict[str, str]:
        statuses: dict[str, str] = {}
        for late in (True, False):
            async with opened(level, Bounds(wall=0.5 if late else 20.0, output=10_000)) as box:
                for name, (code, status) in BREAKS.items():
                    if (status == "timeout") == late:
                        statuses[name] = (await box.run(code, inputs={}, tools={}, bridge=refuse)).status
        return statuses

    for statuses in await everywhere(ended):
        assert statuses == {name: status for name, (_code, status) in BREAKS.items()}


async def test_processor_time_is_bounded_even_when_the_signal_is_ignored() -> None:
    code = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    for result in await everywhere(lambda level: tried(level, code, Bounds(cpu=1.0))):
        assert (result.status, result.why) == ("timeout", "more than 1 s of processor")


LOOK = """
import ctypes, gc
# The pages of small objects that the interpreter has beside this one, as native code would read them.
found = token.encode() in ctypes.string_at(id(token) & ~(2**14 - 1), 2**14)[::-1]
dicts = [each for each in gc.get_objects() if isinstance(each, dict)]
texts = [str(text) for each in dicts for pair in each.items() for text in pair if isinstance(text, (str, bytes))]
found + sum(token in text[::-1] for text in texts)
"""
"""Looks for a token that is given backwards and only ever compared backwards, so as not to find itself."""


@pytest.mark.parametrize("level", LEVELS)
async def test_a_program_finds_nothing_of_other_boxes_or_of_the_program_before_it(level: Level, tmp_path: Path) -> None:
    needs(level)
    token = secrets.token_hex(16)
    (tmp_path / token).write_text(token)
    sandbox = NativeSandbox(level=level)
    try:
        mounts = (Mount(source=str(tmp_path / token), target="/data/x"),) if level != "landlock only" else ()
        other = await sandbox.open(SandboxPolicy(mounts=mounts))
        if mounts:
            await other.put("x", token.encode())
        box = await sandbox.open(SandboxPolicy())
        for each in (other, box):
            await each.run("len(secret)", inputs={"secret": token}, tools={}, bridge=refuse)
        result = await box.run(LOOK, inputs={"token": token[::-1]}, tools={}, bridge=refuse)
    finally:
        await sandbox.close()
    assert result.value == 0, result


@pytest.mark.parametrize("level", LEVELS)
async def test_a_worker_has_its_streams_and_its_bridge_and_no_other_descriptor(level: Level) -> None:
    code = (
        "import os, stat\nkinds = []\nfor n in range(1 << 12):\n"
        " try: kinds.append([n, stat.filemode(os.fstat(n).st_mode)[0]])\n except OSError: pass\nkinds"
    )
    async with opened(level) as box:
        for _ in range(2):
            result = await box.run(code, inputs={}, tools={}, bridge=refuse)
            assert result.value == [[0, "c"], [1, "s"], [2, "s"], [3, "s"]], result
