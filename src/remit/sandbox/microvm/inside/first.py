"""The first process of a machine: sets it up, waits to be copied, then serves the one order of its copy."""

import contextlib
import gc
import glob
import importlib
import mmap
import os
import resource
import signal
import sys
import time
from typing import cast

from remit.sandbox.inside.framing import Frame, pack, receive, write
from remit.sandbox.microvm.inside import files, kernel, worker

_MODULES = "/modules"
_PORTS = tuple(f"/dev/vport0p{number}" for number in (1, 2, 3))
_PATIENCE = 60.0
_KEPT = 32 << 20
"""Bytes that at least stay untouched when free memory is overwritten."""


def _furnish() -> None:
    hidden = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    for folder in ("/proc", "/dev", files.SCRATCH, "/data"):
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    kernel.mount("proc", "/proc", "proc", hidden, "hidepid=2")
    kernel.mount("dev", "/dev", "devtmpfs", kernel.MS_NOSUID)
    for path in sorted(glob.glob(f"{_MODULES}/*.ko")):  # noqa: PTH207
        try:
            kernel.load(path)
        except FileExistsError:
            continue
    for name, value in (
        ("user/max_user_namespaces", "0"),
        ("kernel/dmesg_restrict", "1"),
        ("kernel/kptr_restrict", "2"),
    ):
        with open(f"/proc/sys/{name}", "w") as file:  # noqa: PTH123
            file.write(value)


def _ports() -> list[int]:
    end = time.monotonic() + _PATIENCE
    while not all(os.path.exists(path) for path in _PORTS):  # noqa: PTH110
        if time.monotonic() > end:
            raise OSError("the ports of the machine did not appear")
        time.sleep(0.01)
    return [os.open(path, os.O_RDWR | os.O_CLOEXEC) for path in _PORTS]


def _clean() -> None:
    """Overwrite free memory, so that what was there before is not copied with the machine."""
    with open("/proc/sys/vm/drop_caches", "w") as file:  # noqa: PTH123
        file.write("3")
    with open("/proc/meminfo") as file:  # noqa: PTH123
        free = next(int(line.split()[1]) << 10 for line in file if line.startswith("MemFree"))
    pid = os.fork()
    if pid == 0:
        # Where the kernel keeps more for itself than is kept here, it ends this process and no other.
        with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
            file.write("1000")
        most = free - max(_KEPT, free // 12)
        mmap.mmap(-1, max(most, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
        os._exit(0)
    os.waitpid(pid, 0)


def _warm(packages: list[str]) -> list[str]:
    loaded: list[str] = []
    for name in packages:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        loaded.append(name)
    return loaded


def _prepare(order: Frame, control: int) -> int:
    kernel.reseed(bytes.fromhex(cast("str", order["seed"])))
    time.clock_settime(time.CLOCK_REALTIME, cast("float", order["now"]))
    page = os.sysconf("SC_PAGE_SIZE")
    size = max(1, -(-cast("int", order["disk"]) // page)) * page
    # A file system counts its root among its inodes.
    inodes = cast("int", order["files"]) + 1
    options = f"size={size},nr_inodes={inodes},mode=0777"
    kernel.mount("scratch", files.SCRATCH, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC, options)
    files.receive(control, order["data"], owner=0)
    files.receive(control, order["put"])
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[0]) * page


def _serve(control: int, talk: int, output: int) -> None:
    order = receive(control)
    if order is None:
        return
    try:
        base = _prepare(order, control)
    except OSError as error:
        write(control, pack({"op": "failed", "why": str(error)}))
        return
    pid = os.fork()
    if pid == 0:
        worker.main(order, control, talk, output, base)
    _pid, status, used = os.wait4(pid, 0)
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    listing = files.listed(cast("int", order["files"]), cast("int", order["disk"]))
    ended: Frame = {"op": "ended", "status": os.waitstatus_to_exitcode(status), "cpu": used.ru_utime + used.ru_stime}
    write(control, pack({**ended, "files": listing}))
    for path, size in listing:
        write(control, files.content(path, size))


def main() -> None:
    """Set the machine up and serve one order; a machine whose first process ends, ends."""
    _furnish()
    control, talk, output = _ports()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    packages = _warm(sys.argv[1].split(","))
    gc.collect()
    gc.freeze()
    _clean()
    write(control, pack({"op": "ready", "packages": packages}))
    _serve(control, talk, output)
    # The other side ends the machine; until it does, nothing more happens here.
    while True:
        signal.pause()
