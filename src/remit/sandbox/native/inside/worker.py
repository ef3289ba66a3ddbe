"""The process of one program: gives everything up, for ever, before it is told which.

It is made in advance, and knows nothing but what every box of its kind knows.
"""

import os
import resource
import signal
import sys
from typing import cast

from remit.sandbox.inside import program
from remit.sandbox.inside.framing import Frame, receive
from remit.sandbox.native.inside import landlock, linux, room, seccomp

_NOBODY = 65534
_FILES = 64
"""Open files of a program."""
_SIGNALS = 256
"""Signals that wait."""
_STACK = 8 << 20
_RESERVED = 128 << 20
"""Address space that a program may have beside its memory, written or not, as allocators do."""
_BRIDGE = 3


def _limit(order: Frame, box: Frame) -> None:
    memory = cast("int", order["memory"])
    cpu = max(1, -(-int(cast("float", order["cpu"]) * 1000) // 1000))
    # Memory that is written and then made unwritable counts as address space alone.
    data, space = cast("int", box["data"]) + memory, cast("int", box["base"]) + memory + _RESERVED
    limits = {
        resource.RLIMIT_DATA: (data, data),
        resource.RLIMIT_AS: (space, space),
        # The soft bound ends the program by SIGXCPU, which tells it apart; one that ignores it meets the hard one.
        resource.RLIMIT_CPU: (cpu, cpu + 1),
        resource.RLIMIT_STACK: (_STACK, _STACK),
        resource.RLIMIT_FSIZE: (cast("int", order["disk"]),) * 2,
        resource.RLIMIT_NOFILE: (_FILES, _FILES),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
        resource.RLIMIT_SIGPENDING: (_SIGNALS, _SIGNALS),
    }
    if box["namespaces"]:
        # Counted per user namespace: its keeper and the worker in advance are among them.
        processes = cast("int", order["processes"]) + 2
        limits[resource.RLIMIT_NPROC] = (processes, processes)
    for name, (soft, hard) in limits.items():
        ceiling = resource.getrlimit(name)[1]
        least = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
        resource.setrlimit(name, (min(soft, least), least))


def _streams(output: int) -> None:
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, closefd=False, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115


def _become_nobody(*, change: bool) -> None:
    if change:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_DUMPABLE, 0, "PR_SET_DUMPABLE")


def _reseed() -> None:
    # Every box is a copy of one process: its generators would all draw the same.
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def _confine(box: Frame, bridge: int) -> None:
    namespaces = bool(box["namespaces"])
    os.setsid()
    _become_nobody(change=bool(box["nobody"]))
    # After the change of user, which would undo it.
    linux.die_with_parent()
    os.chdir(room.SCRATCH if namespaces else "/")
    if box["landlock"]:
        landlock.restrict(cast("int", box["ruleset"]))
    if bridge != _BRIDGE:
        os.dup2(bridge, _BRIDGE)
    os.closerange(_BRIDGE + 1, 1 << 16)
    # Nobody counts the processes of the root of the machine but its control group.
    counted = bool(box["nobody"]) or not box["root"] or cast("int", box["events"]) >= 0
    seccomp.apply(alone=namespaces, threads=namespaces and counted)


def main(box: Frame, bridge: int, output: int) -> None:
    """Give everything up, wait for a program and run it; never returns."""
    status = 1
    try:
        for name in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(name, signal.SIG_DFL)
        _streams(output)
        _reseed()
        _confine(box, bridge)
        order = receive(_BRIDGE)
        if order is not None:
            _limit(order, box)
            program.run(_BRIDGE, order)
            status = 0
    except OSError as error:
        # Before the program began, it is ours and a person must be able to find out; later nobody reads it.
        os.write(2, f"the box could not be closed: {error}\n".encode())
    finally:
        os._exit(status)
