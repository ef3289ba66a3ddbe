"""What is in a machine: this Python with its standard library, the libraries these load, and our own few modules."""

import importlib.util
import re
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from remit.core.errors import ConfigError
from remit.sandbox.microvm.cpio import Entry
from remit.sandbox.microvm.kernels import Kernel, modules

_LEFT_OUT = {
    *("site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3"),
    *("pydoc_data", "distutils"),
}
"""Folders of the standard library's that hold other people's code or what no program needs."""
_UNUSED = re.compile(r"_test|_xxtest|xxlimited|_tkinter|_curses|readline|ossaudiodev|\.a$|\.opt-\d\.pyc$|^config-\d")
_WARM = (
    *("json", "math", "random", "datetime", "decimal", "statistics", "csv", "re", "collections", "itertools"),
    *("functools", "pathlib", "tempfile", "textwrap", "string", "hashlib", "base64", "uuid", "dataclasses", "enum"),
    *("typing", "threading", "socket", "heapq", "bisect", "operator", "fractions", "urllib.parse", "zoneinfo"),
)
"""What every machine has imported before it is copied."""
PYTHON = f"/python/bin/python3.{sys.version_info.minor}"


def warm(packages: Sequence[str]) -> tuple[str, ...]:
    """List what is imported before a machine is copied."""
    return (*_WARM, *packages)


def entries(kernel: Kernel, packages: Sequence[str]) -> list[Entry]:
    """List all files of a machine; raise `ConfigError` when something that it needs is not here."""
    library = Path(sysconfig.get_paths()["stdlib"])
    binary = Path(sys.executable).resolve()
    found = [
        Entry(PYTHON.lstrip("/"), 0o100755, 0, str(binary)),
        *_tree(library, f"python/lib/{library.name}", _LEFT_OUT),
        *(each for name in packages for each in _package(name, f"python/lib/{library.name}")),
        *_own(),
        *(
            Entry(f"modules/{place:02}-{name}.ko", 0o100444, 0, "", data)
            for place, (name, data) in enumerate(modules(kernel))
        ),
    ]
    code = [binary, *(Path(each.source) for each in found if ".so" in Path(each.source).name)]
    found += [Entry(path, 0o100755, 0, source) for path, source in _libraries(code)]
    return [*_folders(found), *found]


def _tree(root: Path, target: str, left_out: Iterable[str] = ()) -> Iterator[Entry]:
    for path in sorted(root.iterdir()):
        name = path.name
        if name in left_out or _UNUSED.search(name):
            continue
        if path.is_dir():
            yield from _tree(path, f"{target}/{name}", ("tests", "test"))
        elif path.is_file():
            about = path.stat()
            yield Entry(f"{target}/{name}", 0o100644, int(about.st_mtime), str(path))


def _package(name: str, target: str) -> Iterator[Entry]:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ConfigError(f"no package {name!r} is installed here, so none can be put into the machine")
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        yield Entry(f"{target}/{origin.name}", 0o100644, int(origin.stat().st_mtime), str(origin))
        return
    for folder in (origin.parent, origin.parent.with_name(f"{name}.libs")):
        if folder.is_dir():
            yield from _tree(folder, f"{target}/{folder.name}", ("tests", "test"))


def _own() -> Iterator[Entry]:
    here = Path(__file__).parent
    for folder in (here.parent / "inside", here / "inside"):
        for path in sorted(folder.glob("*.py")):
            yield Entry(f"remit/sandbox/{path.relative_to(here.parent)}", 0o100644, 0, str(path))


def _libraries(code: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Find the shared libraries that these load, and the loader, by their names in the machine."""
    asked = subprocess.run(["ldd", *map(str, code)], capture_output=True, text=True, check=False).stdout
    own = {str(path) for path in code}
    seen: set[str] = set()
    for line in asked.splitlines():
        match = re.match(r"\s+(?:(\S+) => )?(/\S+) \(0x", line)
        if match is None:
            continue
        name, path = match.groups()
        # What came with a package is found by it where it stands.
        if path in seen or str(Path(path).resolve()) in own:
            continue
        seen.add(path)
        yield (f"lib/{name}" if name else path.lstrip("/")), str(Path(path).resolve())


def _folders(found: Iterable[Entry]) -> Iterator[Entry]:
    names = {"proc", "dev", "scratch", "data"}
    for entry in found:
        names |= {str(parent) for parent in Path(entry.path).parents if str(parent) != "."}
    for name in sorted(names):
        yield Entry(name, stat.S_IFDIR | 0o755)
