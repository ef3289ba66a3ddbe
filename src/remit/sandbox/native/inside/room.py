"""The file system of a box: only what Python needs, read-only, `/data` of the host and a small `/scratch`."""

import os
import sys
import sysconfig

from remit.sandbox.native.inside.linux import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    bind,
    mount,
    pivot,
)

SCRATCH = "/scratch"
_SITES = ("site-packages", "dist-packages", "test", "idlelib", "ensurepip")
"""Folders of the standard library's that hold other people's code or what no program needs."""
_ROOM = "/tmp"
_DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")
"""Not `/dev/zero`, which is memory that no limit of a process counts once it is mapped."""


def library() -> str:
    """Find the standard library."""
    return sysconfig.get_paths()["stdlib"]


def shared() -> list[str]:
    """Find what extension modules load: shared libraries and time zones."""
    triple: str = sysconfig.get_config_var("MULTIARCH") or ""
    names = ("/lib64", "/usr/lib64", f"/lib/{triple}", f"/usr/lib/{triple}", "/usr/share/zoneinfo")
    prefix = os.path.join(sys.base_prefix, "lib")  # noqa: PTH118  (pathlib would be one more import of every box)
    libraries = [entry.path for entry in os.scandir(prefix) if entry.name.startswith("libpython")]
    return [name for name in (*names, *libraries) if os.path.exists(name) and not name.endswith("/")]  # noqa: PTH110


def standard() -> list[str]:
    """List the parts of the standard library that programs may read."""
    return [entry.path for entry in os.scandir(library()) if entry.name not in _SITES]


def _place(root: str, target: str, *, folder: bool) -> str:
    """Make a mount point."""
    place = root + target
    os.makedirs(place if folder else os.path.dirname(place), mode=0o755, exist_ok=True)  # noqa: PTH103, PTH120
    if not folder and not os.path.exists(place):  # noqa: PTH110
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o644))
    return place


def _show(root: str, descriptor: int, target: str, flags: int) -> None:
    # By descriptor, because the source may lie below what the new root covers.
    folder = os.path.isdir(f"/proc/self/fd/{descriptor}")  # noqa: PTH112
    bind(f"/proc/self/fd/{descriptor}", _place(root, target, folder=folder), flags)
    os.close(descriptor)


def _cover(at: str, flags: int) -> list[str]:
    """Hide what nobody needs; only a process that may mount could look below, and no program may."""
    places = [f"{at}/{name}" for name in _SITES if os.path.isdir(f"{at}/{name}")]  # noqa: PTH112
    for place in places:
        mount("tmpfs", place, "tmpfs", flags, "size=1m,nr_inodes=4096,mode=0755")
    return places


def build(packages: list[str], mounts: list[tuple[str, str]], disk: int, files: int) -> None:
    """Make the root of this process's mount namespace; raise `OSError` where the machine forbids it."""
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    code = {path: os.open(path, os.O_PATH) for path in (*shared(), *packages)}
    core = os.open(library(), os.O_PATH)
    data = [(os.open(source, os.O_PATH), target) for source, target in mounts]
    devices = {path: os.open(path, os.O_PATH) for path in _DEVICES if os.path.exists(path)}  # noqa: PTH110
    hidden = MS_NOSUID | MS_NODEV
    mount("tmpfs", _ROOM, "tmpfs", hidden, "size=4m,nr_inodes=8192,mode=0755")
    _show(_ROOM, core, library(), hidden)
    covers = _cover(_ROOM + library(), hidden)
    for path, descriptor in code.items():
        _show(_ROOM, descriptor, path, hidden)
    for path, descriptor in devices.items():
        _show(_ROOM, descriptor, path, MS_NOSUID)
    for descriptor, target in data:
        _show(_ROOM, descriptor, target, hidden | MS_NOEXEC)
    scratch = _place(_ROOM, SCRATCH, folder=True)
    # A file system counts its root among its inodes, and counts in whole pages.
    pages = max(1, -(-disk // os.sysconf("SC_PAGE_SIZE")))
    size = f"size={pages * os.sysconf('SC_PAGE_SIZE')},nr_inodes={files + 1},mode=0777"
    mount("tmpfs", scratch, "tmpfs", hidden | MS_NOEXEC, size)
    for place in covers:
        mount("none", place, None, MS_REMOUNT | MS_BIND | MS_RDONLY | hidden)
    pivot(_ROOM)
    mount("none", "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | hidden)
