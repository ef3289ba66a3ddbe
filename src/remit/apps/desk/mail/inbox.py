"""Where mails wait: a folder of .eml files, one file, or a Maildir."""

from collections.abc import Iterator
from pathlib import Path

from remit.core.errors import ConfigError


class InboxError(ConfigError):
    """An inbox that cannot be read; the message says what to do."""


def read_inbox(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, raw bytes) of each mail in `path`, sorted by name, each read only when it is asked for.

    `InboxError` is raised at once when there is nothing to read.
    """
    files = _files(path)
    return ((file.name, _bytes(file)) for file in files)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InboxError(f"there is no inbox at {str(path)!r}; name a folder of .eml files, a Maildir or one mail")
    if path.is_file():
        return [path]
    folders = [path / "cur", path / "new"]
    if all(folder.is_dir() for folder in folders):
        found = [file for folder in folders for file in folder.iterdir() if not file.name.startswith(".")]
    else:
        found = [file for file in path.iterdir() if file.suffix.lower() == ".eml"]
    files = sorted((file for file in found if file.is_file()), key=lambda file: file.name)
    if not files:
        raise InboxError(f"there is no mail in {str(path)!r}; expected .eml files or a Maildir (cur, new)")
    return files


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InboxError(f"{str(file)!r} cannot be read: {error.strerror}") from error
