"""Files of a box for the other side: no path leaves the folder, and no link is followed."""

import os
import stat

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NAME = "/scratch/"
LISTED = 10_000
"""Files that are listed."""
_DEEPEST = 32
"""Folders in folders that are listed."""


def _parts(path: str) -> list[str]:
    if path.startswith("/") and not path.startswith(_NAME):
        raise OSError(f"{path!r} is not below /scratch")
    parts = path.removeprefix(_NAME).split("/")
    if any(part in ("", ".", "..") or "\0" in part or not _text(part) for part in parts):
        raise OSError(f"{path!r} is not a plain path below /scratch")
    return parts


def _text(name: str) -> bool:
    # Half a pair of surrogates is no text, and no name.
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


class Scratch:
    """The folder that programs write to, from the side of whoever keeps it."""

    def __init__(self, place: str, owner: int | None, most: int) -> None:
        """Keep the folder at `place`; what is put belongs to `owner`, and no file has more than `most` bytes."""
        self._place, self._owner, self._most = place, owner, most

    def _own(self, descriptor: int) -> None:
        if self._owner is not None:
            os.fchown(descriptor, self._owner, self._owner)

    def _folder(self, parts: list[str], *, make: bool) -> int:
        here = os.open(self._place, _FOLDER)
        for part in parts:
            made = False
            try:
                if make:
                    try:
                        os.mkdir(part, 0o755, dir_fd=here)
                        made = True
                    except FileExistsError:
                        made = False
                inner = os.open(part, _FOLDER, dir_fd=here)
            finally:
                os.close(here)
            here = inner
            if made:
                self._own(here)
        return here

    def put(self, path: str, data: bytes) -> None:
        """Write a file that programs own; raise `OSError` when the path leaves the folder or meets a link."""
        *folders, name = _parts(path)
        folder = self._folder(folders, make=True)
        try:
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | _FILE, 0o644, dir_fd=folder)
            with os.fdopen(descriptor, "wb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise OSError(f"{path!r} is not a file")
                # A second name of the file is written too; only programs make those, and only of their own files.
                os.ftruncate(descriptor, 0)
                self._own(descriptor)
                file.write(data)
        finally:
            os.close(folder)

    def get(self, path: str) -> bytes:
        """Read a file; raise `OSError` when the path leaves the folder, meets a link, or it is larger than allowed."""
        *folders, name = _parts(path)
        folder = self._folder(folders, make=False)
        try:
            descriptor = os.open(name, os.O_RDONLY | _FILE, dir_fd=folder)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise OSError(f"{path!r} is not a file")
                # A sparse file is as large as it says.
                if os.fstat(descriptor).st_size > self._most:
                    raise OSError(f"{path!r} is larger than the {self._most} bytes of the disk")
                return file.read(self._most)
        finally:
            os.close(folder)

    def files(self, most: int = LISTED) -> dict[str, int]:
        """List the bytes of at most so many files by their paths; links, and names that are no text, are left out."""
        found: dict[str, int] = {}
        folders: list[list[str]] = [[]]
        while folders and len(found) < most:
            parts = folders.pop()
            try:
                here = self._folder(parts, make=False)
            except OSError:
                continue
            try:
                for entry in os.scandir(here):
                    mode = entry.stat(follow_symlinks=False)
                    if not entry.name.isprintable():
                        continue
                    if stat.S_ISDIR(mode.st_mode) and len(parts) < _DEEPEST:
                        folders.append([*parts, entry.name])
                    elif stat.S_ISREG(mode.st_mode):
                        found["/".join([*parts, entry.name])] = mode.st_size
                    if len(found) >= most:
                        break
            finally:
                os.close(here)
        return dict(sorted(found.items()))
