"""Following: who waits for news of which session. Notifications wake them soon; a look now and then misses nothing.

A notification is sent after its append was committed, by nobody who waits for it: a transaction that notifies stands in
one line with all others that do, and an append should not.
"""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

from remit.core.errors import JournalError
from remit.journal.postgres.door import Line
from remit.journal.postgres.lines import Lines, hang_up

CHANNEL = "remit_news"
_PAYLOAD = 7000
"""Bytes; the server takes less than 8000."""
_PAUSE = 0.005
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

    def __init__(self, lines: Lines) -> None:
        """Listen to nothing until somebody follows."""
        self._lines = lines
        self._waiting: dict[str, set[Follower]] = {}
        self._fresh: set[str] = set()
        self._telling: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._deaf = asyncio.Event()

    # -- telling ---------------------------------------------------------------------------------------------------

    def tell(self, session: str) -> None:
        """Say that something was appended: here at once, to others soon."""
        self._wake(session)
        self._fresh.add(session)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        while self._fresh:
            payloads = _payloads(sorted(self._fresh))
            self._fresh.clear()
            # Not tried again: those who follow look for themselves now and then.
            with contextlib.suppress(JournalError):
                await self._lines.do(
                    lambda line, payloads=payloads: line.fetch(
                        "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload", CHANNEL, payloads
                    )
                )
            await asyncio.sleep(_PAUSE)

    # -- hearing ---------------------------------------------------------------------------------------------------

    def join(self, session: str) -> Follower:
        """Begin to follow."""
        follower = Follower()
        self._waiting.setdefault(session, set()).add(follower)
        if self._hearing is None:
            self._hearing = asyncio.create_task(self._hear())
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

    def _heard(self, connection: Any, process: int, channel: str, payload: str, /) -> None:
        for session in json.loads(payload):
            self._wake(session)

    async def _hear(self) -> None:
        """Listen from the first follower on, and look for what was missed."""
        line: Line | None = None
        try:
            while True:
                if line is None:
                    line = await self._listen()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._lines.patience.poll):
                        await self._deaf.wait()
                line = await self._look(line)
        finally:
            if line is not None:
                await hang_up(line)

    async def _listen(self) -> Line | None:
        """Listen; `None` when that is not possible now."""
        self._deaf.clear()
        try:
            line = await self._lines.take()
            line.add_termination_listener(lambda _: self._deaf.set())
            await line.add_listener(CHANNEL, self._heard)
        except Exception:  # noqa: BLE001 - those who follow look for themselves meanwhile, and are told if that fails
            return None
        # What was appended before we listened.
        self._wake_all()
        return line

    async def _look(self, line: Line | None) -> Line | None:
        """Wake those who follow a session that has gone on; give the connection back if it is still good."""
        wanted = list(self._waiting)
        if not wanted:
            return line
        try:
            if line is None:
                rows = await self._lines.do(lambda other: other.fetch(_HEADS, wanted))
            else:
                # Over the connection that listens, which may be dead without a word.
                rows = await line.fetch(_HEADS, wanted)
        except Exception:  # noqa: BLE001 - one that says nothing is as good as cut; the next look is with another
            if line is not None:
                line.terminate()
            return None
        for session, head in rows:
            for follower in self._waiting.get(session, ()):
                if head > follower.seen:
                    follower.news.set()
        return line

    async def close(self) -> None:
        """Tell what is still to be told, if that can be done soon, and stop hearing."""
        if self._telling is not None:
            await asyncio.wait([self._telling], timeout=1.0)
        tasks = [task for task in (self._telling, self._hearing) if task is not None]
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
