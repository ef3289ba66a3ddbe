"""Turns: one session of the interpreter, driven from threads, and ended whatever happens."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from pydantic_monty import MontyComplete, MontyError, MontySession, SyncSnapshot

T = TypeVar("T")


class _GoneError(Exception):
    """The session was given up before it began."""


class Turns:
    """Takes turns with a session. A turn that is cancelled takes the worker down, because nothing else would end it."""

    def __init__(self, session: MontySession, threads: Executor, free: asyncio.Semaphore) -> None:
        """Enter the session with the first turn; take each when a place is `free`."""
        self._session, self._threads, self._free = session, threads, free
        self._pid: int | None = None
        self._entered = self._over = False

    async def first(self, act: Callable[[MontySession], SyncSnapshot]) -> SyncSnapshot:
        """Enter the session and take the first turn; leave it at once when the program is complete by then."""
        return await self.turn(lambda: self._begun(act))

    async def turn(self, act: Callable[[], T]) -> T:
        """Take a turn, as a whole or, when cancelled, not at all."""
        async with self._free:
            taken = asyncio.get_running_loop().run_in_executor(self._threads, act)
            try:
                return await asyncio.shield(taken)
            except asyncio.CancelledError:
                self.kill()
                await asyncio.wait([taken])
                # Its worker crashed, because it was killed: nobody else has to know.
                if not taken.cancelled():
                    taken.exception()
                raise

    async def end(self) -> None:
        """Give the worker back."""
        if self._entered:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._left)

    def kill(self) -> None:
        """End the worker."""
        self._over = True
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._pid = None

    def _begun(self, act: Callable[[MontySession], SyncSnapshot]) -> SyncSnapshot:
        self._session.__enter__()
        self._entered = True
        self._pid = self._session.worker_pid
        if self._over:
            raise _GoneError
        stop = act(self._session)
        if isinstance(stop, MontyComplete):
            self._left()
        return stop

    def _left(self) -> None:
        # A worker that died cannot be given back; the next program gets another.
        self._entered, self._pid = False, None
        with contextlib.suppress(MontyError):
            self._session.__exit__(None, None, None)
