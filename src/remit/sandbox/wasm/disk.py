"""Disk: `wasi:filesystem` and `wasi:io/streams` over the files of a box and what a program prints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

from remit.sandbox.wasm.files import Content, Files, Folder, Node, RefusedError, Source, read, size
from remit.sandbox.wasm.lowering import U32, Case, Err, Function, Maybe, Ok, Own
from remit.sandbox.wasm.wire import START, Wire

DESCRIPTOR, INPUT, OUTPUT, ENTRIES, ERROR = range(2, 7)
_MOST_OPEN = 1000
_MOST_LISTED = 200_000
"""Names of folders that are being listed, at once."""
_PIECE = 1 << 20
"""Bytes that are read at once."""
_ROOM = 1 << 16

T = TypeVar("T")


@dataclass(slots=True)
class _Open:
    """A descriptor, or a stream with its place; what is printed has no node."""

    node: Node | None
    rights: frozenset[str] = frozenset()
    offset: int = 0
    append: bool = False


class Disk:
    """Answers for the program that runs."""

    def __init__(self, ready: Callable[[], Own]) -> None:
        """Give out pollables of streams by `ready`: nothing here ever waits."""
        self._ready = ready
        self._open: dict[int, _Open] = {}
        self._entries: dict[int, list[tuple[str, Case]]] = {}
        self._listed = 0
        self._numbers: WeakKeyDictionary[Node, int] = WeakKeyDictionary()
        self._numbered_files = 0
        self._made = 0
        self._files: Files | None = None
        self._wire: Wire | None = None

    def begin(self, wire: Wire, files: Files) -> None:
        """Answer for a program with these files."""
        self._wire, self._files, self._made, self._numbered_files = wire, files, 0, 0

    def end(self) -> None:
        """Close all that the program left open."""
        for number in tuple(self._open):
            self.drop(number)
        self._numbers.clear()

    def drop(self, number: int) -> None:
        """Close a descriptor or a stream."""
        opened = self._open.pop(number, None)
        self._listed -= len(self._entries.pop(number, ()))
        if opened is not None and isinstance(opened.node, Content):
            self._all.release(opened.node)

    def descriptors(self) -> Mapping[str, Function]:
        """Give the functions of descriptors."""
        of = "[method]descriptor."
        functions: dict[str, Function] = {
            "read-via-stream": self._read_stream,
            "write-via-stream": self._write_stream,
            "append-via-stream": self._append_stream,
            "advise": _fine,
            "sync-data": _fine,
            "sync": _fine,
            "set-times": _fine,
            "set-times-at": _fine,
            "get-flags": self._flags,
            "set-size": self._set_size,
            "read": self._read,
            "write": self._write,
            "read-directory": self._list,
            "create-directory-at": self._make_folder,
            "stat": self._stat,
            "stat-at": self._stat_at,
            "link-at": _no_links,
            "symlink-at": _no_links,
            "readlink-at": self._read_link,
            "open-at": self._open_at,
            "remove-directory-at": self._remove_folder,
            "unlink-file-at": self._remove_file,
            "rename-at": self._rename,
            "metadata-hash": self._hash,
            "metadata-hash-at": self._hash_at,
        }
        found = {of + name: _answered(function) for name, function in functions.items()}
        return found | {"[method]directory-entry-stream.read-directory-entry": self._entry}

    def streams(self) -> Mapping[str, Function]:
        """Give the functions of streams."""
        return {
            "[method]input-stream.read": self._stream_read,
            "[method]input-stream.subscribe": self._subscribe,
            "[method]output-stream.check-write": _room,
            "[method]output-stream.write": self._stream_write,
            "[method]output-stream.blocking-write-and-flush": self._stream_write,
            "[method]output-stream.blocking-flush": _fine,
            "[method]output-stream.subscribe": self._subscribe,
        }

    def root(self) -> list[object]:
        """Give the one folder that is open from the start."""
        return [(self._given(_Open(self._all.root, frozenset({"read"}))), "/")]

    def printed(self) -> Own:
        """Give the stream of what is printed."""
        return self._given(_Open(None), OUTPUT)

    def nothing(self) -> Own:
        """Give a stream that is at its end."""
        return self._given(_Open(None), INPUT)

    @property
    def _all(self) -> Files:
        assert self._files is not None
        return self._files

    def _given(self, opened: _Open, kind: int = DESCRIPTOR) -> Own:
        if len(self._open) >= _MOST_OPEN:
            raise RefusedError("quota")
        if isinstance(opened.node, Content):
            opened.node.holders += 1
        self._made += 1
        self._open[self._made] = opened
        return Own(self._made, kind)

    def _folder(self, number: int) -> Folder:
        node = self._open[number].node
        if not isinstance(node, Folder):
            raise RefusedError("not-directory")
        return node

    def _found(self, number: int, path: str) -> Node:
        return self._all.find(self._folder(number), path)

    def _content(self, number: int) -> Content:
        opened = self._open[number]
        if not isinstance(opened.node, Content) or "write" not in opened.rights:
            raise RefusedError("bad-descriptor")
        return opened.node

    def _node(self, number: int) -> Node:
        node = self._open[number].node
        if node is None:
            raise RefusedError("bad-descriptor")
        return node

    def _read_stream(self, number: int, offset: int) -> Own:
        return self._given(_Open(self._node(number), offset=offset), INPUT)

    def _write_stream(self, number: int, offset: int) -> Own:
        return self._given(_Open(self._content(number), offset=offset), OUTPUT)

    def _append_stream(self, number: int) -> Own:
        return self._given(_Open(self._content(number), append=True), OUTPUT)

    def _flags(self, number: int) -> frozenset[str]:
        return self._open[number].rights

    def _set_size(self, number: int, wanted: int) -> None:
        self._all.resize(self._content(number), wanted)

    def _read(self, number: int, count: int, offset: int) -> tuple[bytes, bool]:
        data = read(self._node(number), offset, min(count, _PIECE))
        return data, count > 0 and not data

    def _write(self, number: int, data: bytes, offset: int) -> int:
        self._all.write(self._content(number), offset, data)
        return len(data)

    def _list(self, number: int) -> Own:
        entries = self._folder(number).entries
        if self._listed + len(entries) > _MOST_LISTED:
            raise RefusedError("insufficient-memory")
        given = self._given(_Open(None), ENTRIES)
        self._entries[given.number] = [(name, _type(entries[name])) for name in sorted(entries, reverse=True)]
        self._listed += len(entries)
        return given

    def _entry(self, number: int) -> Ok:
        waiting = self._entries[number]
        if not waiting:
            return Ok(Maybe())
        self._listed -= 1
        name, kind = waiting.pop()
        return Ok(Maybe({"type": kind, "name": name}))

    def _make_folder(self, number: int, path: str) -> None:
        self._all.make(*self._all.place(self._folder(number), path), Folder(writable=True))

    def _stat(self, number: int) -> dict[str, object]:
        return _described(self._node(number))

    def _stat_at(self, number: int, _flags: object, path: str) -> dict[str, object]:
        return _described(self._found(number, path))

    def _read_link(self, number: int, path: str) -> str:
        self._found(number, path)
        raise RefusedError("invalid")

    def _open_at(self, number: int, _how: object, path: str, opening: frozenset[str], rights: frozenset[str]) -> Own:
        node = self._opened(self._folder(number), path, opening)
        if isinstance(node, Folder) and "write" in rights:
            raise RefusedError("is-directory")
        if not isinstance(node, Folder) and "directory" in opening:
            raise RefusedError("not-directory")
        if isinstance(node, Source) and ("write" in rights or "truncate" in opening):
            raise RefusedError("read-only")
        if isinstance(node, Content) and "truncate" in opening:
            self._all.resize(node, 0)
        return self._given(_Open(node, rights))

    def _opened(self, folder: Folder, path: str, opening: frozenset[str]) -> Node:
        if "create" not in opening:
            return self._all.find(folder, path)
        above, name = self._all.place(folder, path)
        if name not in above.entries:
            self._all.make(above, name, Content())
        elif "exclusive" in opening:
            raise RefusedError("exist")
        return above.entries[name]

    def _remove_folder(self, number: int, path: str) -> None:
        if not isinstance(self._found(number, path), Folder):
            raise RefusedError("not-directory")
        self._all.remove(*self._all.place(self._folder(number), path))

    def _remove_file(self, number: int, path: str) -> None:
        if isinstance(self._found(number, path), Folder):
            raise RefusedError("is-directory")
        self._all.remove(*self._all.place(self._folder(number), path))

    def _rename(self, number: int, path: str, other: int, name: str) -> None:
        self._all.move(self._all.place(self._folder(number), path), self._all.place(self._folder(other), name))

    def _hash(self, number: int) -> dict[str, object]:
        return self._numbered(self._node(number))

    def _hash_at(self, number: int, _flags: object, path: str) -> dict[str, object]:
        return self._numbered(self._found(number, path))

    def _numbered(self, node: Node) -> dict[str, object]:
        """Number files as they are met, so that the numbers are the same again."""
        number = self._numbers.get(node)
        if number is None:
            # Held weakly: a file that is gone is no longer counted, so it must not stay.
            self._numbered_files += 1
            number = self._numbers[node] = self._numbered_files
        return {"lower": number, "upper": 0}

    def _subscribe(self, _number: int) -> Own:
        return self._ready()

    def _stream_read(self, number: int, count: int) -> Ok | Err:
        stream = self._open[number]
        try:
            data = b"" if stream.node is None else read(stream.node, stream.offset, min(count, _PIECE))
        except RefusedError:
            return self._failed()
        stream.offset += len(data)
        return Ok(data) if data or not count else Err(Case("closed", variant=True))

    def _stream_write(self, number: int, data: bytes) -> Ok | Err:
        stream = self._open[number]
        if not isinstance(stream.node, Content):
            assert self._wire is not None
            self._wire.show(data)
            return Ok()
        place = len(stream.node.data) if stream.append else stream.offset
        try:
            self._all.write(stream.node, place, data)
        except RefusedError:
            return self._failed()
        stream.offset = place + len(data)
        return Ok()

    def _failed(self) -> Err:
        self._made += 1
        return Err(Case("last-operation-failed", Own(self._made, ERROR), variant=True))


def _answered(function: Callable[..., T]) -> Callable[..., Ok | Err]:
    """Answer with what is refused, instead of ending the program."""

    def answer(*arguments: object) -> Ok | Err:
        try:
            result = function(*arguments)
        except RefusedError as error:
            return Err(Case(str(error)))
        return result if isinstance(result, Ok) else Ok(result)

    return answer


def _described(node: Node) -> dict[str, object]:
    # Times of the host would differ from run to run, and none at all is too early for archives.
    start = Maybe({"seconds": START // 1_000_000_000, "nanoseconds": U32(0)})
    times = {f"{name}-timestamp": start for name in ("data-access", "data-modification", "status-change")}
    return {"type": _type(node), "link-count": 1, "size": size(node), **times}


_FOLDER, _FILE = Case("directory"), Case("regular-file")


def _type(node: Node) -> Case:
    return _FOLDER if isinstance(node, Folder) else _FILE


def _fine(*_arguments: object) -> Ok:
    return Ok()


def _room(_number: int) -> Ok:
    return Ok(_ROOM)


def _no_links(*_arguments: object) -> None:
    raise RefusedError("not-permitted")
