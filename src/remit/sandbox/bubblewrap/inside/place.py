"""The place that boxes are made of: what they may see, gathered in a mount namespace, and a small `/scratch`."""

import ctypes
import os
import py_compile
import signal
from typing import cast

from remit.sandbox.inside.framing import Frame

ROOM = "/tmp"
SCRATCH = ROOM + "/scratch"
INSIDE = ROOM + "/inside"
_NEW_MOUNTS, _NEW_USER = 0x0002_0000, 0x1000_0000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
_DEATH_SIGNAL = 1
_HIDDEN = ("site-packages", "dist-packages", "test", "idlelib", "ensurepip")
"""Folders of the standard library's that hold other people's code or what no program needs."""
_MODULES = ("framing", "plain", "program", "standalone")

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    named = kind.encode() if kind else None
    done = _libc.mount(source.encode(), target.encode(), named, ctypes.c_ulong(flags), options.encode())
    _check(done, f"mount {source} at {target}")


def die_with_parent() -> None:
    """Be killed when the thread that made this process ends."""
    zero = ctypes.c_ulong(0)
    signalled = ctypes.c_ulong(signal.SIGKILL)
    _check(_libc.prctl(ctypes.c_int(_DEATH_SIGNAL), signalled, zero, zero, zero), "PR_SET_PDEATHSIG")


def leave() -> None:
    """Go into namespaces of its own for users and mounts; raise `OSError` where the machine forbids it."""
    _check(_libc.unshare(ctypes.c_int(_NEW_USER | _NEW_MOUNTS)), "new user and mount namespaces")


def _staged(number: int) -> str:
    return f"{ROOM}/{number}"


def _show(descriptor: int, place: str) -> None:
    # By descriptor, because the source may lie below what the room covers.
    source = f"/proc/self/fd/{descriptor}"
    if os.path.isdir(source):  # noqa: PTH112  (no pathlib: less to import)
        os.mkdir(place, 0o755)  # noqa: PTH102
    else:
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(source, place, None, _BIND | _REC)
    os.close(descriptor)


def build(order: Frame) -> list[str]:
    """Gather what the order names; give the arguments that show it in a box. Raise `OSError` where it is forbidden."""
    shown = cast("list[list[str]]", order["shown"])
    _mount("none", "/", None, _REC | _PRIVATE)
    sources = [os.open(source, os.O_PATH) for source, _target in shown]
    code = os.open(cast("str", order["inside"]), os.O_PATH)
    _mount("tmpfs", ROOM, "tmpfs", _NOSUID | _NODEV, "size=4m,nr_inodes=8192,mode=0755")
    arguments: list[str] = []
    for number, (descriptor, (_source, target)) in enumerate(zip(sources, shown, strict=True)):
        _show(descriptor, _staged(number))
        arguments += ["--ro-bind", _staged(number), target]
    library = next(number for number, (source, _target) in enumerate(shown) if source == order["library"])
    for name in _HIDDEN:
        hidden = f"{_staged(library)}/{name}"
        if os.path.isdir(hidden):  # noqa: PTH112
            _mount("tmpfs", hidden, "tmpfs", _RDONLY | _NOSUID | _NODEV | _NOEXEC, "size=4k,mode=0555")
    _compile(code)
    disk, files = cast("int", order["disk"]), cast("int", order["files"])
    # A file system counts in whole pages, and its root among its inodes.
    pages = max(1, -(-disk // os.sysconf("SC_PAGE_SIZE")))
    owner = "uid=65534,gid=65534," if order["nobody"] else ""
    size = f"{owner}mode=0700,size={pages * os.sysconf('SC_PAGE_SIZE')},nr_inodes={files + 1}"
    os.mkdir(SCRATCH, 0o755)  # noqa: PTH102
    _mount("tmpfs", SCRATCH, "tmpfs", _NOSUID | _NODEV | _NOEXEC, size)
    return [*arguments, "--ro-bind", INSIDE, "/inside", "--bind", SCRATCH, "/scratch"]


def _compile(folder: int) -> None:
    """Compile what runs in every box once."""
    os.mkdir(INSIDE, 0o755)  # noqa: PTH102
    for name in _MODULES:
        py_compile.compile(
            f"/proc/self/fd/{folder}/{name}.py",
            f"{INSIDE}/{name}.pyc",
            dfile=f"{name}.py",
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    os.close(folder)
