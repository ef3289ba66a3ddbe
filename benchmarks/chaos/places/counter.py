"""Counter: the world outside. It does what it is asked over HTTP and keeps its own record of what it did."""

import asyncio
import contextlib
import os
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

import msgspec


@dataclass(frozen=True, slots=True)
class Happening:
    """One effect, as the world saw it."""

    key: str
    kind: str
    """`once` or `idempotent`."""
    at: float
    """Seconds since the epoch."""


class Effects:
    """Takes `POST /KIND?key=KEY`. Of the same key again, `idempotent` has no further effect and `once` has."""

    def __init__(self, path: Path, seed: int) -> None:
        """Keep the record in memory and in a file."""
        self.happened: list[Happening] = []
        self.keys: Counter[str] = Counter()
        """How often each key took effect."""
        self.calls = 0
        self._chance = random.Random(seed)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.port = 0

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *error: object) -> None:
        """Stop."""
        self._server.close()
        os.close(self._file)

    def twice(self) -> list[str]:
        """Give the keys that took effect more than once."""
        return sorted(key for key, count in self.keys.items() if count > 1)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, IndexError):
            head = await reader.readuntil(b"\r\n\r\n")
            target = urlsplit(head.split(b" ", 2)[1].decode())
            key, kind = parse_qs(target.query)["key"][0], target.path.strip("/")
            self.calls += 1
            await asyncio.sleep(self._chance.uniform(0.005, 0.05))
            self._happen(kind, key)
            await asyncio.sleep(self._chance.uniform(0.005, 0.1))
            body = msgspec.json.encode({"done": key})
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body))
            await writer.drain()
        writer.close()

    def _happen(self, kind: str, key: str) -> None:
        if kind == "idempotent" and self.keys[key]:
            return
        self.keys[key] += 1
        happening = Happening(key, kind, time.time())
        self.happened.append(happening)
        # One write to a file opened for appending is whole, whoever else writes.
        os.write(self._file, f"{happening.at:.6f} {kind} {key}\n".encode())
