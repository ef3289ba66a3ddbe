"""The first process of a container: keeps it for one box, and forks a process under a stricter filter for each program.

It ends, and the container with it, when the other end of its standard input is closed.
"""

import ctypes
import importlib
import json
import os
import signal
import struct
from typing import cast

from remit.sandbox.inside import standalone
from remit.sandbox.inside.framing import Frame
from remit.sandbox.inside.keeper import ANSWER, Keeper, hear, quiet, say
from remit.sandbox.inside.scratch import Scratch

_SOURCE, _SINK = 0, 1
_DUMPABLE, _SECCOMP, _NO_NEW_PRIVILEGES, _FILTER = 4, 22, 38, 2
_LAST = 4096
"""Above every descriptor that a container may have."""

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int, pointer: object, what: str) -> None:
    zero = ctypes.c_ulong(0)
    if _libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), pointer, zero, zero) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


class _Forking:
    """Starts a program as a copy of this process."""

    def __init__(self, rules: bytes) -> None:
        self._rules = ctypes.create_string_buffer(rules, len(rules))
        header = struct.pack("@HP", len(rules) // 8, ctypes.addressof(self._rules))
        self._filter = ctypes.create_string_buffer(header, len(header))

    def start(self, order: Frame, bridge: int, output: int) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                self._confine(bridge, output)
                standalone.main()
            except OSError as error:
                os.write(output, f"the program could not begin: {error}\n".encode())
            finally:
                os._exit(1)
        return pid

    def _confine(self, bridge: int, output: int) -> None:
        # Duplicates above what is about to be replaced.
        above = [os.dup(each) for each in (os.open("/dev/null", os.O_RDONLY), output, output, bridge)]
        while min(above) <= standalone.BRIDGE:
            above = [os.dup(each) for each in above]
        for number, descriptor in enumerate(above):
            os.dup2(descriptor, number)
        os.closerange(standalone.BRIDGE + 1, _LAST)
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, signal.SIG_DFL)
        os.setsid()
        os.environ.clear()
        os.chdir("/scratch")
        zero = ctypes.c_ulong(0)
        _prctl(_NO_NEW_PRIVILEGES, 1, zero, "no_new_privs")
        _prctl(_SECCOMP, _FILTER, self._filter, "the filter of system calls")

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def sweep(self, code: int) -> int:
        # All others of the container; it has process ids of its own.
        try:
            os.kill(-1, signal.SIGKILL)
            while True:
                os.waitpid(-1, 0)
        except (ProcessLookupError, ChildProcessError):
            return code


def main() -> None:
    """Keep the container until the other side is gone."""
    quiet()
    # Programs have the same user: none may look into this process.
    _prctl(_DUMPABLE, 0, ctypes.c_ulong(0), "PR_SET_DUMPABLE")
    message = hear(_SOURCE)
    if message is None:
        return
    order = cast("Frame", json.loads(message[2]))
    for name in cast("list[str]", order["packages"]):
        importlib.import_module(name)
    scratch = Scratch("/scratch", None, cast("int", order["disk"]))
    keeper = Keeper(_SOURCE, _SINK, scratch, _Forking(bytes.fromhex(cast("str", order["filter"]))))
    say(_SINK, ANSWER, json.dumps({"op": "ready"}).encode())
    keeper.serve()
