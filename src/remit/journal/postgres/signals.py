"""Signals: short words between the processes of a fleet, by PostgreSQL's notifications. They may be lost.

One connection of a process hears all its channels, another says all it has to say, as much as there is in one
statement. Nothing waits for either: what cannot be said is dropped, and who hears is told when it may have missed some.
"""

import asyncio
import contextlib
import logging
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from remit.journal.postgres.door import Line
from remit.journal.postgres.lines import Lines, hang_up

_log = logging.getLogger("remit.journal")

CHANNEL = "remit_news"
"""Where it is said which sessions were appended to."""
LARGEST = 7900
"""Bytes of a payload; the server takes less than 8000."""
_ROOM = 1 << 20
"""Bytes that may wait to be said."""
_AT_ONCE = 500
"""Notifications of one statement."""
_PAUSE = 0.2
"""Seconds between two attempts to reach a server that is away."""
_OFTEN = 3.0
"""Seconds between two looks at whether the connection that hears still does, at most."""
_PROBE = 5.0
"""Seconds that it has to answer, before it counts as cut."""

_SAY = "SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS said (channel, payload)"
# All who notify stand in one line until their commit is through: none of them should wait for a disk there.
_HASTE = "SET synchronous_commit = off"

_HEARING = 1380275541
"""The first key of the locks that say that a channel is heard: whoever hears it shares its lock while connected."""
_TAKE_SEAT = f"SELECT pg_advisory_lock_shared({_HEARING}, $1)"
_LEAVE_SEAT = f"SELECT pg_advisory_unlock_shared({_HEARING}, $1)"


def _seat(channel: str) -> int:
    return zlib.crc32(channel.encode()) - (1 << 31)


def hears(channel: str) -> str:
    """Give an expression that is true while somebody hears a channel; seldom true though nobody does."""
    keys = f"({_HEARING}, {_seat(channel)})"
    return f"(SELECT CASE WHEN pg_try_advisory_lock{keys} THEN NOT pg_advisory_unlock{keys} ELSE true END)"


@dataclass(eq=False, slots=True)
class _Ear:
    heard: Callable[[str], None]
    again: Callable[[], None] | None
    line: Line | None = None
    """The connection that listens for it."""


class Signals:
    """What this process says to others, and hears from them."""

    def __init__(self, lines: Lines) -> None:
        """Connect to nothing until somebody says or hears something."""
        self._lines = lines
        self._queue: deque[tuple[str, str]] = deque()
        self._waiting = 0
        self._saying: asyncio.Task[None] | None = None
        self._voice: Line | None = None
        self._ears: dict[str, list[_Ear]] = {}
        self._hearing: asyncio.Task[None] | None = None
        self._heard_by: Line | None = None
        self._channels: set[str] = set()
        self._stir = asyncio.Event()
        self._deaf = True
        self._closed = False

    # -- saying ----------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Bytes that are not said yet: whoever has much to say waits until there are few."""
        return self._waiting

    def say(self, channel: str, payload: str) -> bool:
        """Say something to all who hear a channel, soon and perhaps; false when it is dropped here and now."""
        size = len(payload.encode())
        if size > LARGEST or self._waiting + size > _ROOM or self._closed:
            return False
        self._queue.append((channel, payload))
        self._waiting += size
        if self._saying is None or self._saying.done():
            self._saying = asyncio.create_task(self._say())
        return True

    async def _say(self) -> None:
        while self._queue:
            try:
                if self._voice is None or self._voice.is_closed():
                    self._voice = await self._lines.take()
                    await self._voice.execute(_HASTE)
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), _AT_ONCE))]
                # No longer waiting, whatever becomes of it: it is not said twice.
                self._waiting -= sum(len(payload.encode()) for _, payload in batch)
                await self._voice.fetch(_SAY, [channel for channel, _ in batch], [payload for _, payload in batch])
            except Exception:  # noqa: BLE001 - whatever it was, it may be lost
                if self._voice is not None:
                    self._voice.terminate()
                    self._voice = None
                await asyncio.sleep(_PAUSE)

    # -- hearing ---------------------------------------------------------------------------------------------------

    @property
    def deaf(self) -> bool:
        """Whether nothing can be heard now."""
        return self._deaf

    def hear(
        self, channel: str, heard: Callable[[str], None], again: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Hear a channel; give what ends that.

        `again` is called whenever hearing begins: at first, and after a time in which something may have been missed.
        Neither may wait.
        """
        ear = _Ear(heard, again)
        self._ears.setdefault(channel, []).append(ear)
        self._stir.set()
        if self._hearing is None:
            self._hearing = asyncio.create_task(self._hear())

        def end() -> None:
            ears = self._ears.get(channel, [])
            if ear in ears:
                ears.remove(ear)
            if not ears:
                self._ears.pop(channel, None)
                self._stir.set()

        return end

    def _heard(self, connection: Any, process: int, channel: str, payload: str, /) -> None:
        for ear in tuple(self._ears.get(channel, ())):
            _quietly(lambda ear=ear: ear.heard(payload))

    async def _hear(self) -> None:
        line: Line | None = None
        try:
            while True:
                self._stir.clear()
                line = await self._tend(line)
                self._deaf = line is None
                pause = min(self._lines.patience.poll, _OFTEN) if line is not None else _PAUSE
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._stir.wait()
        finally:
            if line is not None:
                await hang_up(line)

    async def _tend(self, line: Line | None) -> Line | None:
        """Have a connection listen for all that is to be heard; `None` when that is not possible now."""
        try:
            if line is None or line.is_closed():
                line = await self._lines.take()
                line.add_termination_listener(lambda _: self._stir.set())
            async with asyncio.timeout(min(self._lines.patience.statement, _PROBE)):
                # It may be dead without a word.
                await line.execute("SELECT")
                await self._attend(line)
        except Exception:  # noqa: BLE001 - one that says nothing is as good as cut; the next one may be better
            if line is not None:
                line.terminate()
            return None
        except asyncio.CancelledError:
            # One that was taken just now is known to nobody else.
            if line is not None:
                line.terminate()
            raise
        return line

    async def _attend(self, line: Line) -> None:
        if self._heard_by is not line:
            self._heard_by, self._channels = line, set()
        for channel in self._channels - self._ears.keys():
            await line.remove_listener(channel, self._heard)
            await line.execute(_LEAVE_SEAT, _seat(channel))
            self._channels.discard(channel)
        for channel in self._ears.keys() - self._channels:
            await line.execute(_TAKE_SEAT, _seat(channel))
            await line.add_listener(channel, self._heard)
            self._channels.add(channel)
        for ear in [ear for ears in self._ears.values() for ear in ears if ear.line is not line]:
            ear.line = line
            if ear.again is not None:
                _quietly(ear.again)

    async def close(self) -> None:
        """Say what is still to be said, if that can be done soon, and hear nothing more."""
        self._closed = True
        if self._saying is not None:
            await asyncio.wait([self._saying], timeout=1.0)
        tasks = [task for task in (self._saying, self._hearing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._voice is not None:
            await hang_up(self._voice)


def _quietly(tell: Callable[[], None]) -> None:
    """Tell somebody whose mistakes are not ours: the next must hear all the same."""
    try:
        tell()
    except Exception:  # noqa: BLE001 - an ear may be anybody's
        _log.exception("what was heard could not be taken in")
