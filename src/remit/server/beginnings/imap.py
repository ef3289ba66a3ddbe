"""IMAP: mails on a server (RFC 9051, 3501): those that are not marked as seen wait.

A mail is named by its UID only while its folder stays selected, in which UIDs cannot change their meaning; what a mail
is, is told by its content. So neither UIDs nor UIDVALIDITY are kept, and a folder made anew is simply looked through.
"""

import asyncio
import contextlib
import imaplib
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from threading import Thread
from typing import Any, TypeVar, cast

from remit.core.errors import ConfigError, RemitError
from remit.server.beginnings.mailbox import BATCH, Letter, MailboxError
from remit.server.beginnings.settings import ImapSettings

T = TypeVar("T")

_TLS_PORT, _PORT = 993, 143
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
_UID = re.compile(rb"UID (\d+)")


class ImapMailbox:
    """A folder of a server. One thing is done at a time, in a thread; a connection that fails is opened again."""

    def __init__(self, settings: ImapSettings, password: Callable[[], Awaitable[str]]) -> None:
        """Take where it is, and who gives the password whenever there is a new connection."""
        self._settings, self._password = settings, password
        self._line: imaplib.IMAP4 | None = None
        self._closed = False
        self._trust: ssl.SSLContext | None = None
        if settings.place.scheme == "imaps":
            try:
                self._trust = ssl.create_default_context(cafile=settings.ca or None)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(f"the certificates in {settings.ca!r} cannot be read: {error}") from None

    def __str__(self) -> str:
        """Say where it is."""
        settings = self._settings
        return f"{settings.folder} of {settings.user} at {settings.url}"

    async def waiting(self) -> Sequence[Letter]:
        """See `Mailbox.waiting`."""
        if self._line is None:
            password = await self._password()
            await self._do(lambda: self._open(password))
        return await self._do(self._unseen)

    async def read(self, letter: Letter) -> bytes | None:
        """See `Mailbox.read`."""
        return await self._do(lambda: self._fetch(letter))

    async def done(self, letter: Letter) -> None:
        """See `Mailbox.done`."""
        await self._do(lambda: self._move(letter) if self._settings.move_to else self._store(letter, r"(\Seen)"))

    async def aside(self, letter: Letter) -> None:
        """See `Mailbox.aside`."""
        await self._do(lambda: self._store(letter, r"(\Seen \Flagged)"))

    async def close(self) -> None:
        """See `Mailbox.close`."""
        if self._line is not None:
            with contextlib.suppress(MailboxError, TimeoutError):
                async with asyncio.timeout(2):
                    await self._do(self._log_out)
        self._closed = True
        self._drop()

    # -- in a thread ---------------------------------------------------------------------------------------------------

    async def _do(self, what: Callable[[], T]) -> T:
        try:
            return await _threaded(what)
        except RemitError:
            raise
        except (imaplib.IMAP4.error, OSError, ValueError) as error:
            self._drop()
            raise MailboxError(f"{self}: {_words(error)}") from None
        except BaseException:
            # What is cut off half-way leaves a line on which nobody knows what is answered next.
            self._drop()
            raise

    def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            with contextlib.suppress(OSError):
                # Below TLS, where it ends what a thread waits for.
                socket.socket.shutdown(line.socket(), socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                line.shutdown()

    @property
    def _open_line(self) -> imaplib.IMAP4:
        if self._line is None:
            raise MailboxError(f"{self}: the connection is gone")
        return self._line

    def _log_out(self) -> None:
        self._open_line.logout()

    def _open(self, password: str) -> None:
        settings, place = self._settings, self._settings.place
        host = place.hostname or ""
        if self._trust is not None:
            line: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                host, place.port or _TLS_PORT, ssl_context=self._trust, timeout=settings.timeout
            )
        else:
            line = imaplib.IMAP4(host, place.port or _PORT, timeout=settings.timeout)
        if self._closed:
            line.shutdown()
            return
        self._line = line
        # The library puts the password into quotes, but not the user.
        line.login(_quoted(settings.user), password)
        _good(line.select(_quoted(settings.folder)))
        if settings.move_to and "MOVE" not in _capabilities(line):
            raise MailboxError(f"{self}: the server cannot move mails (RFC 6851); leave `move_to` out")

    def _unseen(self) -> list[Letter]:
        line = self._open_line
        _good(line.noop())
        said = _good(line.uid("SEARCH", "UNSEEN", "UNDELETED"))
        names = sorted({int(one) for part in said if isinstance(part, bytes) for one in part.split()})[:BATCH]
        if not names:
            return []
        sizes: dict[int, int] = {}
        for part in _good(line.uid("FETCH", ",".join(map(str, names)), "(UID RFC822.SIZE)")):
            if isinstance(part, bytes) and (size := _SIZE.search(part)) and (uid := _UID.search(part)):
                sizes[int(uid[1])] = int(size[1])
        return [Letter(str(name), sizes[name]) for name in names if name in sizes]

    def _fetch(self, letter: Letter) -> bytes | None:
        # Not as much as it was said to be, of which some servers are not sure.
        most = (self._settings.most_mb << 20) + 1
        for part in _good(self._open_line.uid("FETCH", letter.name, f"(UID BODY.PEEK[]<0.{most}>)")):
            if isinstance(part, tuple):
                head, body = cast("tuple[bytes, bytes]", part)
                if b"BODY[]" in head.upper():
                    return body
        return None

    def _store(self, letter: Letter, marks: str) -> None:
        _good(self._open_line.uid("STORE", letter.name, "+FLAGS.SILENT", marks))

    def _move(self, letter: Letter) -> None:
        _good(self._open_line.uid("MOVE", letter.name, _quoted(self._settings.move_to)))


def _good(answer: tuple[str, list[Any]]) -> list[Any]:
    """Give what a server answered; raise `MailboxError` when it would not."""
    said, data = answer
    if said != "OK":
        why = next((one.decode(errors="replace") for one in data if isinstance(one, bytes)), "")
        raise MailboxError(f"the server says {said}: {why[:200]}")
    return data


def _capabilities(line: imaplib.IMAP4) -> frozenset[str]:
    # Asked again, as what it can do may depend on who logged in.
    return frozenset(" ".join(one.decode("ascii", "replace") for one in _good(line.capability())).upper().split())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(error) or type(error).__name__


async def _threaded(what: Callable[[], T]) -> T:
    """Do something in a thread of its own: one that hangs must not keep the process from ending."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(found: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(found)  # type: ignore[arg-type]  # there is no error, so there is a result

    def work() -> None:
        found, problem = None, None
        try:
            found = what()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            problem = error
        # The loop may be gone by now.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, found, problem)

    Thread(target=work, name="remit-imap", daemon=True).start()
    return await done
