"""A bad network: between a store and its server, it can lose answers, say nothing, and cut."""

import asyncio
import contextlib
from typing import Self
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """Carries bytes to a server on loopback until it is told to misbehave. Use it as an async context manager."""

    def __init__(self, url: str) -> None:
        """Stand before the server of a URL."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._parts, self._host, self._port = parts, parts.hostname, parts.port or 5432
        self.losing = False
        """Whether what the server says is lost, and the connection cut after it."""
        self.refusing = False
        self.silent = False
        """Whether nothing is carried any more, with nobody told."""
        self.opened = 0
        self.lost = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """Give the URL of the server as it is seen from here."""
        user = f"{self._parts.username}@" if self._parts.username else ""
        return urlunsplit(self._parts._replace(netloc=f"{user}127.0.0.1:{self.port}"))

    def cut(self) -> None:
        """Cut all connections."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        if self.refusing:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, back}
        both = [asyncio.create_task(self._carry(reader, back, 0)), asyncio.create_task(self._carry(there, writer, 1))]
        self._tasks.update(both)
        await asyncio.gather(*both, return_exceptions=True)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, answers: int) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if answers and self.losing:
                    self.losing = False
                    self.lost += 1
                    self.cut()
                    return
                if self.silent:
                    continue
                target.write(data)
                await target.drain()
        target.close()
