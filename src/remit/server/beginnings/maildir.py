"""Maildir: mails as files. One in `new`, or in `cur` without the mark that somebody saw it, waits.

To put one away is to rename it. A process that dies before leaves it where it was, and of two that rename it one finds
it gone: no claim is needed, as its session can only be begun once.
"""

import asyncio
import os
import stat
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from pathlib import Path

from remit.core.errors import ConfigError
from remit.server.beginnings.mailbox import BATCH, Letter, MailboxError

_INFO = ":2,"


class Maildir:
    """A folder with `new` and `cur` in it, as https://cr.yp.to/proto/maildir.html has it."""

    def __init__(self, path: Path) -> None:
        """Take the folder; raise `ConfigError` when it is no Maildir."""
        self._path = path
        for part in ("new", "cur"):
            if not (path / part).is_dir():
                raise ConfigError(f"{str(path)!r} is no Maildir: it has no folder {part!r}; `maildirmake` makes one")

    def __str__(self) -> str:
        """Say where it is."""
        return str(self._path)

    async def waiting(self) -> Sequence[Letter]:
        """See `Mailbox.waiting`."""
        return await asyncio.to_thread(self._waiting)

    async def read(self, letter: Letter) -> bytes | None:
        """See `Mailbox.read`."""
        return await asyncio.to_thread(self._read, letter)

    async def done(self, letter: Letter) -> None:
        """See `Mailbox.done`."""
        await asyncio.to_thread(self._mark, letter, "S")

    async def aside(self, letter: Letter) -> None:
        """See `Mailbox.aside`."""
        await asyncio.to_thread(self._mark, letter, "FS")

    async def close(self) -> None:
        """See `Mailbox.close`."""

    def _waiting(self) -> list[Letter]:
        try:
            # Their names begin with the time at which they came.
            names = nsmallest(BATCH, self._unseen(), key=lambda name: name.partition("/")[2])
            found: list[Letter] = []
            for name in names:
                try:
                    found.append(Letter(name, (self._path / name).lstat().st_size))
                except FileNotFoundError:
                    continue
        except OSError as error:
            raise MailboxError(f"{self} cannot be read: {error.strerror}") from None
        return found

    def _unseen(self) -> Iterator[str]:
        for part in ("new", "cur"):
            with os.scandir(self._path / part) as entries:
                for entry in entries:
                    unseen = part == "new" or "S" not in entry.name.partition(_INFO)[2]
                    # A link may lead to a file that is not the mailbox's.
                    if unseen and not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                        yield f"{part}/{entry.name}"

    def _read(self, letter: Letter) -> bytes | None:
        try:
            place = os.open(self._path / letter.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise MailboxError(f"{self}/{letter.name} cannot be read: {error.strerror}") from None
        with os.fdopen(place, "rb") as file:
            return file.read(letter.size + 1) if stat.S_ISREG(os.fstat(place).st_mode) else None

    def _mark(self, letter: Letter, marks: str) -> None:
        name = letter.name.partition("/")[2]
        base, _, flags = name.partition(_INFO)
        wanted = "".join(sorted({*flags, *marks}))
        try:
            (self._path / letter.name).rename(self._path / "cur" / f"{base}{_INFO}{wanted}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise MailboxError(f"{self}/{letter.name} cannot be put away: {error.strerror}") from None
