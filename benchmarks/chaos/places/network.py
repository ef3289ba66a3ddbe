"""Network: a proxy before each thing a worker talks to, which delays, cuts and loses answers when it is told to."""

import asyncio
import contextlib
from typing import Self

_BYTES = 65536


class Proxy:
    """Carries bytes to a port of this machine. Use it as an async context manager."""

    def __init__(self, port: int, *, landing: bool = False) -> None:
        """Stand before a port; with `landing` what was sent before a cut still arrives, and nobody hears of it."""
        self._target, self._landing = port, landing
        self.port = 0
        self.delay = 0.0
        """Seconds by which each piece is late."""
        self.losing = 0
        """How many of the next answers are lost, each with its connection."""
        self.lost = 0
        self.refusing = False
        self._heads: dict[object, bytes] = {}
        """What was said first on each connection of which the other side may yet hear something."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._callers: set[asyncio.StreamWriter] = set()
        self._others: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *error: object) -> None:
        """Cut all, for good."""
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # What was aborted is closed in the next turn of the loop.
        await asyncio.sleep(0)

    def cut(self) -> int:
        """Cut all connections and say how many there were."""
        cut = len(self._callers)
        for writer in self._callers:
            writer.transport.abort()
        if not self._landing:
            for writer in self._others:
                writer.transport.abort()
        return cut

    def carries(self, text: str) -> bool:
        """Say whether a text may still be on its way to the other side."""
        return any(not head or text.encode() in head for head in self._heads.values())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.refusing:
            writer.transport.abort()
            return
        self._heads[writer] = b""
        self._callers.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            back, there = await asyncio.open_connection("127.0.0.1", self._target)
            self._others.add(there)
            await asyncio.gather(self._carry(reader, writer, there), self._answer(back, writer, there))
        except OSError:
            pass
        finally:
            del self._heads[writer]
            self._callers.discard(writer)
            writer.transport.abort()
            if there is not None:
                self._others.discard(there)
                there.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, caller: object, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_BYTES):
                self._heads[caller] = self._heads[caller] or data
                await self._late()
                target.write(data)
                await target.drain()
        with contextlib.suppress(OSError, RuntimeError):
            target.write_eof()

    async def _answer(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, there: asyncio.StreamWriter
    ) -> None:
        """Carry answers; when the caller is gone go on to listen for as long as what it sent may still arrive."""
        with contextlib.suppress(OSError):
            while data := await source.read(_BYTES):
                await self._late()
                if self.losing > 0:
                    self.losing -= 1
                    self.lost += 1
                    target.transport.abort()
                    if not self._landing:
                        there.transport.abort()
                    continue
                with contextlib.suppress(OSError):
                    target.write(data)
                    await target.drain()
        with contextlib.suppress(OSError, RuntimeError):
            target.write_eof()

    async def _late(self) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
