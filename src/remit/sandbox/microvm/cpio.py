"""Archives as the kernel unpacks them into its first file system (`newc`), written without a tool."""

import stat
from collections.abc import Iterable
from typing import BinaryIO

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """A file, folder or link of an archive."""

    path: str
    """Without a slash at its start."""
    mode: int
    """With its kind, as `stat` gives it."""
    mtime: int = 0
    source: str = ""
    """The file of this machine that has its content."""
    content: bytes = b""
    """Its content when it has no source; of a link, where it leads."""


def write(entries: Iterable[Entry], to: BinaryIO) -> None:
    """Write an archive; folders come before what is in them."""
    for number, entry in enumerate(entries, 1):
        content = entry.content
        if entry.source:
            with open(entry.source, "rb") as file:  # noqa: PTH123
                content = file.read()
        _one(to, number, entry, content)
    _one(to, 0, Entry("TRAILER!!!", 0), b"")


def _one(to: BinaryIO, number: int, entry: Entry, content: bytes) -> None:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (number, entry.mode, 0, 0, links, entry.mtime, len(content), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    to.write(head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4))
