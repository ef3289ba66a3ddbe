"""Slots: where programs run, made when they are first needed, and lent to one program at a time."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Protocol

from remit.core.programs import Bounds
from remit.sandbox.wasm.files import Files
from remit.sandbox.wasm.wire import Wire


class Slot(Protocol):
    """Runs one program at a time."""

    def run(self, wire: Wire, bounds: Bounds, files: Files, order: str) -> str:
        """Run a program in this thread until it ends; say what ended it when it did not end by itself."""
        ...

    def stop(self, wire: Wire) -> None:
        """End the program behind that wire, wherever it is."""
        ...

    def spent(self, wire: Wire) -> float:
        """Say how many seconds of processor that program has used; 0 where it has ended or the system does not tell."""
        ...

    def close(self) -> None:
        """Let go of it all; no program runs any more."""
        ...


class Slots:
    """So many slots at most, and threads to run programs in them."""

    def __init__(self, make: Callable[[], Slot], most: int) -> None:
        """Make slots by `make`, in a thread."""
        self._make, self._most = make, most
        self._room = asyncio.Semaphore(most)
        self._idle: list[Slot] = []
        self.threads = ThreadPoolExecutor(most, "remit-wasm")

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[Slot]:
        """Lend a slot, once there is one."""
        async with self._room:
            slot = self._idle.pop() if self._idle else await self._made()
            try:
                yield slot
            finally:
                self._idle.append(slot)

    async def _made(self) -> Slot:
        making = asyncio.get_running_loop().run_in_executor(self.threads, self._make)
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(self._keep)
            raise

    def _keep(self, made: asyncio.Future[Slot]) -> None:
        if not made.cancelled() and made.exception() is None:
            self._idle.append(made.result())

    async def close(self) -> None:
        """Wait until all are free, and let go of them."""
        for _ in range(self._most):
            await self._room.acquire()
        await asyncio.to_thread(self.threads.shutdown)
        while self._idle:
            self._idle.pop().close()
