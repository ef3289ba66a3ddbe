"""Writing: an archive, which is a file under its name only when all of it is on the disk."""

import contextlib
import errno
import gzip
import hashlib
import os
from collections.abc import Generator
from pathlib import Path

import msgspec

from remit.core.errors import ConfigError, JournalError
from remit.journal.postgres.archive.lines import BatchLine, BlobLine, End, Head, SessionLine

SUFFIX = ".jsonl.gz"
_ASIDE = ".part"
_LEVEL = 6
_CHUNK = 1 << 20
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_encoder = msgspec.json.Encoder()


def prepared(folder: Path) -> None:
    """Make a folder for archives, which only its owner may look into; raise `ConfigError` when it cannot be used."""
    try:
        str(folder).encode()
        if not folder.exists():
            folder.mkdir(mode=0o700)
            _settle(folder.parent)
        probe = folder / f".probe-{os.getpid()}{_ASIDE}"
        with probe.open("xb"):
            pass
        probe.unlink()
    except UnicodeError:
        raise ConfigError(f"the database cannot keep the name of the folder {str(folder)!r}; say another") from None
    except OSError as error:
        raise ConfigError(
            f"archives cannot be written to {str(folder)!r} ({error.strerror}); say another folder with --to"
        ) from None


def tidy(folder: Path, start: str) -> None:
    """Take away what somebody who died has half written, of the files whose names begin so."""
    for left in folder.glob(f".{start}*{_ASIDE}"):
        left.unlink(missing_ok=True)


class Writer:
    """An archive that is being written: it has its name only after `settle` and `name`."""

    def __init__(self, path: Path, head: Head) -> None:
        """Begin beside a place where nothing is."""
        self.path = path
        self.size = 0
        """Bytes so far, before they are compressed."""
        self._aside = path.with_name(f".{path.name}{_ASIDE}")
        self._hash = hashlib.sha256()
        self._sessions = self._batches = 0
        self._digests: set[str] = set()
        with _explained(path):
            descriptor = os.open(self._aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._raw = os.fdopen(descriptor, "wb")
        self._packed = gzip.GzipFile("", "wb", _LEVEL, self._raw, 0)
        self._waiting = bytearray()
        self._put(head)

    def has(self, digest: str) -> bool:
        """Say whether a blob is in it."""
        return digest in self._digests

    def write(self, line: SessionLine | BatchLine | BlobLine) -> None:
        """Add a line, in memory."""
        match line:
            case SessionLine():
                self._sessions += 1
            case BatchLine():
                self._batches += 1
            case BlobLine():
                self._digests.add(line.digest)
        self._put(line)

    def _put(self, line: Head | SessionLine | BatchLine | BlobLine | End) -> None:
        text = _encoder.encode(line) + b"\n"
        self._hash.update(text)
        self.size += len(text)
        self._waiting += text

    @property
    def due(self) -> bool:
        """Whether so much waits in memory that it should be flushed."""
        return len(self._waiting) > _CHUNK

    def flush(self) -> None:
        """Write what waits to the file; raise `JournalError` when there is no room."""
        with _explained(self.path):
            self._packed.write(self._waiting)
        self._waiting.clear()

    def settle(self) -> End:
        """Write the end, and have all of it on the disk; it has no name yet."""
        end = End(self._sessions, self._batches, len(self._digests), self._hash.hexdigest())
        self._put(end)
        self.flush()
        with _explained(self.path):
            self._packed.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
            self._raw.close()
        return end

    def name(self) -> None:
        """Give it its name, for good."""
        with _explained(self.path):
            self._aside.rename(self.path)
            _settle(self.path.parent)

    def drop(self) -> None:
        """Take away what was written, unless it has its name."""
        with contextlib.suppress(OSError):
            self._raw.close()
        with contextlib.suppress(OSError):
            self._aside.unlink()


def _settle(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        what = "no room left for" if error.errno in _FULL else f"cannot write ({error.strerror})"
        raise JournalError(f"{what} {str(path)!r}; nothing was removed from the database") from None
