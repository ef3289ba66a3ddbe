"""What a box may see of the host: Python without its packages, those that were named, and what the policy mounts."""

import importlib.metadata
import importlib.util
import os
import re
import stat
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from remit.core.errors import ConfigError
from remit.core.programs import Mount

PACKAGES = "/packages"
"""Where programs find packages."""
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Shown(msgspec.Struct, frozen=True):
    """A file or folder of the host and where it is in a box."""

    source: str
    target: str


def python() -> str:
    """Find the interpreter itself, behind all links."""
    return str(Path(sys.executable).resolve())


def library() -> str:
    """Find the standard library."""
    return sysconfig.get_paths()["stdlib"]


def standard() -> list[Shown]:
    """List what Python needs: itself, its library, what its modules load, time zones."""
    triple: str = sysconfig.get_config_var("MULTIARCH") or ""
    names = ["/lib64", "/usr/lib64", f"/lib/{triple}", f"/usr/lib/{triple}", "/usr/share/zoneinfo"]
    names += [str(path) for path in (Path(sys.base_prefix) / "lib").glob("libpython*")]
    found = [name for name in names if Path(name).exists() and not name.endswith("/")]
    return [Shown(name, name) for name in (*found, python(), library())]


def _needs(distribution: importlib.metadata.Distribution) -> Iterable[str]:
    for line in distribution.requires or ():
        name = _REQUIREMENT.match(line)
        if name and "extra ==" not in line:
            yield name[0]


def _wanted(packages: Sequence[str]) -> list[importlib.metadata.Distribution]:
    """Find the distributions that have the packages, and all that those require."""
    owners = importlib.metadata.packages_distributions()
    names = [owner for package in packages for owner in owners.get(package, ())]
    found: dict[str, importlib.metadata.Distribution] = {}
    while names:
        key = re.sub(r"[-_.]+", "-", names.pop()).lower()
        if key in found:
            continue
        try:
            distribution = importlib.metadata.distribution(key)
        except importlib.metadata.PackageNotFoundError:
            # Required elsewhere only, such as on another system.
            continue
        found[key] = distribution
        names += _needs(distribution)
    return list(found.values())


def installed(packages: Sequence[str]) -> tuple[str, ...]:
    """Say which of the packages are installed for this Python."""
    return tuple(name for name in packages if importlib.util.find_spec(name) is not None)


def libraries(packages: Sequence[str]) -> list[Shown]:
    """List the folders of packages and of what they require; raise `ConfigError` for one that is not installed."""
    missing = [name for name in packages if not name.isidentifier() or not installed([name])]
    if missing:
        raise ConfigError(f"not installed for this Python: {', '.join(missing)}; pip install them")
    found: dict[str, str] = {}
    for distribution in _wanted(packages):
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__", "/") and not top.endswith((".pth", ".py[c]")):
                found[top] = str(Path(str(distribution.locate_file(top))).resolve())
    return [Shown(source, f"{PACKAGES}/{top}") for top, source in sorted(found.items()) if Path(source).exists()]


def mounted(mounts: Sequence[Mount]) -> list[Shown]:
    """Check mounts; raise `ConfigError` when a source is not there or a target not below `/data`."""
    found: list[Shown] = []
    for mount in mounts:
        parts = PurePosixPath(mount.target).parts
        if parts[:2] != ("/", "data") or ".." in parts or len(parts) < 3 or "\0" in mount.target:
            raise ConfigError(f"a mount goes below /data, not to {mount.target!r}")
        source = Path(mount.source)
        if not source.exists():
            raise ConfigError(f"there is no file or folder {mount.source!r} to mount")
        found.append(Shown(str(source.resolve()), "/".join(("", *parts[1:]))))
    # Folders before what is mounted into them.
    return sorted(found, key=lambda each: each.target)


def readable(path: str) -> bool:
    """Whether anybody may read a path and what is directly in it, once it is shown at a place of its own."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
        if not stat.S_ISDIR(mode):
            return bool(mode & stat.S_IROTH)
        inner = [entry.stat(follow_symlinks=False).st_mode for entry in os.scandir(path)]
    except OSError:
        return False
    return mode & 0o5 == 0o5 and all(each & (0o5 if stat.S_ISDIR(each) else 0o4) for each in inner)
