"""Programs that try what no box of any tier may allow, and what is to come of them."""

import os

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
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "socket": (41, 198),
    "open_by_handle_at": (304, 265),
    "personality": (135, 92),
}
"""Numbers on x86_64 and aarch64."""


def refused_calls(names: tuple[str, ...] = tuple(CALLS)) -> str:
    """Write a program whose value is the names of the calls that are not refused with EPERM."""
    column = 0 if os.uname().machine == "x86_64" else 1
    numbers = {name: CALLS[name][column] for name in names}
    return (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"[n for n, c in {numbers}.items() if libc.syscall(c, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 1]"
    )


FILL = "n = 0\ntry:\n while n < 99: open(f'/scratch/{n}', 'wb').write(b'x' * size); n += 1\nexcept OSError: pass\nn"
"""Write files of `size` bytes until one is refused; the value is how many there are."""

ENDINGS = {
    "x = bytearray(10 * 2**30)": "oom",
    "x = []\nwhile True: x.append(bytearray(2**20))": "oom",
    "while True: print('x' * 1000)": "output_limit",
    "import os\nwhile True: os.write(2, b'x' * 1000)": "output_limit",
    "'x' * 20_000": "output_limit",
    "import time\ntime.sleep(60)": "timeout",
    "while True: pass": "timeout",
    "import ctypes\nctypes.string_at(0)": "killed",
    "import os\nos._exit(0)": "killed",
    "import os\nos.kill(os.getpid(), 9)": "killed",
    "v = []\nfor _ in range(100_000): v = [v]\nv": "error",
    "def f(): f()\nf()": "error",
    "import os\nwhile True: os.write(3, b'x' * 1000)": "output_limit",
    "import os\nos.write(3, b'\\0\\0\\0\\2{}')\n1": "killed",
}
"""How programs end under two seconds and 10,000 bytes of output."""
