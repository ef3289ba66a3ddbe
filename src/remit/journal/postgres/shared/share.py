"""Share: a worker's part of a bound. Who waits is served in order of arrival, from a grant that comes in chunks."""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from remit.core.errors import ConfigError, JournalError
from remit.core.ports import Clock
from remit.journal.postgres.lines import Patience
from remit.journal.postgres.shared.grant import ROOM, Bound, Grant, Report

_EMPTY = 0.1
"""Seconds for which room that somebody has left is kept for the next one here."""
_HANDFUL, _PART = 0.5, 8
"""Whoever waits with others behind them waits for what comes in within so many seconds, or this part of the size, so
that the database is not asked for each of them."""
_QUANTUM = 0.1
"""Seconds for which room goes from hand to hand here while others elsewhere wait for some."""
_LOOK = 0.5
"""Seconds after which whoever waits asks again at the latest: others may have given something back."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the database says to a report."""

    given: Sequence[float]
    wait: float
    """Seconds until what is needed may be there."""
    others: int
    """Workers that wait for some of it."""
    stopped: float
    """Seconds for which nobody may use anything."""


Exchange = Callable[[Report, float], Awaitable[Answer]]
"""Tells a report, and for how many seconds everybody should stop; raises `JournalError` when nobody answers."""


@dataclass(slots=True, eq=False)
class _Ticket:
    """A place in the queue."""

    need: Sequence[float]
    deadline: float
    ended: "asyncio.Future[float | None]"
    """Nothing once it was served, or the seconds until it might have been."""

    @property
    def served(self) -> bool:
        """Whether it got what it needs, also when that was at the very moment somebody stopped waiting."""
        ended = self.ended
        return ended.done() and not ended.cancelled() and ended.exception() is None and ended.result() is None


@dataclass(slots=True)
class _Demand:
    """How much was wanted of late: what may be asked for beyond what is needed at once."""

    second: int = 0
    now: list[float] = field(default_factory=list[float])
    before: list[float] = field(default_factory=list[float])

    def add(self, need: Sequence[float], at: float) -> None:
        self._turn(len(need), at)
        self.now = [much + more for much, more in zip(self.now, need, strict=True)]

    def of(self, count: int, at: float) -> list[float]:
        self._turn(count, at)
        return [max(pair) for pair in zip(self.now, self.before, strict=True)]

    def _turn(self, count: int, at: float) -> None:
        second = int(at)
        if second != self.second or len(self.now) != count:
            self.before = self.now if second == self.second + 1 and self.now else [0.0] * count
            self.now, self.second = [0.0] * count, second


class Share:
    """Gives from a worker's grant what there is, and asks for more. It belongs to one loop."""

    def __init__(
        self, bounds: Sequence[Bound], exchange: Exchange, patience: Patience, *, clock: Clock = time.monotonic
    ) -> None:
        """Take what is bounded and how the database is asked; the clock may show any time, if it goes steadily."""
        self._bounds, self._exchange, self._patience, self._clock = tuple(bounds), exchange, patience, clock
        self._grant = Grant(bounds, patience.life)
        self._demand = _Demand()
        self._waiting: deque[_Ticket] = deque()
        self._stopped = self._again = self._asked = -math.inf
        self._wish = 0.0
        """Seconds for which everybody is to be told to stop."""
        self._others = 0
        self._used = self._placed = False
        """Whether something was used since the last report, and whether others wait behind what we asked for."""
        self._since = -math.inf
        """When something was last given."""
        self._left = math.inf
        """When the room became empty that nobody has entered since."""
        self._free = -math.inf
        """When there may be something again for whoever comes now."""
        self._changed = asyncio.Event()
        self._going: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait for their turn here."""
        return len(self._waiting)

    # -- using -----------------------------------------------------------------------------------------------------

    async def take(self, need: Sequence[float], patience: float) -> float | None:
        """Use so much once it is there; give the seconds until it may be when that is longer than patience lasts.

        While the database cannot be asked nothing is given, and whoever waits does so for the patience of its lines
        beyond their own.
        """
        if self._closed:
            raise JournalError("the store was closed")
        now = self._clock()
        if not self._waiting and self._spend(need, now):
            self._wake()
            return None
        if not self._waiting and now < self._again and now + patience < self._free:
            # Asked a moment ago.
            return self._free - now
        ticket = _Ticket(need, now + patience, asyncio.get_running_loop().create_future())
        if not self._waiting:
            self._again = -math.inf
        self._waiting.append(ticket)
        self._wake()
        try:
            async with asyncio.timeout(patience + self._patience.outage):
                return await ticket.ended
        except TimeoutError:
            return None if ticket.served else self._patience.outage
        except BaseException:
            if ticket.served:
                self.give_back(need)
            raise
        finally:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                self._wake()

    def give_back(self, amounts: Sequence[float]) -> None:
        """Take back what was not used after all or what was made room of, or with negative numbers what was beyond."""
        # While others wait, what becomes free here is theirs soon: else whoever is quick would keep it for ever.
        keep = not self._others or (bool(self._waiting) and self._clock() < self._since + _QUANTUM)
        self._grant.give_back(amounts, keep=keep)
        if not keep:
            self._again = -math.inf
        if any(much > 0 and bound.rate == ROOM for much, bound in zip(amounts, self._bounds, strict=True)):
            self._left = self._clock()
        self._wake()

    def pause(self, seconds: float) -> None:
        """Have nobody use anything for so many seconds, here and elsewhere."""
        self._stopped = max(self._stopped, self._clock() + seconds)
        self._wish = max(self._wish, seconds)
        self._again = -math.inf
        self._wake()

    def _spend(self, need: Sequence[float], now: float) -> bool:
        if now < self._stopped or not self._grant.spend(need, now):
            return False
        self._demand.add(need, now)
        self._used, self._left = True, math.inf
        return True

    def _serve(self) -> None:
        now = self._clock()
        while self._waiting and (self._waiting[0].ended.done() or self._spend(self._waiting[0].need, now)):
            ticket = self._waiting.popleft()
            if not ticket.ended.done():
                ticket.ended.set_result(None)

    # -- asking ----------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._changed.set()
        if self._going is None or self._going.done():
            self._going = asyncio.create_task(self._go())

    async def _go(self) -> None:
        """Serve who waits, and tell the database once a beat what was used, until there is nothing to tell."""
        while True:
            self._changed.clear()
            self._serve()
            if not self._waiting and not self._wish and not self._placed and self._grant.idle:
                return
            pause = self._due() - self._clock()
            if pause > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._changed.wait()
                continue
            try:
                await self._ask()
            except (JournalError, ConfigError):
                # Nobody uses more than was granted meanwhile; the same report is told again.
                self._again = self._clock() + _LOOK

    def _due(self) -> float:
        # Whatever others wait for is told at once; all else can wait for the beat.
        beat = min(self._asked + min(self._patience.beat, self._patience.life / 3), self._left + _EMPTY)
        if self._placed and not self._waiting:
            return -math.inf
        urgent = self._waiting or self._wish or (self._others and self._again == -math.inf)
        return min(self._again, beat) if urgent else beat

    async def _ask(self) -> None:
        now, need, want = self._clock(), [0.0] * len(self._bounds), [0.0] * len(self._bounds)
        if self._waiting:
            need = list(self._waiting[0].need)
            lately = self._demand.of(len(need), now)
            for place, bound in enumerate(self._bounds):
                all_of_them = sum(ticket.need[place] for ticket in self._waiting)
                if bound.rate == ROOM:
                    want[place] = all_of_them
                else:
                    handful = min(all_of_them, bound.rate * _HANDFUL, bound.size / _PART)
                    need[place], want[place] = max(need[place], handful), all_of_them + lately[place]
        # Whoever must wait holds nothing meanwhile: two who each hold half of what both need would wait for ever.
        keep = not self._waiting and self._used and not self._others and now < self._left + _EMPTY
        self._used, self._left = False, math.inf
        wish, report = self._wish, self._grant.tell(now, need, want, keep=keep)
        answer = await self._exchange(report, wish)
        self._wish -= wish if wish == self._wish else 0.0
        self._grant.answered(answer.given)
        now = self._clock()
        self._asked, self._others = now, answer.others
        self._stopped = max(self._stopped, report.at + answer.stopped)
        self._again, self._free = now + min(answer.wait, _LOOK), now + answer.wait
        self._placed = any(report.need) and not any(answer.given)
        self._since = now if any(answer.given) else self._since
        self._serve()
        self._refuse(answer.wait, now)

    def _refuse(self, wait: float, now: float) -> None:
        """Tell those whose turn would come too late."""
        if wait <= 0 and self._waiting:
            # Some were served, and others ask next.
            self._again = -math.inf
        ahead = [0.0] * len(self._bounds)
        for ticket in list(self._waiting):
            later = wait + max(
                (much / bound.rate for much, bound in zip(ahead, self._bounds, strict=True)), default=0.0
            )
            if (wait > 0 or later > 0) and now + later > ticket.deadline:
                self._waiting.remove(ticket)
                if not ticket.ended.done():
                    ticket.ended.set_result(later)
                continue
            ahead = [much + more for much, more in zip(ahead, ticket.need, strict=True)]
            self._again = min(self._again, max(ticket.deadline, now + 0.01))

    async def close(self) -> None:
        """Give back what is held, if that can be done soon, and serve nobody any more."""
        self._closed = True
        if self._going is not None:
            self._going.cancel()
            await asyncio.gather(self._going, return_exceptions=True)
        for ticket in self._waiting:
            if not ticket.ended.done():
                ticket.ended.set_exception(JournalError("the store was closed"))
        with contextlib.suppress(Exception):
            nothing = [0.0] * len(self._bounds)
            if not self._grant.idle:
                async with asyncio.timeout(1.0):
                    await self._exchange(self._grant.tell(self._clock(), nothing, nothing, keep=False), self._wish)
