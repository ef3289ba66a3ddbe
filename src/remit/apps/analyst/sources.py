"""Sources: the files that an analyst is given, checked before anything reads them."""

import os
import re
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from remit.core.errors import ConfigError

Kind = Literal["csv", "tsv", "jsonl", "parquet"]

KINDS: dict[str, Kind] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
"""By the ending of a file's name."""

_ODD = re.compile(r"[^\w.-]")
_HEAD = 65_536
_INSTEAD = {
    ".xlsx": "save the sheet as CSV",
    ".xls": "save the sheet as CSV",
    ".json": "write one object a line and call it .jsonl",
    ".gz": "unpack it first",
    ".zip": "unpack it first",
}


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A file with the names it has in programs and in queries."""

    path: str
    kind: Kind
    size: int
    """Bytes."""
    file: str
    """Its name below `/data`: letters, digits, dots and dashes."""
    table: str
    """What queries call it."""

    @property
    def target(self) -> str:
        """Where programs find it."""
        return f"/data/{self.file}"


def sources(files: Sequence[str | Path]) -> tuple[Source, ...]:
    """Check files and name them; raise `ConfigError` saying which cannot be read, and why."""
    if not files:
        raise ConfigError(f"an analyst needs a file: {', '.join(KINDS)}")
    paths = [Path(file).expanduser() for file in files]
    names = [_ODD.sub("_", path.name) for path in paths]
    kinds: list[Kind] = [_kind(path) for path in paths]
    for name, count in Counter(name.lower() for name in names).items():
        if count > 1:
            alike = ", ".join(repr(str(path)) for path, own in zip(paths, names, strict=True) if own.lower() == name)
            raise ConfigError(f"{count} files have the same name: {alike}; rename all but one")
    tables = _tables(names)
    named = zip(paths, names, tables, strict=True)
    return tuple(
        Source(path=str(path.resolve()), kind=kind, size=path.stat().st_size, file=name, table=table)
        for kind, (path, name, table) in zip(kinds, named, strict=True)
    )


def _tables(names: Sequence[str]) -> list[str]:
    """Name tables by files without their endings, or with them where two would be the same."""
    stems = [_identifier(name.rpartition(".")[0]) for name in names]
    often = Counter(stems)
    tables = [stem if often[stem] == 1 else _identifier(name) for stem, name in zip(stems, names, strict=True)]
    if len(set(tables)) < len(tables):
        return [f"table_{number}" for number in range(1, len(tables) + 1)]
    return tables


def _identifier(text: str) -> str:
    name = re.sub(r"\W", "_", text.lower())
    return name if name and not name[0].isdigit() else f"t_{name}"


def _kind(path: Path) -> Kind:
    try:
        ordinary = stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"no file {str(path)!r}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{str(path)!r} cannot be read: {getattr(error, 'strerror', '') or error}") from None
    if not ordinary:
        raise ConfigError(f"{str(path)!r} is no file, but a folder, a pipe or a device; save what it holds as a file")
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        instead = _INSTEAD.get(path.suffix.lower(), f"it can be {', '.join(KINDS)}")
        raise ConfigError(f"{str(path)!r} is of a kind that cannot be read: {instead}")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be read: {error.strerror or error}") from None
    if not head.strip():
        raise ConfigError(f"{str(path)!r} is empty")
    _check(path, kind, head)
    return kind


def _check(path: Path, kind: Kind, head: bytes) -> None:
    """Raise `ConfigError` when the beginning of a file, or its end, is not what its name says."""
    if kind == "parquet":
        with path.open("rb") as file:
            file.seek(-min(4, path.stat().st_size), os.SEEK_END)
            if head[:4] != b"PAR1" or file.read() != b"PAR1":
                raise ConfigError(f"{str(path)!r} is no Parquet file, or only a part of one")
        return
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise ConfigError(f"{str(path)!r} is UTF-16; save it as UTF-8")
    if b"\0" in head:
        raise ConfigError(f"{str(path)!r} is binary, not {kind.upper()}")
    if kind == "jsonl" and not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        raise ConfigError(f"{str(path)!r} does not begin with an object; write one object a line")
