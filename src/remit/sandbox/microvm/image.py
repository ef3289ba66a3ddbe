"""The image: a kernel and a first file system with this Python in it, made once and kept by what it is made of."""

import hashlib
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import msgspec

from remit.core.errors import ConfigError
from remit.sandbox.microvm import cache, contents, cpio, kernels
from remit.sandbox.microvm.kernels import Kernel

MAKE = "remit sandbox prepare microvm"


class Image(msgspec.Struct, frozen=True):
    """A kernel and an archive of files."""

    digest: str
    kernel: str
    archive: str
    packages: tuple[str, ...]


def build(packages: Sequence[str] = ()) -> Image:
    """Give the image with these packages of this machine's, made if need be; raise `ConfigError`."""
    place = cache.folder()
    kernel = kernels.find(place)
    if kernel is None:
        raise ConfigError(f"no kernel for machines: run `{MAKE}`, which downloads Debian's without installing it")
    digest = _digest(kernel, packages)
    archive = place / f"image-{digest}.cpio"
    if not archive.exists():
        with cache.locked(place):
            if not archive.exists():
                _write(kernel, packages, archive)
    cache.used(archive)
    return Image(digest, kernel.image, str(archive), tuple(packages))


def _write(kernel: Kernel, packages: Sequence[str], archive: Path) -> None:
    half = archive.with_name(cache.HALF + archive.name)
    try:
        with half.open("wb") as file:
            cpio.write(contents.entries(kernel, packages), file)
            # The emulator, which reads it by descriptor, is somebody else; the folder keeps others out.
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        half.rename(archive)
    finally:
        half.unlink(missing_ok=True)


def _digest(kernel: Kernel, packages: Sequence[str]) -> str:
    """Hash what an image is made of: contents of our own modules, and times of files that others keep."""
    library = Path(sysconfig.get_paths()["stdlib"])
    here = Path(__file__).parent
    hashed = hashlib.sha256(sys.version.encode())
    for path in (Path(kernel.image), Path(kernel.modules), Path(sys.executable).resolve(), library, library / "os.py"):
        hashed.update(f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}\n".encode())
    for folder in (here, here / "inside", here.parent / "inside"):
        for path in sorted(folder.glob("*.py")):
            hashed.update(path.name.encode() + path.read_bytes())
    for name in packages:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ConfigError(f"no package {name!r} is installed here, so none can be put into the machine")
        hashed.update(f"{name} {spec.origin} {Path(spec.origin).stat().st_mtime_ns}\n".encode())
    return hashed.hexdigest()[:32]


def fetch(packages: Sequence[str] = ()) -> Image:
    """Download a kernel if there is none, and give the image; raise `ConfigError` when that cannot be."""
    place = cache.folder()
    with cache.locked(place):
        if kernels.find(place) is None:
            kernels.fetch(place)
    return build(packages)
