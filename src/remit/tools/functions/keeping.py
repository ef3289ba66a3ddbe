"""Keeping: values that stay open between calls."""

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Callable

from remit.core.errors import ToolError

Opening = contextlib.AbstractAsyncContextManager[object]


class Kept:
    """A value, and the task that opens it and closes it again: many context managers allow no other to."""

    def __init__(self, opening: Callable[[], Opening], context: contextvars.Context) -> None:
        """Begin to open it, with a copy of these context variables."""
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[object] = loop.create_future()
        self._stop = asyncio.Event()
        self._problem: Exception | None = None
        self._task = loop.create_task(self._live(opening), context=context.copy())

    @property
    def over(self) -> bool:
        """Whether it is closed, broke down, or was never opened."""
        return self._task.done()

    @property
    def usable(self) -> bool:
        """Whether it is open."""
        return self._ready.done() and not self._task.done()

    @property
    def now(self) -> object:
        """What is open."""
        return self._ready.result()

    @property
    def problem(self) -> Exception | None:
        """What it ran into after it had been opened."""
        return self._problem

    async def value(self) -> object:
        """Wait until it is open; raise what opening raised. Who stops waiting stops nobody else."""
        return self._ready.result() if self._ready.done() else await asyncio.shield(self._ready)

    def stop(self) -> None:
        """Have it closed, or no longer opened, without waiting."""
        self._stop.set()
        if not self._ready.done():
            self._task.cancel()

    async def close(self, patience: float) -> None:
        """Close it; raise what that raised, or `TimeoutError` when it takes longer than so many seconds."""
        self.stop()
        await asyncio.wait({self._task}, timeout=patience)
        if not self._task.done():
            self._task.cancel()
            raise TimeoutError(f"not closed within {patience:g} s")
        if self._problem is not None:
            raise self._problem

    async def _live(self, opening: Callable[[], Opening]) -> None:
        try:
            async with opening() as value:
                self._ready.set_result(value)
                await self._stop.wait()
        except asyncio.CancelledError:
            self._failed(ToolError("it was no longer waited for"))
            raise
        except Exception as error:  # noqa: BLE001 - a provider is a stranger's code; who waits for it is told
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if self._ready.done():
            self._problem = error
            return
        self._ready.set_exception(error)
        # Whoever still waits is given it; when nobody does, that is no accident to warn of.
        self._ready.exception()


class _Room:
    """What one tenant has, and how many calls use it."""

    __slots__ = ("kept", "users")

    def __init__(self, kept: Kept) -> None:
        self.kept, self.users = kept, 0


class Tenants:
    """One provider's values, one a tenant; those that nobody uses are closed when there are too many."""

    def __init__(self, opening: Callable[[str], Opening], keep: int, context: contextvars.Context) -> None:
        """Take what opens the value of a tenant, and how many to keep."""
        self._opening, self._keep, self._context = opening, keep, context
        self._rooms: dict[str, _Room] = {}
        """The least recently used first."""
        self._leaving: list[Kept] = []
        self._problem: Exception | None = None

    async def take(self, tenant: str, stack: contextlib.AsyncExitStack) -> object:
        """Give a tenant's value, opening it if need be, for as long as the stack lasts."""
        room = self._rooms.pop(tenant, None)
        if room is None or room.kept.over:
            if room is not None:
                self._let_go(room.kept)
            room = _Room(Kept(functools.partial(self._opening, tenant), self._context))
        self._rooms[tenant] = room
        room.users += 1
        stack.callback(self._leave, tenant, room)
        return await room.kept.value()

    async def close(self, patience: float) -> None:
        """Close all at the same time; raise the first problem once that is done."""
        kept = [*self._leaving, *(room.kept for room in self._rooms.values())]
        self._leaving, self._rooms = [], {}
        ends = await asyncio.gather(*(one.close(patience) for one in kept), return_exceptions=True)
        for problem in (self._problem, *ends):
            if problem is not None:
                raise problem

    def _leave(self, tenant: str, room: _Room) -> None:
        room.users -= 1
        if room.users == 0 and not room.kept.usable:
            # It failed, or hangs and nobody waits for it any more: the next call tries anew.
            if self._rooms.get(tenant) is room:
                del self._rooms[tenant]
            self._let_go(room.kept)
        if len(self._rooms) > self._keep:
            self._trim()

    def _trim(self) -> None:
        for tenant, room in list(self._rooms.items()):
            if len(self._rooms) <= self._keep:
                return
            if room.users == 0:
                del self._rooms[tenant]
                self._let_go(room.kept)

    def _let_go(self, kept: Kept) -> None:
        kept.stop()
        for one in self._leaving:
            self._problem = self._problem or one.problem
        self._leaving = [one for one in (*self._leaving, kept) if not one.over]
