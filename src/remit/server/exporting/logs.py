"""Logs as lines of JSON, of sessions and of the server itself, written by a thread of their own. Needs structlog.

Writing is never in the way: when a disk or whoever reads a pipe is slow, lines wait, the oldest of too many are given
up, and the next line that is written says how many.
"""

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from remit.core.errors import ConfigError
from remit.core.events import Record
from remit.core.ports import SessionRow
from remit.core.values import JsonObject, now_ms
from remit.telemetry.logs import LONGEST, Logs
from remit.telemetry.metrics import Measured, Sample
from remit.telemetry.metrics import families as fam

try:
    import structlog
except ImportError as error:
    raise ConfigError(f"logs as JSON need an extra: pip install 'remit[logs]' ({error})") from error

_MODE = 0o600
_PATIENCE = 5.0
"""Seconds for what waits at the end."""
_LOST = "log.lost"
STDERR = "-"
"""Give this instead of a file for standard error."""

_NOTHING = (None, None, None)

_Entry = tuple[str, str, int, str, JsonObject]
"""Level, event, milliseconds since the epoch, logger and fields."""


class Logging(msgspec.Struct, frozen=True, kw_only=True):
    """Where logs go and what they tell."""

    to: str = STDERR
    """A file that is appended to, also after it was moved away; `-` for standard error."""
    content: bool = False
    """Whether what was said and done goes with them. Registered secrets are in no record, personal data may be."""
    longest: int = LONGEST
    """Characters of a captured value."""
    room: int = 100_000
    """Lines that may wait; the oldest make room."""
    every: float = 0.2
    """Seconds between two writes."""


class Output(Protocol):
    """Where lines go."""

    def write(self, lines: bytes, /) -> None:
        """Write whole lines; it may wait. Raise `OSError` when it cannot be."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class LogExport:
    """A reader that writes a line for each thing worth one. Run it, and close it at the end."""

    def __init__(
        self,
        how: Logging | None = None,
        *,
        output: Output | None = None,
        processors: Sequence[structlog.typing.Processor] = (),
    ) -> None:
        """Write where it is said, unless another `output` is given; raise `ConfigError` when that cannot be written.

        `processors` are structlog's: each may change a line or drop it. They run in the thread that writes.
        """
        self._how = how = how or Logging()
        self._logs = Logs(content=how.content, longest=how.longest)
        self._output: Output = output or (_Stderr() if how.to == STDERR else _File(Path(how.to)))
        self._waiting: deque[_Entry] = deque()
        self._processors = (*processors, structlog.processors.JSONRenderer(serializer=_json))
        self._room = threading.Lock()
        self._writing, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self.written = 0
        self.crowded = 0
        """Lines given up because there was no room."""
        self.failed = 0
        """Lines given up because they could not be written."""
        self._said = 0

    # -- what a follower calls -------------------------------------------------------------------------------------

    def see(self, session: str, record: Record, *, fresh: bool = True) -> None:
        """Take in a session's next record; what is not `fresh` was written before."""
        line = self._logs.see(session, record)
        if fresh and line is not None:
            self._add((line.level, line.event, line.at, "remit.session", dict(line.fields)))

    def forget(self, session: str) -> None:
        """Let go of a session that is at rest."""
        self._logs.forget(session)

    def survey(self, rows: Iterable[SessionRow]) -> None:
        """Do nothing: a list is no news."""

    # -- what the server says itself -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def heard(self, level: int = logging.INFO) -> Generator[None]:
        """Write the records of all loggers of this process meanwhile, in the same form, from `level` on.

        They are held to what the root logger's own filters demand, such as that no registered secret is in them.
        """
        root, handler = logging.getLogger(), _Hears(self._add)
        handler.setLevel(level)
        for one in root.filters:
            handler.addFilter(one)
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)

    # -- writing ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write what there is, again and again, until cancelled."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="remit-logs", daemon=True)
            self._thread.start()
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Write what waits, for a bounded time, and let go."""
        self._stop.set()
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def end() -> None:
            self._end()
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(over.set)

        # One that hangs in a write is left behind: it is a daemon, and nobody can free it.
        threading.Thread(target=end, name="remit-logs-end", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await over.wait()

    def measured(self, now: int) -> list[Measured]:
        """Tell how writing goes: a source of metrics."""
        del now
        lost = (Sample(("no_room",), float(self.crowded)), Sample(("not_written",), float(self.failed)))
        return [Measured(fam.LOGGED, (Sample((), float(self.written)),)), Measured(fam.LOG_LOST, lost)]

    def _add(self, entry: _Entry) -> None:
        """Take a line; quick, and from any thread."""
        with self._room:
            self._waiting.append(entry)
            if len(self._waiting) > self._how.room:
                self._waiting.popleft()
                self.crowded += 1

    def _work(self) -> None:
        while not self._stop.wait(self._how.every):
            self.flush()

    def _end(self) -> None:
        self.flush()
        with self._writing:
            self._output.close()

    def _line(self, entry: _Entry) -> bytes:
        level, event, at, name, fields = entry
        told: Any = {"time": _iso(at), "level": level, "logger": name, "event": event, **fields}
        try:
            for process in self._processors:
                told = process(None, level, told)
        except structlog.DropEvent:
            return b""
        return (told if isinstance(told, bytes) else str(told).encode()) + b"\n"

    def flush(self) -> None:
        """Write all that waits; it may wait itself, so it is for threads that may."""
        with self._writing:
            with self._room:
                entries, self._waiting = list(self._waiting), deque()
                lost = self.crowded + self.failed - self._said
            if lost:
                entries.append(("warning", _LOST, now_ms(), "remit.telemetry", {"lines": lost}))
            if not entries:
                return
            try:
                self._output.write(b"".join(map(self._line, entries)))
            except Exception:  # noqa: BLE001 - a disk or a processor; said by a logger it would be another such line
                self.failed += len(entries) - bool(lost)
                return
            self._said += lost
            self.written += len(entries)


# -- lines -------------------------------------------------------------------------------------------------------------


def _json(told: JsonObject, **_: object) -> bytes:
    return msgspec.json.encode(told, enc_hook=repr)


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Hears(logging.Handler):
    """Takes records of the standard library's loggers."""

    def __init__(self, add: Callable[[_Entry], None]) -> None:
        super().__init__()
        self._add, self._texts = add, logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        try:
            fields: JsonObject = {}
            if record.exc_info or record.exc_text:
                fields["exception"] = record.exc_text or self._texts.formatException(record.exc_info or _NOTHING)
            level = "error" if record.levelno >= logging.ERROR else record.levelname.lower()
            self._add((level, record.getMessage(), round(record.created * 1000), record.name, fields))
        except Exception:  # noqa: BLE001 - as every handler of the standard library: what breaks here breaks nobody else
            self.handleError(record)


# -- where they go -----------------------------------------------------------------------------------------------------


class _Stderr:
    def write(self, lines: bytes, /) -> None:
        # Whatever `sys.stderr` is by now, such as what a test has put there.
        sys.stderr.write(lines.decode())
        sys.stderr.flush()

    def close(self) -> None:
        """Leave it open: it is everybody's."""


class _File:
    """A file that is opened again when somebody has moved it away, as those who rotate logs do."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, -1
        try:
            self._open()
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from None

    def write(self, lines: bytes, /) -> None:
        self._open()
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(self._file, rest) :]

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _open(self) -> None:
        if self._file >= 0:
            try:
                if os.path.samestat(os.fstat(self._file), self._path.stat()):
                    return
            except FileNotFoundError:
                pass
            self.close()
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
