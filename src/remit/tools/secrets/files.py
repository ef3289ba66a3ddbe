"""Secrets of a folder: a file each, as Docker and Kubernetes mount them, and a folder for each tenant with its own."""

import asyncio
import os
import stat
from pathlib import Path

from remit.core.errors import ConfigError
from remit.tools.secrets.port import checked

_LARGEST = 1 << 20
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class FileSecrets:
    """Reads `FOLDER/TENANT/NAME`, then `FOLDER/NAME`, without one line end after the value; an empty file is none.

    A file that everybody can read is refused. A link is followed only to the same place below one of the folders that
    Kubernetes makes beside it (`..data`).
    """

    def __init__(self, folder: str | Path) -> None:
        """Read files of this folder; it may come to be later."""
        self._folder = Path(folder)

    def __str__(self) -> str:
        """Say where this is."""
        return f"the folder {self._folder} (TENANT/NAME, NAME)"

    async def get(self, name: str, tenant: str) -> str | None:
        """See `SecretSource.get`."""
        checked(name)
        if tenant.startswith(".") or "/" in tenant or "\0" in tenant:
            raise ConfigError(f"tenant {tenant!r} cannot have a folder of secrets: its name leads somewhere else")
        return await asyncio.to_thread(self._get, name, tenant)

    def _get(self, name: str, tenant: str) -> str | None:
        own = self._read(tenant, name) if tenant else None
        return own or self._read(name)

    def _read(self, *place: str) -> str | None:
        path = self._folder.joinpath(*place)
        try:
            root, real = self._folder.resolve(), path.resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or "it is a link in a circle"
            raise ConfigError(f"{path} cannot be found: {why}") from None
        if not _beside(real, root, place):
            raise ConfigError(f"{path} is a link to somewhere else, {real}; put the secret itself there")
        try:
            return _content(real, path)
        except IsADirectoryError:
            return None
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from None


def _beside(real: Path, root: Path, place: tuple[str, ...]) -> bool:
    """Say whether a file is where its name says, or there in a folder that Kubernetes makes."""
    if not real.is_relative_to(root):
        return False
    parts = real.relative_to(root).parts
    return parts == place or (parts[:1] != () and parts[0].startswith("..") and parts[1:] == place)


def _content(real: Path, path: Path) -> str | None:
    with os.fdopen(os.open(real, _FLAGS), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path} is no file")
        if status.st_mode & stat.S_IROTH:
            what = "give it the mode 0400 or 0440 (`mode` of a secret in Docker, `defaultMode` in Kubernetes)"
            raise ConfigError(f"{path} can be read by everybody; {what}")
        body = file.read(_LARGEST + 1)
    if len(body) > _LARGEST:
        raise ConfigError(f"{path} has more than {_LARGEST} bytes, so it is no secret")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{path} holds no text in UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r") or None
