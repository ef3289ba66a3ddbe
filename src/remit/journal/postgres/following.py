"""Following: who waits for news of which session. Notifications wake them soon; a look now and then misses nothing.

A notification is sent after its append was committed, by nobody who waits for it: a transaction that notifies stands in
one line with all others that do, and an append should not. It says whether anybody hears; if not, nothing is told.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from remit.core.errors import JournalError
from remit.journal.postgres.lines import Lines
from remit.journal.postgres.signals import CHANNEL, Signals

_PAYLOAD = 7000
"""Bytes; the server takes less than 8000."""
_PAUSE = 0.02
"""Seconds between two notifications of a process, which gather what came meanwhile."""
_HEADS = "SELECT id, head FROM remit.sessions WHERE id = ANY ($1::text[])"


@dataclass(slots=True, eq=False)
class Follower:
    """Somebody who follows a session."""

    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be news."""
    seen: int = 0
    """How far it has come."""


class News:
    """The followers of this process, and what it tells those of others."""

    def __init__(self, lines: Lines, signals: Signals) -> None:
        """Listen to nothing until somebody follows."""
        self._lines, self._signals = lines, signals
        self._waiting: dict[str, set[Follower]] = {}
        self._fresh: set[str] = set()
        self._telling: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._deafen: Callable[[], None] | None = None

    # -- telling ---------------------------------------------------------------------------------------------------

    def tell(self, session: str, *, heard: bool) -> None:
        """Say that something was appended: here at once, to others soon if any may be `heard` by."""
        self._wake(session)
        if not heard:
            return
        self._fresh.add(session)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        while self._fresh:
            # What is lost of it is found: those who follow look for themselves now and then.
            for payload in _payloads(sorted(self._fresh)):
                self._signals.say(CHANNEL, payload)
            self._fresh.clear()
            await asyncio.sleep(_PAUSE)

    # -- hearing ---------------------------------------------------------------------------------------------------

    def join(self, session: str) -> Follower:
        """Begin to follow."""
        follower = Follower()
        self._waiting.setdefault(session, set()).add(follower)
        if self._deafen is None:
            self._deafen = self._signals.hear(CHANNEL, self._heard, self._wake_all)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return follower

    def leave(self, session: str, follower: Follower) -> None:
        """Follow no longer."""
        followers = self._waiting[session]
        followers.discard(follower)
        if not followers:
            del self._waiting[session]

    def _wake(self, session: str) -> None:
        for follower in self._waiting.get(session, ()):
            follower.news.set()

    def _wake_all(self) -> None:
        for session in self._waiting:
            self._wake(session)

    def _heard(self, payload: str) -> None:
        for session in json.loads(payload):
            self._wake(session)

    async def _look(self) -> None:
        """Look from time to time for what was missed, for as long as somebody follows."""
        while True:
            await asyncio.sleep(self._lines.patience.poll)
            wanted = list(self._waiting)
            if not wanted:
                # Nobody need tell us any more.
                if self._deafen is not None:
                    self._deafen()
                    self._deafen = None
                return
            try:
                rows = await self._lines.do(lambda line, wanted=wanted: line.fetch(_HEADS, wanted))
            except JournalError:
                # The next look is another.
                continue
            for session, head in rows:
                for follower in self._waiting.get(session, ()):
                    if head > follower.seen:
                        follower.news.set()

    async def close(self) -> None:
        """Say what is still to be told, and look for nothing more."""
        for payload in _payloads(sorted(self._fresh)):
            self._signals.say(CHANNEL, payload)
        tasks = [task for task in (self._telling, self._looking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _payloads(sessions: list[str]) -> list[str]:
    """Write the names of sessions in as few notifications as they fit in."""
    payloads: list[str] = []
    names: list[str] = []
    size = 2
    for session in sessions:
        name = json.dumps(session)
        if len(name) > _PAYLOAD:
            continue
        if size + len(name) > _PAYLOAD:
            payloads.append(f"[{','.join(names)}]")
            names, size = [], 2
        names.append(name)
        size += len(name) + 1
    if names:
        payloads.append(f"[{','.join(names)}]")
    return payloads
