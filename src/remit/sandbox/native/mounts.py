"""Mounts as a policy names them, checked before any box is told of them."""

from pathlib import Path, PurePosixPath

import msgspec

from remit.core.errors import ConfigError
from remit.core.programs import Mount


def checked(mount: Mount) -> Mount:
    """Check a mount; raise `ConfigError` when its source is not there or its target not below `/data`."""
    parts = PurePosixPath(mount.target).parts
    if parts[:2] != ("/", "data") or ".." in parts or len(parts) < 3:
        raise ConfigError(f"a mount goes below /data, not to {mount.target!r}")
    source = Path(mount.source)
    if not source.exists():
        raise ConfigError(f"there is no file or folder {mount.source!r} to mount")
    return msgspec.structs.replace(mount, source=str(source.resolve()), target="/".join(("", *parts[1:])))
