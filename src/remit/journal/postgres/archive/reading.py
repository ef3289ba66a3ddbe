"""Reading: an archive line by line, none of which is believed before the whole was read to its end."""

import gzip
import hashlib
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from remit.core.errors import ConfigError, CorruptJournalError, NewerSchemaError
from remit.core.events import SCHEMA
from remit.journal.postgres.archive.lines import FORMAT, KIND, BatchLine, BlobLine, End, Head, Line, SessionLine
from remit.journal.postgres.archive.references import named

_CRC = 4


class _Beginning(msgspec.Struct, frozen=True):
    """As much of the first line as every format has."""

    kind: str = msgspec.field(default="", name="is")
    format: int = 0
    events: int = 0


_beginning = msgspec.json.Decoder(_Beginning)
_head = msgspec.json.Decoder(Head)
_line = msgspec.json.Decoder(Line)


@dataclass(slots=True)
class Held:
    """What a whole archive holds of a session."""

    line: SessionLine
    batches: int = 0
    size: int = 0
    """Bytes of the bodies of its batches."""
    blobs: set[str] = field(default_factory=set[str])
    """Those in the file that its events name."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a whole archive holds."""

    head: Head
    end: End
    sessions: dict[str, Held]


def head_of(path: Path) -> Head:
    """Read the first line; raise `ConfigError` when it is no archive, `NewerSchemaError` when it is too new."""
    with _opened(path) as file:
        return _first(path, next(_texts(path, file), b""))


def lines_of(path: Path) -> Generator[Line]:
    """Give what stands between the first line and the last, and the last; raise `CorruptJournalError` at any damage."""
    checked, end = hashlib.sha256(), None
    with _opened(path) as file:
        for number, text in enumerate(_texts(path, file)):
            if number == 0:
                _first(path, text)
            elif end is not None:
                raise _damaged(path, "goes on after its end")
            else:
                line = _decoded(path, text)
                if isinstance(line, End):
                    end = line
                    if end.sha256 != checked.hexdigest():
                        raise _damaged(path, "is not what was written")
                yield line
            checked.update(text)
    if end is None:
        raise _damaged(path, "has no end")


def content_of(path: Path) -> Content:
    """Read a whole archive and check all of it: every sum, every count, every blob by its digest."""
    head, held, digests = head_of(path), dict[str, Held](), set[str]()
    now: Held | None = None
    end = End(0, 0, 0, "")
    for line in lines_of(path):
        match line:
            case SessionLine():
                if line.id in held:
                    raise _damaged(path, f"has session {line.id!r} twice")
                now = held[line.id] = Held(line)
            case BatchLine():
                if now is None or zlib.crc32(line.body[_CRC:]) != int.from_bytes(line.body[:_CRC], "big"):
                    raise _damaged(path, f"has a batch at {line.seq} that is none")
                now.batches += 1
                now.size += len(line.body)
                now.blobs |= _named(path, line) & digests
            case BlobLine():
                if hashlib.sha256(line.body).hexdigest() != line.digest:
                    raise _damaged(path, f"has a blob {line.digest!r} that is another")
                digests.add(line.digest)
            case End():
                end = line
    batches = sum(one.batches for one in held.values())
    if (end.sessions, end.batches, end.blobs) != (len(held), batches, len(digests)):
        raise _damaged(path, "does not hold what it says")
    return Content(head, end, held)


def sessions_of(path: Path) -> Iterator[tuple[SessionLine, list[BatchLine]]]:
    """Give one session after the other, with all its batches."""
    now: SessionLine | None = None
    batches: list[BatchLine] = []
    for line in lines_of(path):
        if isinstance(line, BatchLine):
            batches.append(line)
        elif isinstance(line, SessionLine | End):
            if now is not None:
                yield now, batches
            now, batches = (line, []) if isinstance(line, SessionLine) else (None, [])


def blobs_of(path: Path) -> Iterator[BlobLine]:
    """Give one blob after the other."""
    return (line for line in lines_of(path) if isinstance(line, BlobLine))


def _opened(path: Path) -> gzip.GzipFile:
    try:
        return gzip.open(path, "rb")
    except OSError as error:
        raise ConfigError(f"the archive {str(path)!r} cannot be read: {error.strerror}") from None


def _texts(path: Path, file: gzip.GzipFile) -> Iterator[bytes]:
    try:
        yield from file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, f"cannot be unpacked ({error})") from None
    except OSError as error:
        raise ConfigError(f"the archive {str(path)!r} cannot be read: {error.strerror}") from None


def _first(path: Path, text: bytes) -> Head:
    try:
        beginning = _beginning.decode(text)
    except (msgspec.MsgspecError, UnicodeError):
        beginning = _Beginning()
    if beginning.kind != KIND:
        raise CorruptJournalError(f"{str(path)!r} is no archive of sessions, or it is damaged; nothing was changed")
    if beginning.format > FORMAT or beginning.events > SCHEMA:
        raise NewerSchemaError(
            f"{str(path)!r} was written by a newer Remit (format {beginning.format}, events {beginning.events}; this "
            f"one knows {FORMAT} and {SCHEMA}); nothing was changed. Upgrade remit to read it"
        )
    try:
        return _head.decode(text)
    except msgspec.MsgspecError:
        raise _damaged(path, "has a beginning that is none") from None


def _decoded(path: Path, text: bytes) -> Line:
    try:
        return _line.decode(text)
    except (msgspec.MsgspecError, UnicodeError):
        raise _damaged(path, "has a line that is none") from None


def _named(path: Path, line: BatchLine) -> set[str]:
    try:
        return named(line.body)
    except msgspec.MsgspecError:
        raise _damaged(path, f"has a batch at {line.seq} that is none") from None


def _damaged(path: Path, what: str) -> CorruptJournalError:
    return CorruptJournalError(
        f"the archive {str(path)!r} {what}: it is damaged; nothing was changed. Restore from another copy of it"
    )
