"""Log: exchanges as lines of JSON in a file, written beside the calls and never in their way."""

import asyncio
import fcntl
import logging
import os
import threading
from itertools import accumulate, islice
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from remit.core.errors import ConfigError
from remit.tools.http.records import Exchange

_log = logging.getLogger("remit.http")
_MODE = 0o600
_WAITING = 100_000
"""Lines that wait at most while the disk does not take them."""


class ExchangeLog:
    """Appends each exchange to a file, as a line that is there whole or not at all: `Egress(record=log)`.

    Lines are written once a second and when it is closed. Several processes may share a file. When the disk does not
    take a line, the calls go on: the logger `remit.http` is told once, and the lines wait.
    """

    def __init__(self, path: str | Path, *, largest: int = 100_000_000, kept: int = 5, every: float = 1.0) -> None:
        """Take the file, which is moved to `PATH.1`, `PATH.2`, ... when it has `largest` bytes, `kept` of them.

        `every` is in seconds. Raise `ConfigError` when the file cannot be written.
        """
        if largest < 1 or kept < 1 or every <= 0:
            raise ConfigError("an exchange log keeps at least one file of at least one byte, and waits above 0 seconds")
        self._path, self._largest, self._kept, self._every = Path(path), largest, kept, every
        self._lines: list[bytes] = []
        self._lost, self._failing = 0, False
        self._encode = msgspec.json.Encoder().encode
        self._lock, self._stop = threading.Lock(), threading.Event()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(self._opened())
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be written: {error.strerror or error}") from None
        self._writer: threading.Thread | None = None

    def __call__(self, exchange: Exchange) -> None:
        """Take an exchange; quick, and from any thread."""
        line = self._encode(exchange) + b"\n"
        with self._lock:
            if len(self._lines) >= _WAITING:
                self._lost += 1
                return
            self._lines.append(line)
            if self._writer is None:
                self._stop.clear()
                self._writer = threading.Thread(target=self._work, name="remit-exchange-log", daemon=True)
                self._writer.start()

    async def close(self) -> None:
        """Write what is left; it begins again with the next exchange."""
        await asyncio.to_thread(self._end)

    async def __aenter__(self) -> Self:
        """Give itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    # -- in the writer's thread ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._stop.wait(self._every):
            self._flush()

    def _end(self) -> None:
        with self._lock:
            writer, self._writer = self._writer, None
            self._stop.set()
        if writer is not None:
            writer.join()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
        written = 0
        try:
            while written < len(lines):
                written += self._append(lines[written:])
        except OSError as error:
            self._failed(lines[written:], error)
        else:
            if lines:
                self._recovered()

    def _append(self, lines: list[bytes]) -> int:
        """Write as many lines as fit and give how many, 0 when the file had to be moved; raise `OSError` for none."""
        file = self._opened()
        try:
            size = _mended(file)
            if size and size + len(lines[0]) > self._largest:
                self._rotate()
                return 0
            sizes = accumulate(map(len, lines), initial=size)
            count = max(1, sum(1 for total in islice(sizes, 1, None) if total <= self._largest))
            _write(file, b"".join(lines[:count]))
            return count
        finally:
            os.close(file)

    def _opened(self) -> int:
        """Open the file and lock it against other processes; closing it unlocks it."""
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(file), self._path.stat()):
                    return file
            except FileNotFoundError:
                pass
            except OSError:
                os.close(file)
                raise
            # Another process has moved it away meanwhile.
            os.close(file)

    def _rotate(self) -> None:
        for number in range(self._kept - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _failed(self, lines: list[bytes], error: OSError) -> None:
        with self._lock:
            room = max(0, _WAITING - len(self._lines))
            self._lost += max(0, len(lines) - room)
            self._lines = lines[:room] + self._lines
        if not self._failing:
            _log.error("%s cannot be written: %s; calls go on, and their lines wait", self._path, error.strerror)
        self._failing = True

    def _recovered(self) -> None:
        if self._failing:
            lost, self._lost = self._lost, 0
            _log.warning("%s is written again; %d lines were lost", self._path, lost)
        self._failing = False


def _mended(file: int) -> int:
    """Give the size of a locked file, without the part of a line that a crash left at its end."""
    size = os.fstat(file).st_size
    if size == 0 or os.pread(file, 1, size - 1) == b"\n":
        return size
    while size:
        start = max(0, size - 65536)
        found = os.pread(file, size - start, start).rfind(b"\n")
        size = start + found + 1 if found >= 0 else start
        if found >= 0:
            break
    os.ftruncate(file, size)
    return size


def _write(file: int, body: bytes) -> None:
    """Write all of it or nothing, to a locked file."""
    before, done = os.fstat(file).st_size, 0
    try:
        while done < len(body):
            done += os.write(file, body[done:])
    except OSError:
        os.ftruncate(file, before)
        raise
