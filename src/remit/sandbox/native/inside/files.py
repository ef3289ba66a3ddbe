"""Files of `/scratch` for the other side: no path leaves it, and no link is followed."""

import os
import stat

from remit.sandbox.native.inside.room import SCRATCH

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 32
"""Folders within folders that are listed."""


def _parts(path: str) -> list[str]:
    parts = path.removeprefix(SCRATCH + "/").split("/")
    if path.startswith("/") and not path.startswith(SCRATCH + "/"):
        raise OSError(f"{path!r} is not below {SCRATCH}")
    if any(part in ("", ".", "..") or "\0" in part or not _text(part) for part in parts):
        raise OSError(f"{path!r} is not a plain path below {SCRATCH}")
    return parts


def _text(name: str) -> bool:
    # Half a pair of surrogates is no text, and no name.
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _folder(parts: list[str], *, make: bool, owner: int) -> int:
    here = os.open(SCRATCH, _FOLDER)
    for part in parts:
        try:
            if make:
                try:
                    os.mkdir(part, 0o755, dir_fd=here)
                    os.chown(part, owner, owner, dir_fd=here, follow_symlinks=False)
                except FileExistsError:
                    pass
            inner = os.open(part, _FOLDER, dir_fd=here)
        finally:
            os.close(here)
        here = inner
    return here


def put(path: str, data: bytes, owner: int) -> None:
    """Write a file that programs own; raise `OSError` when the path leaves the place or meets a link."""
    *folders, name = _parts(path)
    folder = _folder(folders, make=True, owner=owner)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o644, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{path!r} is not a file")
            # A second name of the file would be written too; only programs make those, and only of their own files.
            os.ftruncate(descriptor, 0)
            os.fchown(descriptor, owner, owner)
            file.write(data)
    finally:
        os.close(folder)


def get(path: str, most: int) -> bytes:
    """Read a file; raise `OSError` when the path leaves the place, meets a link, or is larger."""
    *folders, name = _parts(path)
    folder = _folder(folders, make=False, owner=0)
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{path!r} is not a file")
            # A sparse file is as large as it says.
            if os.fstat(descriptor).st_size > most:
                raise OSError(f"{path!r} is larger than the {most} bytes of the disk")
            return file.read(most)
    finally:
        os.close(folder)


def listing(most: int) -> dict[str, int]:
    """List files: bytes by path, at most so many; links, names that are no text and what is too deep are left out."""
    found: dict[str, int] = {}
    _list(os.open(SCRATCH, _FOLDER), "", found, most)
    return found


def _list(folder: int, prefix: str, found: dict[str, int], most: int) -> None:
    try:
        for name in sorted(os.listdir(folder)):
            if len(found) >= most:
                return
            there = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not name.isprintable():
                continue
            if stat.S_ISREG(there.st_mode):
                found[prefix + name] = there.st_size
            elif stat.S_ISDIR(there.st_mode) and prefix.count("/") < _DEEPEST:
                _list(os.open(name, _FOLDER, dir_fd=folder), f"{prefix}{name}/", found, most)
    finally:
        os.close(folder)
