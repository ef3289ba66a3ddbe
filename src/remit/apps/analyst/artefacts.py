"""Artefacts: the files that programs left, written where a person wants them. Their names come from strangers."""

import asyncio
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from remit.core.errors import ConfigError, JournalError
from remit.core.events import ProgramEnded, Record, RunOpened
from remit.core.messages import Part
from remit.core.ports import Blobs

_ODD = re.compile(r"[^\w.-]+")
_LONGEST = 100
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_SEVERAL = 1000


@dataclass(frozen=True, slots=True)
class Written:
    """A file of a program, and where it is now."""

    name: str
    """What the program called it."""
    path: Path
    size: int
    media: str


def left(records: Iterable[Record]) -> tuple[Part, ...]:
    """Give the files that the last program of the last run left, if it came to its end."""
    found: tuple[Part, ...] = ()
    for record in records:
        match record.event:
            case RunOpened():
                found = ()
            case ProgramEnded(status=status, artefacts=artefacts):
                found = artefacts if status == "ok" else ()
            case _:
                pass
    return found


async def write(parts: Sequence[Part], folder: Path, blobs: Blobs) -> list[Written]:
    """Write files into a folder, which is made when there are any; none that is there already is touched.

    Raise `ConfigError` when the folder cannot be written to.
    """
    written: list[Written] = []
    for part in parts:
        try:
            body = await blobs.get(part.blob)
            path = await asyncio.to_thread(_new, folder, safe_name(part.name), body)
        except (OSError, JournalError) as error:
            raise ConfigError(f"{part.name!r} cannot be written into {str(folder)!r}: {error}") from error
        written.append(Written(part.name, path, len(body), part.media))
    return written


def safe_name(name: str) -> str:
    """Make of any text the name of a file: no folders, no hidden files, no odd characters, not too long."""
    plain = unicodedata.normalize("NFKC", name).replace("\\", "/").strip("/")
    plain = _ODD.sub("_", plain.replace("/", "-")).strip("._-")
    stem, dot, ending = plain.rpartition(".")
    if not dot:
        stem, ending = plain, ""
    short = stem[: _LONGEST - len(ending[:16]) - 1].rstrip("._-") or "file"
    made = f"{short}.{ending[:16]}" if ending else short
    return f"file_{made}" if _RESERVED.fullmatch(made) else made


def _new(folder: Path, name: str, body: bytes) -> Path:
    """Write a file that is not there yet; a number is added where one of its name is."""
    folder.mkdir(parents=True, exist_ok=True)
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    for number in range(1, _SEVERAL):
        path = folder / (name if number == 1 else f"{stem}-{number}{dot}{ending}")
        try:
            # Exclusive, so that nothing is overwritten and no link is followed.
            with path.open("xb") as file:
                file.write(body)
        except FileExistsError:
            continue
        return path
    raise OSError(f"there are {_SEVERAL} files named {name!r}")
