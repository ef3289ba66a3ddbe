"""Within: wait for something for at most so long. What ends without having to wait costs no timer."""

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Within:
    """A time limit of one work, in seconds, as `asyncio.timeout` is one."""

    __slots__ = ("_limit", "_seconds")

    def __init__(self, seconds: float) -> None:
        """Begin when the work does."""
        self._seconds = seconds
        self._limit: asyncio.Timeout | None = None

    @property
    def expired(self) -> bool:
        """Whether the work was cut off."""
        return self._limit is not None and self._limit.expired()

    async def wait(self, work: Awaitable[T]) -> T:
        """Give what comes of a work; raise `TimeoutError` when it was cut off."""
        began = asyncio.get_running_loop().time()
        steps = work.__await__()
        try:
            waits = next(steps)
        except StopIteration as end:
            return end.value
        self._limit = asyncio.timeout_at(began + self._seconds)
        async with self._limit:
            return await _Rest(steps, waits)


class _Rest(Generic[T]):
    """What is left of a work whose first step is done, and what that step waits for."""

    def __init__(self, steps: Generator[Any, Any, T], waits: object) -> None:
        self._steps, self._waits = steps, waits

    def __await__(self) -> Generator[Any, Any, T]:
        waits = self._waits
        while True:
            try:
                came = yield waits
            except GeneratorExit:
                self._steps.close()
                raise
            except BaseException as error:  # noqa: BLE001 - whatever is thrown in here is for the work
                step, came = self._steps.throw, error
            else:
                step = self._steps.send
            try:
                waits = step(came)
            except StopIteration as end:
                return end.value
