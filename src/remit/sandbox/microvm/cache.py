"""Where images and snapshots are kept between processes: whole or not at all, and only its owner's."""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from remit.core.errors import ConfigError

HALF = "half-"
"""How the names of what is not whole yet begin."""
_KEPT = 14 * 86_400.0
"""Seconds."""


def folder() -> Path:
    """Say where: `remit/microvm` in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(cache) if cache.startswith("/") else Path("~/.cache").expanduser()
    return root / "remit" / "microvm"


@contextmanager
def locked(place: Path) -> Generator[None]:
    """Be the only process that makes something in it; raise `ConfigError` when it is somebody else's."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = place.stat()
        if about.st_uid != os.getuid() or about.st_mode & 0o022:
            raise ConfigError(f"others can write to {str(place)!r}: machines are kept only in a folder of one's own")
        lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"{str(place)!r} cannot keep machines: {error}; set XDG_CACHE_HOME") from error
    try:
        # Closing lets go of it, also when this process is killed.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def sweep(place: Path) -> None:
    """Remove what nobody has used for long, and what a process left that was killed; only while it is locked."""
    for path in place.iterdir():
        kind = path.name.partition("-")[0]
        old = path.stat().st_mtime < time.time() - _KEPT
        if path.name.startswith(HALF) or (kind in ("image", "machine") and old):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def used(path: Path) -> None:
    """Note that it is still used."""
    with contextlib.suppress(OSError):
        os.utime(path)
