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
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


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


def preloaded(sites: list[str]) -> list[str]:
    """List what the modules that are loaded came from, below folders of packages."""
    found: set[str] = set()
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        for site in sites:
            if path.startswith(site + "/"):
                top = site + "/" + path[len(site) + 1 :].split("/", 1)[0]
                found |= {top, top + ".libs"}
    return sorted(path for path in found if os.path.exists(path))  # noqa: PTH110


def _place(root: str, target: str, *, folder: bool) -> str:
    """Make a mount point."""
    place = root + target
    os.makedirs(place if folder else os.path.dirname(place), mode=0o755, exist_ok=True)  # noqa: PTH103, PTH120
    if not folder:
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o644))
    return place


def _show(root: str, descriptor: int, target: str, flags: int) -> None:
    # By descriptor, because the source may lie below what the new root covers.
    folder = os.path.isdir(f"/proc/self/fd/{descriptor}")  # noqa: PTH112
    bind(f"/proc/self/fd/{descriptor}", _place(root, target, folder=folder), flags)
    os.close(descriptor)


def build(packages: list[str], mounts: list[tuple[str, str]], disk: int, files: int) -> None:
    """Make the root of this process's mount namespace; raise `OSError` where the machine forbids it."""
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    code = {path: os.open(path, os.O_PATH) for path in (*standard(), *shared(), *packages)}
    data = [(os.open(source, os.O_PATH), target) for source, target in mounts]
    devices = {path: os.open(path, os.O_PATH) for path in _DEVICES if os.path.exists(path)}  # noqa: PTH110
    hidden = MS_NOSUID | MS_NODEV
    mount("tmpfs", _ROOM, "tmpfs", hidden, "size=4m,nr_inodes=8192,mode=0755")
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
    pivot(_ROOM)
    mount("none", "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | hidden)
