"""Files: what the programs of a box read and write, in memory, within bounds; mounts are read from the host."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Mount

_LONGEST, _DEEPEST = 255, 4096
"""Bytes of a name, and characters of a path."""
_MOUNTED = 100_000
"""Files and folders below mounts."""


class RefusedError(Exception):
    """The program asked for what it cannot have; the message is a code of `wasi:filesystem`."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class Content:
    """A file in memory."""

    data: bytearray = field(default_factory=bytearray)
    holders: int = 0
    """How many names and descriptors it has."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Source:
    """A file of the host, which is only read."""

    path: Path


@dataclass(eq=False, slots=True, weakref_slot=True)
class Folder:
    """A folder; in one that is not `writable` nothing changes."""

    writable: bool = False
    entries: "dict[str, Node]" = field(default_factory=dict["str", "Node"])


Node = Folder | Content | Source


class Files:
    """The files of one box: `/scratch`, and mounts below `/data`."""

    def __init__(self, bounds: Bounds, mounts: Sequence[Mount]) -> None:
        """Show the mounts; raise `ConfigError` when one is not there or does not go below `/data`."""
        self._bounds, self._used, self._made = bounds, 0, 0
        self.scratch, data = Folder(writable=True), Folder()
        self.root = Folder(entries={"scratch": self.scratch, "data": data})
        for mount in mounts:
            _mount(data, mount)

    def find(self, start: Folder, path: str) -> Node:
        """Find what a path leads to."""
        if len(path) > _DEEPEST:
            raise RefusedError("name-too-long")
        steps: list[Node] = [start]
        for name in path.split("/"):
            at = steps[-1]
            if not isinstance(at, Folder):
                raise RefusedError("not-directory")
            if name == "..":
                steps.pop()
                if not steps:
                    raise RefusedError("not-permitted")
            elif name not in {"", "."}:
                if name not in at.entries:
                    raise RefusedError("no-entry")
                steps.append(at.entries[name])
        return steps[-1]

    def place(self, start: Folder, path: str) -> tuple[Folder, str]:
        """Find the folder in which a path names something, and the name."""
        above, _, name = path.rstrip("/").rpartition("/")
        folder = self.find(start, above)
        if not isinstance(folder, Folder):
            raise RefusedError("not-directory")
        if name in {"", ".", ".."}:
            raise RefusedError("invalid")
        return folder, name

    def make(self, folder: Folder, name: str, node: Content | Folder) -> None:
        """Put a new file or folder into a folder."""
        if not folder.writable:
            raise RefusedError("read-only")
        if name in folder.entries:
            raise RefusedError("exist")
        if len(name.encode()) > _LONGEST:
            raise RefusedError("name-too-long")
        if self._made >= self._bounds.files:
            raise RefusedError("quota")
        self._made += 1
        folder.entries[name] = node
        if isinstance(node, Content):
            node.holders += 1

    def remove(self, folder: Folder, name: str) -> None:
        """Take a file, or a folder that is empty, out of its folder."""
        if not folder.writable:
            raise RefusedError("read-only")
        node = folder.entries.get(name)
        if node is None:
            raise RefusedError("no-entry")
        if isinstance(node, Folder) and node.entries:
            raise RefusedError("not-empty")
        del folder.entries[name]
        self._made -= 1
        if isinstance(node, Content):
            self.release(node)

    def move(self, old: tuple[Folder, str], new: tuple[Folder, str]) -> None:
        """Give something another name; what had that one is gone."""
        node = old[0].entries.get(old[1])
        there = new[0].entries.get(new[1])
        if node is None:
            raise RefusedError("no-entry")
        if not (old[0].writable and new[0].writable):
            raise RefusedError("read-only")
        if node is there:
            return
        if isinstance(node, Folder) and any(each is new[0] for each in _folders(node)):
            raise RefusedError("invalid")
        if there is not None:
            if isinstance(there, Folder) != isinstance(node, Folder):
                raise RefusedError("is-directory" if isinstance(there, Folder) else "not-directory")
            self.remove(*new)
        del old[0].entries[old[1]]
        new[0].entries[new[1]] = node

    def resize(self, content: Content, size: int) -> None:
        """Cut a file, or fill it up with zeros."""
        more = size - len(content.data)
        if self._used + more > self._bounds.disk:
            raise RefusedError("insufficient-space")
        self._used += more
        if more > 0:
            content.data.extend(bytes(more))
        else:
            del content.data[size:]

    def write(self, content: Content, offset: int, data: bytes) -> None:
        """Write into a file."""
        end = offset + len(data)
        if end > len(content.data):
            self.resize(content, end)
        content.data[offset:end] = data

    def release(self, content: Content) -> None:
        """Let go of a name or a descriptor of a file; without any its bytes are free."""
        content.holders -= 1
        if content.holders == 0:
            self._used -= len(content.data)
            # Whoever may still know of it, its bytes are no longer counted.
            content.data.clear()

    def listing(self) -> dict[str, int]:
        """Give the bytes of every file below `/scratch`, by path; names that are no plain text are left out."""
        found: dict[str, int] = {}
        waiting = [("", self.scratch)]
        while waiting:
            above, folder = waiting.pop()
            for name, node in folder.entries.items():
                if not name.isprintable():
                    continue
                if isinstance(node, Folder):
                    waiting.append((f"{above}{name}/", node))
                elif isinstance(node, Content):
                    found[above + name] = len(node.data)
        return dict(sorted(found.items()))

    def put(self, path: str, data: bytes) -> None:
        """Write a file below `/scratch`, and the folders that it is in."""
        folder = self.scratch
        *above, name = _parts(path)
        for each in above:
            if each not in folder.entries:
                self.make(folder, each, Folder(writable=True))
            below = folder.entries[each]
            if not isinstance(below, Folder):
                raise RefusedError("not-directory")
            folder = below
        if name not in folder.entries:
            self.make(folder, name, Content())
        content = folder.entries[name]
        if not isinstance(content, Content):
            raise RefusedError("is-directory")
        self.resize(content, 0)
        self.write(content, 0, data)

    def get(self, path: str) -> bytes:
        """Read a file below `/scratch`."""
        node = self.find(self.scratch, "/".join(_parts(path)))
        if not isinstance(node, Content):
            raise RefusedError("is-directory")
        return bytes(node.data)


def size(node: Node) -> int:
    """Say how many bytes a file has."""
    if isinstance(node, Source):
        try:
            return node.path.stat().st_size
        except OSError:
            raise RefusedError("io") from None
    return len(node.data) if isinstance(node, Content) else 0


def read(node: Node, offset: int, count: int) -> bytes:
    """Read from a file."""
    if isinstance(node, Folder):
        raise RefusedError("is-directory")
    if isinstance(node, Content):
        return bytes(node.data[offset : offset + count])
    try:
        descriptor = os.open(node.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, count, offset)
        finally:
            os.close(descriptor)
    except (OSError, OverflowError):
        raise RefusedError("io") from None


def _parts(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise RefusedError("not-permitted")
    return parts


def _folders(top: Folder) -> Iterator[Folder]:
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        yield folder
        waiting += [node for node in folder.entries.values() if isinstance(node, Folder)]


def _mount(data: Folder, mount: Mount) -> None:
    parts = PurePosixPath(mount.target).parts
    if parts[:2] != ("/", "data") or ".." in parts or len(parts) < 3:
        raise ConfigError(f"a mount goes below /data, not to {mount.target!r}")
    source = Path(mount.source)
    if not source.exists():
        raise ConfigError(f"there is no file or folder {mount.source!r} to mount")
    folder = data
    for each in parts[2:-1]:
        below = folder.entries.setdefault(each, Folder())
        if not isinstance(below, Folder):
            raise ConfigError(f"a mount cannot go to {mount.target!r}, below a file")
        folder = below
    top = source.resolve()
    folder.entries[parts[-1]] = _shown(top, top) if top.is_dir() else Source(top)


def _shown(path: Path, top: Path) -> Folder:
    """Show a folder of the host; links that lead out of it are left out, and so is all that is no file or folder."""
    shown, waiting, seen = Folder(), [], 0
    waiting = [(path, shown)]
    while waiting:
        here, folder = waiting.pop()
        for each in sorted(here.iterdir()):
            seen += 1
            if seen > _MOUNTED:
                raise ConfigError(f"more than {_MOUNTED:,} files and folders below the mount {str(top)!r}")
            real = each.resolve()
            if real.is_file() and real.is_relative_to(top):
                folder.entries[each.name] = Source(real)
            elif each.is_dir() and not each.is_symlink():
                below = Folder()
                folder.entries[each.name] = below
                waiting.append((each, below))
    return shown
