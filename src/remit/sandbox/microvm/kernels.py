"""The kernel of machines: an installed one, or Debian's, unpacked into the cache and never installed."""

import gzip
import lzma
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from remit.core.errors import ConfigError
from remit.sandbox.microvm.cache import HALF

_PACKAGE = "linux-image-cloud-amd64"
_NEEDED = ("virtio_ring", "virtio", "virtio_mmio", "virtio_console")
"""Modules in the order in which they are loaded."""
_PACKED: dict[str, Callable[[bytes], bytes]] = {".ko": bytes, ".ko.xz": lzma.decompress, ".ko.gz": gzip.decompress}


class Kernel(msgspec.Struct, frozen=True):
    """A kernel and the folder of its modules."""

    image: str
    modules: str


def find(cache: Path) -> Kernel | None:
    """Find a kernel in the cache, or an installed one, that this user can read with the modules that are needed."""
    for boot, library in ((cache / "kernel" / "boot", cache / "kernel" / "lib"), (Path("/boot"), Path("/lib"))):
        for image in sorted(boot.glob("vmlinuz-*"), reverse=True):
            folder = library / "modules" / image.name.removeprefix("vmlinuz-")
            kernel = Kernel(str(image), str(folder))
            if folder.is_dir() and os.access(image, os.R_OK) and _complete(kernel):
                return kernel
    return None


def modules(kernel: Kernel) -> list[tuple[str, bytes]]:
    """Give the modules that are needed and not built in, in the order in which they are loaded."""
    found: list[tuple[str, bytes]] = []
    for name in _NEEDED:
        for ending, unpack in _PACKED.items():
            for path in Path(kernel.modules).rglob(f"{name}{ending}"):
                found.append((name, unpack(path.read_bytes())))
    return found


def _complete(kernel: Kernel) -> bool:
    builtin = Path(kernel.modules) / "modules.builtin"
    own = builtin.read_text() if builtin.is_file() else ""
    there = {name for name, _data in modules(kernel)}
    return all(name in there or f"/{name}.ko" in own for name in _NEEDED)


def fetch(cache: Path) -> Kernel:
    """Download Debian's kernel for virtual machines with `apt-get` into the cache; raise `ConfigError`."""
    if not shutil.which("apt-get"):
        raise ConfigError(f"no `apt-get` here: unpack Debian's {_PACKAGE} into {cache / 'kernel'}")
    about = _told("apt-cache", "show", "--no-all-versions", _PACKAGE)
    package = re.search(r"^Depends:.*?(linux-image-\d\S*)", about, re.MULTILINE)
    if package is None:
        raise ConfigError(f"apt knows no package {_PACKAGE!r}: run `apt-get update`, or use Debian's packages")
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=HALF, dir=cache) as folder:
        _told("apt-get", "download", package[1], folder=folder)
        (archive,) = Path(folder).glob("*.deb")
        _told("dpkg-deb", "-x", str(archive), f"{folder}/kernel")
        old = cache / "kernel"
        if old.exists():
            old.rename(f"{folder}/old")
        Path(f"{folder}/kernel").rename(old)
    kernel = find(cache)
    if kernel is None:
        raise ConfigError(f"the kernel of {package[1]} lacks one of {', '.join(_NEEDED)}")
    return kernel


def _told(*command: str, folder: str | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"`{' '.join(command[:3])}` failed: {done.stderr.strip()[-500:]}")
    return done.stdout
