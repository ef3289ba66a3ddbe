"""Files on their way into a machine: what is mounted, read once, and what the box keeps between machines."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from remit.core.errors import ConfigError
from remit.core.programs import Mount

MOST = 64_000_000
"""Bytes of mounts, which are copied into each machine."""
SCRATCH = "/scratch"


def below_scratch(path: str) -> str:
    """Give a path below `/scratch` without it; raise `ConfigError` when it leads elsewhere."""
    parts = path.removeprefix(SCRATCH + "/").split("/")
    odd = any(part in ("", ".", "..") or "\0" in part or len(part.encode()) > 255 for part in parts)
    if odd or len(path.encode()) > 4000:
        raise ConfigError(f"{path!r} is not a plain path below {SCRATCH}")
    return "/".join(parts)


def mounted(mounts: Sequence[Mount]) -> dict[str, bytes]:
    """Read what a policy mounts: content by path; raise `ConfigError` when it is not there, or too large."""
    found: dict[str, bytes] = {}
    size = 0
    for mount in mounts:
        parts = PurePosixPath(mount.target).parts
        if parts[:2] != ("/", "data") or ".." in parts or len(parts) < 3:
            raise ConfigError(f"a mount goes below /data, not to {mount.target!r}")
        for path, target in _files(Path(mount.source), "/".join(("", *parts[1:]))):
            size += path.stat().st_size
            if size > MOST:
                raise ConfigError(
                    f"mounts of more than {MOST:,} bytes cannot be copied into a machine: use 'container'"
                )
            found[target] = path.read_bytes()
    return found


def _files(source: Path, target: str) -> Iterator[tuple[Path, str]]:
    if source.is_file():
        yield source, target
    elif source.is_dir():
        for path in sorted(source.iterdir()):
            # A link inside may lead to what nobody wanted to show.
            if not path.is_symlink():
                yield from _files(path, f"{target}/{path.name}")
    elif not source.exists():
        raise ConfigError(f"there is no file or folder {str(source)!r} to mount")
