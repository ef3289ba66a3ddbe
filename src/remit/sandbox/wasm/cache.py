"""Cache: what was built on this machine and may be loaded as code, because nobody else can have written it."""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from remit.core.errors import ConfigError

_DIGESTS = "digests"
_OTHERS = 2
"""Folders of other digests that are kept, for other versions on this machine."""


def home() -> Path:
    """Say where a user's caches are; raise `ConfigError` where there is no such place."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    try:
        caches = Path(named) if Path(named).is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:
        raise ConfigError(f"nobody knows where the user's files are ({error}): set XDG_CACHE_HOME") from error
    return caches / "remit" / "wasm"


class Cache:
    """Files of one digest, all there and as they were written, or not there."""

    def __init__(self, root: Path, digest: str) -> None:
        """Keep them in a folder of that digest below the root."""
        self._root, self.folder = root, root / digest

    def there(self) -> bool:
        """Say whether they seem to be there."""
        try:
            return self.folder.is_dir()
        except OSError:
            return False

    def refused(self) -> str:
        """Say why they could not be written, or nothing."""
        for folder in (self._root, *self._root.parents):
            with suppress(OSError):
                if folder.exists():
                    may = os.access(folder, os.W_OK | os.X_OK)
                    return "" if may else f"{str(folder)!r} cannot be written: set XDG_CACHE_HOME to a folder of yours"
        return f"{str(self._root)!r} cannot be reached: set XDG_CACHE_HOME to a folder of yours"

    def whole(self) -> bool:
        """Say whether they are there and unharmed; raise `ConfigError` when others could have written them."""
        if not self.folder.is_dir():
            return False
        names = _written(self.folder / _DIGESTS)
        for path in (self.folder, *(self.folder / name for name in (_DIGESTS, *names))):
            if not path.is_symlink() and not path.exists():
                return False
            _trust(path)
        return bool(names) and all(_hash(self.folder / name) == digest for name, digest in names.items())

    def fill(self, make: Callable[[Path], None]) -> None:
        """Have `make` write the files into a folder, unless another process did while this one waited for its turn."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _trust(self._root)
        with _turn(self._root / "lock"):
            if self.whole():
                return
            self._sweep()
            with tempfile.TemporaryDirectory(prefix=".", dir=self._root, ignore_cleanup_errors=True) as made:
                folder = Path(made)
                make(folder)
                digests = {path.name: _hash(path) for path in sorted(folder.iterdir())}
                for path in folder.iterdir():
                    path.chmod(0o600)
                _write(folder / _DIGESTS, digests)
                folder.rename(self.folder)

    def spoil(self) -> None:
        """Have them made again: they are whole, and yet cannot be used."""
        (self.folder / _DIGESTS).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what is not whole, what is long out of use, and what processes left that died while they built."""
        folders = [path for path in self._root.iterdir() if path.is_dir() and path != self.folder]
        left = [path for path in folders if path.name.startswith(".")]
        others = sorted((path for path in folders if path not in left), key=lambda path: path.stat().st_mtime)
        for path in (self.folder, *left, *others[:-_OTHERS]):
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _turn(lock: Path) -> Generator[None]:
    """Wait until no other process builds; the lock goes with the process that held it."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _trust(path: Path) -> None:
    """Raise `ConfigError` when somebody else could have written this, or put it here."""
    real = path.parent.resolve() / path.name
    for each in (real, *real.parents):
        found = each.lstat()
        # In a sticky folder, such as /tmp, others cannot replace what is not theirs.
        open_to_others = found.st_mode & 0o022 and not (found.st_mode & stat.S_ISVTX and each != real)
        if found.st_uid not in (os.geteuid(), 0) or open_to_others or stat.S_ISLNK(found.st_mode):
            raise ConfigError(
                f"{str(path)!r} holds native code that others could have written, because of {str(each)!r}: remove it, "
                "or take write access to that from others, or set XDG_CACHE_HOME to a folder of your own"
            )


def _written(path: Path) -> Mapping[str, str]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = [line.split("  ") for line in lines]
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2 and "/" not in pair[1]}


def _write(path: Path, digests: Mapping[str, str]) -> None:
    path.touch(mode=0o600)
    path.write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
