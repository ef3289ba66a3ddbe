"""A process that runs one program: takes its bounds on, says that it is ready, and runs it."""

import importlib
import mmap
import os
import resource
import sys
import time
from typing import cast

from remit.sandbox.inside import program
from remit.sandbox.inside.framing import Frame, receive, write

BRIDGE = 3
READY = b"\1"
_OPEN = 64
"""Descriptors of a program."""
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def _held() -> int:
    """Find how much address space this process has, in bytes, without the help of `/proc`."""
    page, hard = mmap.PAGESIZE, resource.getrlimit(resource.RLIMIT_AS)[1]
    least, most = 0, 1 << 40
    while most - least > page:
        middle = (least + most) // 2
        resource.setrlimit(resource.RLIMIT_AS, (middle, hard))
        try:
            mmap.mmap(-1, page).close()
            most = middle
        except (OSError, MemoryError):
            least = middle
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return most


def _limit(order: Frame) -> None:
    memory = _held() + cast("int", order["memory"])
    cpu = max(1, -(-int((time.process_time() + cast("float", order["cpu"])) * 1000) // 1000))
    limits = {
        resource.RLIMIT_AS: (memory, memory),
        # The soft bound ends the program by SIGXCPU, which tells it apart; one that ignores it meets the hard one.
        resource.RLIMIT_CPU: (cpu, cpu + 1),
        resource.RLIMIT_FSIZE: (cast("int", order["disk"]),) * 2,
        resource.RLIMIT_NOFILE: (_OPEN, _OPEN),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
    }
    if order["processes"]:
        limits[resource.RLIMIT_NPROC] = (cast("int", order["processes"]),) * 2
    for name, (soft, hard) in limits.items():
        ceiling = resource.getrlimit(name)[1]
        least = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
        resource.setrlimit(name, (min(soft, least), least))


def _streams() -> None:
    sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, closefd=False, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115


def run(order: Frame) -> None:
    """Run the program that was ordered, over the bridge; raise `OSError` when its bounds cannot be set."""
    os.environ.update(_ONE_THREAD)
    sys.path.extend(cast("list[str]", order["sites"]))
    # Before the bounds: what a library takes is not the program's.
    for name in cast("list[str]", order["packages"]):
        importlib.import_module(name)
    _streams()
    _limit(order)
    write(BRIDGE, READY)
    program.run(BRIDGE, order)


def main() -> None:
    """Receive an order over the bridge and run it; never returns."""
    status = 1
    try:
        order = receive(BRIDGE)
        if order is not None:
            run(order)
            status = 0
    except (OSError, ImportError) as error:
        # Before the program began, it is ours and a person must be able to find out; later nobody reads it.
        os.write(2, f"the program could not begin: {error}\n".encode())
    finally:
        os._exit(status)
