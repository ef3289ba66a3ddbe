"""Watching: brings a board up to date with the store of a home, and looks only when something was written.

It only reads, as `remit show --follow` does: whoever works in the store does not notice.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from remit.cli.places import JOURNAL, living
from remit.cli.stores import is_url
from remit.cli.top.board import DAY, Ask, Board
from remit.cli.top.headline import Budget, Headline, headline
from remit.cli.top.lines import Line
from remit.core.errors import JournalError
from remit.core.limits import Tenant
from remit.core.ports import Store
from remit.core.values import nanos, now_ms
from remit.runtime.ledger import day, spent_account
from remit.server.exporting import Backlog, Follower

Mark = tuple[tuple[int, int], ...]
"""What is different after something was written."""

_CHECK = 5000
"""Milliseconds between two looks at whether workers live: the death of one writes nothing."""
_TICK = 100
"""Milliseconds within which two writes may leave the same mark."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is to show."""

    at: int
    lines: Sequence[Line]
    asks: Sequence[Ask]
    headline: Headline
    hidden: int = 0
    failures: int = 0
    """Times something could not be read."""


def written(place: str) -> Callable[[], Mark]:
    """Give what tells whether any process wrote to the store of a home: times and sizes of its files."""
    if is_url(place):
        # A database does not tell as files do: it is asked each time.
        return lambda: ((time.time_ns(), 0),)
    path = Path(place) / JOURNAL
    files = (path, path.with_name(f"{path.name}-wal"))

    def mark() -> Mark:
        return tuple(_stat(file) for file in files)

    return mark


class Watching:
    """Looks at a store, again and again."""

    def __init__(
        self, store: Store, place: str, *, tenant: str = "", tenants: Sequence[Tenant] = (),
        clock: Callable[[], int] = now_ms,
    ) -> None:  # fmt: skip
        """Read from the beginning of the day on; `tenants` say what they may spend, `tenant` names the only one."""
        today = clock() // DAY
        self.board = Board(today, tenant)
        self.store = store
        self._place, self._clock, self._mark = place, clock, written(place)
        self._caps = {one.name: one.usd_per_day for one in tenants if tenant in {"", one.name}}
        self._follower = Follower(store, [self.board], since=today * DAY, clock=clock)
        self._backlog = Backlog(store)
        self._budgets: tuple[Budget, ...] = ()
        self._seen: Mark | None = None
        self._checked = 0
        self._one = asyncio.Lock()

    def touch(self, session: str) -> None:
        """Look at a session, and for that at all, next time."""
        self._follower.touch(session)
        self._seen = None

    async def look(self) -> bool:
        """Read what is new, one at a time; say whether there may be something."""
        async with self._one:
            return await self._look()

    async def _look(self) -> bool:
        now, mark = self._clock(), self._mark()
        turned = now // DAY > self.board.day
        self.board.turn(now // DAY)
        fresh = mark != self._seen or turned
        if fresh:
            # What was written in the same moment as this look may leave the same mark, so it is looked at again.
            self._seen = mark if now - _latest(mark) > _TICK else None
            # The follower of a database finds them by itself.
            for session in () if is_url(self._place) else self.board.waiting():
                self._follower.touch(session)
            await self._follower.look()
            await self._backlog.look()
            self._budgets = await self._spent(now)
        return await self._check(now) or fresh

    def picture(self) -> Picture:
        """Say how everything stands."""
        lines, asks, queue = self.board.lines(), self.board.asks(), self._backlog.queued()
        head = headline(self.board, lines, asks, queue, self._budgets)
        return Picture(self._clock(), lines, asks, head, self.board.hidden, self._follower.failures)

    async def _check(self, now: int) -> bool:
        """See whether workers live, now and then; say whether it was done."""
        due = now - self._checked >= _CHECK
        if due:
            workers = self.board.workers()
            alive = await living(self._place, workers.values())
            self.board.fell(frozenset(name for name, worker in workers.items() if worker not in alive))
            self._checked = now
        return due

    async def _spent(self, now: int) -> tuple[Budget, ...]:
        names = {line.tenant for line in self.board.lines()} | set(self._caps)
        try:
            spent = {name: await self.store.used(spent_account(name, day(now))) for name in sorted(names)}
        except JournalError:
            # What was known stands while the store does not answer; the follower has counted it.
            return self._budgets
        caps = self._caps
        return tuple(
            Budget(name, amount, None if (cap := caps.get(name)) is None else nanos(cap))
            for name, amount in spent.items()
        )


def _latest(mark: Mark) -> int:
    return max(at for at, _ in mark) // 1_000_000


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_size
