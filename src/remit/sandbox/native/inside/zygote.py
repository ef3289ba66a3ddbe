"""The zygote: a process without environment, files or secrets, warmed once, of which every box is a copy."""

import gc
import importlib
import os
import resource
import signal
import socket
import stat
import sys
from typing import cast

from remit.sandbox.inside.framing import Frame, pack, receive, receive_with, write
from remit.sandbox.native.inside import keeper, landlock, linux, room

_WARM = ("json", "math", "re", "datetime", "decimal", "statistics", "itertools", "collections")
_MOST = 8
"""Descriptors that come with one order."""


def _warm(order: Frame) -> tuple[list[str], list[str]]:
    """Import what programs commonly need: the packages that there are, and where they came from."""
    sites = cast("list[str]", order["sites"])
    sys.path.extend(sites)
    # Threads of a library would not survive the fork, and each box has few.
    os.environ.update({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})
    for name in _WARM:
        importlib.import_module(name)
    there: list[str] = []
    for name in cast("list[str]", order["packages"]):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        there.append(name)
    return there, room.preloaded(sites)


def _readable(path: str) -> bool:
    """Whether anybody may read a path, once it is shown at a place of its own."""
    mode = os.stat(path).st_mode  # noqa: PTH116
    if not stat.S_ISDIR(mode):
        return bool(mode & stat.S_IROTH)
    if mode & 0o5 != 0o5:
        return False
    inner = [entry.stat(follow_symlinks=False).st_mode for entry in os.scandir(path)]
    return all(each & (0o5 if stat.S_ISDIR(each) else 0o4) for each in inner)


def _reachable(path: str) -> bool:
    """Whether anybody may reach a path through all folders above it."""
    above = path.split("/")
    return all(os.stat("/".join(above[:end]) or "/").st_mode & stat.S_IXOTH for end in range(1, len(above)))  # noqa: PTH116


def _nobody(order: Frame) -> bool:
    """Whether programs can run as a user that owns nothing; needs root, and code and data that anybody may read."""
    if os.geteuid() != 0:
        return False
    try:
        if not order["namespaces"]:
            return _reachable(room.library() + "/os.py")
        mounts = cast("list[list[str]]", order["mounts"])
        return _readable(room.library()) and all(_readable(source) for source, _target in mounts)
    except OSError:
        return False


def _map(pid: int) -> bytes:
    """Map the users of a new namespace; say whether there is a nobody in it."""

    def tell(name: str, text: str) -> None:
        descriptor = os.open(f"/proc/{pid}/{name}", os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)

    try:
        if os.geteuid() != 0:
            raise PermissionError
        for name in ("gid_map", "uid_map"):
            tell(name, "0 0 1\n65534 65534 1\n")
        return b"2"
    except OSError:
        tell("setgroups", "deny")
        tell("gid_map", f"0 {os.getegid()} 1\n")
        tell("uid_map", f"0 {os.geteuid()} 1\n")
        return b"1"


def _open(order: Frame, control: socket.socket) -> None:
    told, tell = os.pipe()
    try:
        flags = sum(linux.CLONE_NEW.values())
        pid = linux.clone(flags) if order["namespaces"] else os.fork()
        if pid == 0:
            os.close(tell)
            keeper.main(order, control, told)
        mapped = _map(pid) if order["namespaces"] else b"1"
        os.write(tell, mapped)
    except OSError as error:
        write(control.fileno(), pack({"op": "failed", "why": str(error)}))
    finally:
        os.close(told)
        os.close(tell)


def main(descriptor: int) -> None:
    """Make boxes as ordered over the descriptor until its other end is gone."""
    linux.die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    orders = socket.socket(fileno=descriptor)
    first = receive(descriptor)
    if first is None:
        return
    packages, origins = _warm(first)
    linux.one_arena()
    write(descriptor, pack({"op": "ready", "packages": packages, "landlock": _landlock()}))
    gc.collect()
    gc.freeze()
    while True:
        order, descriptors = receive_with(orders, _MOST)
        if order is None:
            return
        with open("/proc/self/statm") as file:  # noqa: PTH123
            order["base"] = int(file.read().split()[0]) * resource.getpagesize()
        order["packages"], order["nobody"] = origins, _nobody(order)
        with socket.socket(fileno=descriptors[0]) as control:
            _open(order, control)


def _landlock() -> int:
    try:
        return landlock.version()
    except OSError:
        return 0
