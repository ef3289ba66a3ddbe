"""Files that a machine is given and gives back: a listing of paths and sizes, then the bytes in that order."""

import os
import stat
from typing import cast

from remit.sandbox.inside.framing import read

SCRATCH = "/scratch"
_NOBODY = 65534


def receive(descriptor: int, listing: object, *, owner: int = _NOBODY) -> None:
    """Write the files of a listing, whose bytes follow on the descriptor; the other side is believed."""
    for path, size in cast("list[tuple[str, int]]", listing):
        _folders(os.path.dirname(path), owner)  # noqa: PTH120
        with open(path, "wb") as file:  # noqa: PTH123
            left = size
            while left:
                part = read(descriptor, min(left, 1 << 20)) or b""
                left -= len(part)
                file.write(part)
        os.chown(path, owner, owner)
        os.chmod(path, 0o644 if owner else 0o444)  # noqa: PTH101


def _folders(path: str, owner: int) -> None:
    if os.path.isdir(path):  # noqa: PTH112
        return
    _folders(os.path.dirname(path), owner)  # noqa: PTH120
    os.mkdir(path, 0o755)  # noqa: PTH102
    os.chown(path, owner, owner)


def listed(most: int, largest: int) -> list[tuple[str, int]]:
    """List what programs have left below `/scratch`: plain files only, at most so many with so many bytes in all."""
    found: list[tuple[str, int]] = []
    for folder, _inner, names in os.walk(SCRATCH):
        for name in names:
            path = f"{folder}/{name}"
            about = os.lstat(path)
            if not stat.S_ISREG(about.st_mode):
                continue
            largest -= about.st_size
            if largest < 0 or len(found) >= most:
                return found
            found.append((path.removeprefix(SCRATCH + "/"), about.st_size))
    return found


def content(path: str, size: int) -> bytes:
    """Read a file of a listing, as many bytes as it said."""
    with open(f"{SCRATCH}/{path}", "rb") as file:  # noqa: PTH123
        return file.read(size).ljust(size, b"\0")
