"""Wire: the line between a program in its thread and the loop, and the one place that says why it must end."""

import asyncio
import queue

from remit.core.programs import Bounds, Status

START = 1_735_689_600_000_000_000
"""When every program begins by its own clock: 2025-01-01, in nanoseconds."""
_TICK = 100_000
"""Nanoseconds by which its clock moves whenever it looks."""
_SLACK = 8192


class EndedError(Exception):
    """The program must not go on."""


class Wire:
    """What a program and its host say to each other: `read` and `write` are the loop's, the rest is the thread's."""

    def __init__(self, bounds: Bounds) -> None:
        """Begin with nothing said."""
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._heard = asyncio.StreamReader()
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._backlog = 0
        self._elapsed = 0
        self._shown = bytearray()
        self.verdict: tuple[Status, str] | None = None
        """Why the program must be ended, whatever it says."""

    async def read(self, count: int) -> bytes:
        """Read so many bytes, or fewer when the program has ended."""
        try:
            data = await self._heard.readexactly(count)
        except asyncio.IncompleteReadError as error:
            data = error.partial
        self._backlog -= len(data)
        return data

    async def write(self, data: bytes) -> None:
        """Answer with a frame."""
        self._answers.put(data)

    def close(self) -> None:
        """The program has ended: nothing comes any more."""
        self._heard.feed_eof()

    def end(self, status: Status, why: str) -> None:
        """End the program for this reason, unless there is one already."""
        self.verdict = self.verdict or (status, why)
        self._answers.put(None)

    @property
    def printed(self) -> bytes:
        """What the program printed, as far as it was allowed to."""
        return bytes(self._shown)

    def say(self, data: bytes) -> None:
        """Take bytes of frames from the program."""
        self._go_on()
        if not data:
            # Nothing is said, and the loop would be woken for it.
            return
        self._backlog += len(data)
        if self._backlog > self._bounds.output + _SLACK:
            self._stop("output_limit", f"it sent more than the {self._bounds.output:,} bytes that are allowed")
        self._loop.call_soon_threadsafe(self._heard.feed_data, data)

    def hear(self) -> bytes:
        """Have the program wait for a frame."""
        self._go_on()
        answer = self._answers.get()
        if answer is None:
            raise EndedError
        return answer

    def show(self, data: bytes) -> None:
        """Print."""
        self._go_on()
        room = self._bounds.output - len(self._shown)
        self._shown += data[:room]
        if len(data) > room:
            self._stop("output_limit", f"printed more than {self._bounds.output:,} bytes")

    def now(self) -> int:
        """Tell the program's own time, in nanoseconds."""
        return self.wait_until(self._elapsed + _TICK)

    def wait_until(self, elapsed: int) -> int:
        """Move the program's own clock to so many nanoseconds after its start, if it is not there yet."""
        self._go_on()
        self._elapsed = max(self._elapsed, elapsed)
        if self._elapsed > self._bounds.wall * 1e9:
            self._stop("timeout", f"more than {self._bounds.wall:g} s by its own clock")
        return self._elapsed

    def date(self) -> int:
        """Tell the program's own date, in nanoseconds since 1970."""
        return START + self.now()

    def _go_on(self) -> None:
        if self.verdict is not None:
            raise EndedError

    def _stop(self, status: Status, why: str) -> None:
        self.end(status, why)
        raise EndedError
