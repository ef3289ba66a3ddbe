"""Copies: the folder in which an engine keeps its tables. What a killed process left there is removed by the next one.

A folder belongs to whoever holds the lock of its file `lock`, which the kernel lets go of when a process ends.
"""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

_PREFIX = "remit-analyst-tables-"
_LOCK = "lock"


class Copies:
    """A folder for copies of files."""

    def __init__(self) -> None:
        """Make the folder, which nobody else can read, after removing those that nobody has any more."""
        sweep(Path(tempfile.gettempdir()))
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Under another name until it is locked, so that nobody takes it for one that is left over.
        early = self.folder / "early"
        self._lock = os.open(early, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        early.rename(self.folder / _LOCK)

    def remove(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def sweep(place: Path) -> None:
    """Remove folders of ours in a place whose process is gone; leave those of other people alone."""
    for folder in place.glob(f"{_PREFIX}*"):
        # Another process may be about to remove it too.
        with contextlib.suppress(OSError):
            about = folder.lstat()
            if stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid():
                _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
