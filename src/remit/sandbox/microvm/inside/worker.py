"""The process of the program: gives up all rights that the first process has, then runs what was ordered."""

import os
import resource
import signal
import sys
from typing import cast

from remit.sandbox.inside import program
from remit.sandbox.inside.framing import Frame, pack, write
from remit.sandbox.microvm.inside import files, kernel

_NOBODY = 65534
_OPEN = 64
"""Open files of a program."""


def _limit(order: Frame, base: int) -> None:
    memory, disk = base + cast("int", order["memory"]), cast("int", order["disk"])
    processes = cast("int", order["processes"])
    cpu = max(1, -(-int(cast("float", order["cpu"]) * 1000) // 1000))
    limits = {
        resource.RLIMIT_AS: (memory, memory),
        # The soft bound ends the program by a signal that tells why; one that ignores it meets the hard one.
        resource.RLIMIT_CPU: (cpu, cpu + 1),
        resource.RLIMIT_FSIZE: (disk, disk),
        resource.RLIMIT_NOFILE: (_OPEN, _OPEN),
        resource.RLIMIT_NPROC: (processes, processes),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_MEMLOCK: (0, 0),
    }
    for name, pair in limits.items():
        resource.setrlimit(name, pair)


def _streams() -> None:
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, closefd=False, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115


def _reseed() -> None:
    # Every machine begins as a copy of one, whose generators would all draw the same.
    for name in ("random", "numpy.random"):
        module = sys.modules.get(name)
        if module is not None:
            module.seed()


def main(order: Frame, control: int, talk: int, output: int, base: int) -> None:
    """Run the program that was ordered; never returns."""
    status = 1
    try:
        os.setsid()
        for name in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(name, signal.SIG_DFL)
        os.dup2(output, 1)
        os.dup2(output, 2)
        _streams()
        os.chdir(files.SCRATCH)
        _reseed()
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        _limit(order, base)
        write(control, pack({"op": "started"}))
        kept = os.dup(talk)
        os.dup2(kept, 3)
        os.closerange(4, 64)
        # After the last step that needs one of them.
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        kernel.refuse_calls()
        program.run(3, order)
        status = 0
    finally:
        os._exit(status)
