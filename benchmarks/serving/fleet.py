"""Fleet: sessions of a server with their event streams open, and messages to them at a steady rate."""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from benchmarks.serving.hearing import Ear, Ledger, Message
from benchmarks.serving.servers import Server
from benchmarks.serving.wire import Line, LostError

AT_ONCE = 40
"""Sessions made, or streams opened, at the same time."""
PATIENCE = 60.0
"""Seconds for one stream to open."""
LAG = 0.05
IDLE = 2_000_000_000
"""Nanoseconds after which a connection is not used again; servers close theirs after five seconds."""


class StuckError(Exception):
    """The server did not do what the load needs first."""


@dataclass(slots=True)
class Tally:
    """What one load gave, raw."""

    planned: int
    messages: list[Message] = field(default_factory=list[Message])
    unsent: list[int] = field(default_factory=list[int])
    """When messages were due for which no session was free."""
    delays: list[int] = field(default_factory=list[int])
    faults: int = 0
    over: int = 0
    """When it was over, in nanoseconds."""
    lags: list[float] = field(default_factory=list[float])
    """How late the driver itself was, in seconds."""


class Fleet:
    """All that the driver holds open."""

    def __init__(self, server: Server, port: int) -> None:
        """Begin with nothing open."""
        self._server, self._port = server, port
        self.ledger = Ledger()
        self.ears: list[Ear] = []
        self._lines: list[Line] = []
        self._idle: list[Line] = []
        self._free: deque[Ear] = deque()
        self._listening = 0
        self._quiet = asyncio.Event()
        """Set while no message is under way."""
        self._numbers = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def sessions(self, count: int) -> None:
        """Make sessions."""
        self.ears = [Ear(self._server, self.ledger, self._released, f"s{number}") for number in range(count)]
        await self._each(self.ears, self._begun)

    async def follow(self, ears: list[Ear]) -> None:
        """Open their streams, after which they can be told something."""
        await self._each(ears, self._followed)
        self._free.extend(ears)
        self._listening += len(ears)
        if len(self._free) == self._listening:
            self._quiet.set()

    async def tails(self) -> dict[str, int]:
        """Return how many events each session has, by the server's own count."""
        found: dict[str, int] = {}
        last = self._server.last
        if last is None:
            return found

        async def told(ear: Ear) -> None:
            ask = last(ear.session)
            answer = await self._asked(lambda line: line.ask(ask))
            found[ear.session] = int(json.loads(answer)["seq"])

        await self._each(self.ears, told)
        return found

    async def load(self, rate: float, seconds: float, grace: float) -> Tally:
        """Send messages at a rate, whatever becomes of them, then wait for those under way."""
        planned = round(rate * seconds)
        tally = Tally(planned)
        said, faults = len(self.ledger.delays), self.ledger.faults
        watching = asyncio.create_task(self._watch(tally))
        start = time.monotonic_ns() + 10_000_000
        for place in range(planned):
            due = start + round(place / rate * 1e9)
            await asyncio.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
            self._send(tally, due)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._quiet.wait()
        watching.cancel()
        tally.over = time.monotonic_ns()
        tally.delays = self.ledger.delays[said:]
        tally.faults = self.ledger.faults - faults
        return tally

    def close(self) -> None:
        """Hang up everywhere."""
        for task in self._tasks:
            task.cancel()
        for line in (*self._lines, *self._idle):
            line.close()

    # -- one of them -------------------------------------------------------------------------------------------------

    def _send(self, tally: Tally, due: int) -> None:
        if not self._free:
            tally.unsent.append(due)
            return
        ear = self._free.popleft()
        self._numbers += 1
        message = self.ledger.messages[self._numbers] = Message(self._numbers, due)
        tally.messages.append(message)
        ear.tell(message)
        self._quiet.clear()
        task = asyncio.create_task(self._told(ear, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _released(self, ear: Ear) -> None:
        self._free.append(ear)
        if len(self._free) == self._listening:
            self._quiet.set()

    async def _told(self, ear: Ear, message: Message) -> None:
        ask = self._server.tell(ear.session, message.number)
        hear = ear.hear if self._server.answers else None
        try:
            await self._asked(lambda line: line.ask(ask, hear))
        except (LostError, OSError, StuckError) as error:
            self.ledger.wrong(f"{type(error).__name__} {error}")
            if ear.message is message:
                ear.message = None
                self._released(ear)

    async def _asked(self, ask: Callable[[Line], Awaitable[bytes]]) -> bytes:
        line = self._rested() or await Line.connect(self._port)
        answer = await ask(line)
        status = line.status
        self._idle.append(line)
        if status >= 300:
            raise StuckError(f"status {status}: {answer[:100]!r}")
        return answer

    def _rested(self) -> Line | None:
        """Take a connection that can be used again: a server may be about to close one that was idle for long."""
        while self._idle:
            line = self._idle.pop()
            if line.open and time.monotonic_ns() - line.at < IDLE:
                return line
            line.close()
        return None

    async def _begun(self, ear: Ear) -> None:
        if self._server.begin is not None:
            ask = self._server.begin(0)
            ear.session = self._server.named(await self._asked(lambda line: line.ask(ask)))

    async def _followed(self, ear: Ear) -> None:
        line = await Line.connect(self._port)
        self._lines.append(line)
        # Where a stream is that of a run, the run that holds it is none of the load's.
        hear = Ear(self._server, self.ledger, lambda _: None).hear if self._server.answers else ear.hear
        async with asyncio.timeout(PATIENCE):
            status = await line.begin(self._server.follow(ear.session), hear)
        if status != 200:
            raise StuckError(f"an event stream was refused with status {status}")

    async def _each(self, ears: list[Ear], act: Callable[[Ear], Awaitable[None]]) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(ear: Ear) -> None:
            async with room:
                await act(ear)

        async with asyncio.TaskGroup() as group:
            for ear in ears:
                group.create_task(one(ear))

    async def _watch(self, tally: Tally) -> None:
        while True:
            due = time.monotonic() + LAG
            await asyncio.sleep(LAG)
            tally.lags.append(time.monotonic() - due)

    @property
    def broken(self) -> int:
        """Return how many streams the server has ended."""
        return sum(not line.open for line in self._lines)
