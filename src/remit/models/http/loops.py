"""Event loops: what belongs to the running one and must be closed before it ends."""

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(Generic[T]):
    """One value for every event loop, so that a process-wide object may be used from one `asyncio.run` after another.

    Python closes a loop's asynchronous generators before the loop itself: one that sleeps for the loop's whole life is
    how we hear of its end.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> None:
        """Make a value where there is none yet; close it when its loop ends."""
        self._make = make
        self._close = close
        self._kept: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[None]]]
        self._kept = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def peek(self) -> T | None:
        """Give the running loop's value if there is one."""
        kept = self._kept.get(asyncio.get_running_loop())
        return None if kept is None else kept[0]

    async def get(self) -> T:
        """Give the running loop's value."""
        loop = asyncio.get_running_loop()
        kept = self._kept.get(loop)
        if kept is None:
            value = self._make()
            guard = self._guard(loop, value)
            with self._lock:
                for dead in [other for other in self._kept if other.is_closed()]:
                    del self._kept[dead]
                self._kept[loop] = kept = (value, guard)
            await anext(guard)
        return kept[0]

    async def _guard(self, loop: asyncio.AbstractEventLoop, value: T) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            with self._lock:
                self._kept.pop(loop, None)
            await self._close(value)
