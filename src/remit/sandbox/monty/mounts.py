"""Mounts: files and folders of the host that programs may read; the interpreter follows no link out of them."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pydantic_monty import MountDir

from remit.core.errors import ConfigError
from remit.core.programs import Mount


class Mounts:
    """What one box has mounted. Only folders can be, so each file gets a folder of its own."""

    def __init__(self, mounts: Sequence[Mount], memory: int) -> None:
        """Open them, of which at most so many bytes are read at once; raise `ConfigError` for what cannot be."""
        self._folder: str | None = None
        self.opened: list[MountDir] = []
        files: dict[PurePosixPath, list[tuple[Path, str]]] = {}
        folders: list[tuple[Path, PurePosixPath]] = []
        for mount in mounts:
            source, target = _checked(mount)
            if source.is_file():
                files.setdefault(target.parent, []).append((source, target.name))
            else:
                folders.append((source, target))
        try:
            for target, inside in files.items():
                folders.append((self._filled(inside), target))
            _disjoint(folders)
            for source, target in folders:
                self.opened.append(
                    MountDir(host_path=source, virtual_path=str(target), mode="read-only", memory_usage_limit=memory)
                )
        except (OSError, ValueError) as error:
            self.close()
            raise ConfigError(f"it cannot be mounted: {error}") from error
        except ConfigError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of them."""
        for mount in self.opened:
            mount.close()
        self.opened.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _filled(self, files: list[tuple[Path, str]]) -> Path:
        """Make a folder of files, which are linked where that is possible and copied elsewhere."""
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="remit-mounts-")
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        for source, name in files:
            try:
                os.link(source, folder / name)
            except FileExistsError:
                raise ConfigError(f"two mounts have the name {name!r} in one folder") from None
            except OSError:
                shutil.copyfile(source, folder / name)
        return folder


def _checked(mount: Mount) -> tuple[Path, PurePosixPath]:
    target = PurePosixPath(mount.target)
    parts = target.parts
    if parts[:2] != ("/", "data") or ".." in parts or len(parts) < 3:
        raise ConfigError(f"a mount goes below /data, not to {mount.target!r}")
    source = Path(mount.source).resolve()
    if not source.is_file() and not source.is_dir():
        raise ConfigError(f"there is no file or folder {mount.source!r} to mount")
    return source, target


def _disjoint(folders: list[tuple[Path, PurePosixPath]]) -> None:
    for place, (source, target) in enumerate(folders):
        for other, elsewhere in folders[place + 1 :]:
            if target == elsewhere:
                raise ConfigError(f"two mounts go to {str(target)!r}: give each a folder of its own")
            if source.is_relative_to(other) or other.is_relative_to(source):
                raise ConfigError(f"mounts overlap: {str(source)!r} and {str(other)!r}; mount the outer one alone")
