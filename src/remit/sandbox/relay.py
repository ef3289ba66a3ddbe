"""Relay: our end of the line to a keeper. What a program says is asked for as it is read, so that none piles up."""

import asyncio
import json
import struct
from typing import Protocol, cast

import msgspec

from remit.core.programs import Bounds
from remit.core.values import JsonObject
from remit.sandbox.inside.keeper import ANSWER, DATA, ENDED, FILE, GIVE, HEAD, KILL, PRINTED, RUN, SAID, WANT

_FRAME = 1 << 20
"""Bytes of a message that is no file."""


class Channel(Protocol):
    """Bytes to and from the process that keeps a box."""

    async def read(self, count: int) -> bytes:
        """Read so many bytes, or fewer when the other end is closed."""
        ...

    async def write(self, data: bytes) -> None:
        """Write all of it; raise `OSError` when nobody reads."""
        ...

    def close(self) -> None:
        """Close this end: the keeper ends everything and then itself."""
        ...


class BrokenError(OSError):
    """The keeper is gone, or has said what no keeper says."""


class Program:
    """A program under way at the other end."""

    def __init__(self, relay: "Relay", run: int, most: int) -> None:
        """Keep at most so many bytes that it prints."""
        self._relay, self.run, self._most = relay, run, most
        self._said, self._wanted, self._silent = bytearray(), 0, False
        self._news = asyncio.Event()
        self.printed = bytearray()
        self.too_much = asyncio.Event()
        """It has printed more than that."""
        self.ended: asyncio.Future[JsonObject | None] = asyncio.get_running_loop().create_future()
        """How its process ended, as the keeper says; `None` when that is gone."""

    async def read(self, count: int) -> bytes:
        """Read so many bytes of what it says, or fewer when it says no more."""
        missing = count - len(self._said) - self._wanted
        if missing > 0 and not self._silent:
            self._wanted += missing
            await self._relay.send(WANT, struct.pack(">I", missing), self.run)
        while len(self._said) < count and not self._silent:
            self._news.clear()
            await self._news.wait()
        data = bytes(self._said[:count])
        del self._said[:count]
        return data

    async def write(self, data: bytes) -> None:
        """Say something to it."""
        await self._relay.send(GIVE, data, self.run)

    async def kill(self) -> None:
        """End it; `ended` tells when it has."""
        await self._relay.send(KILL, b"", self.run)

    def hear(self, kind: bytes, data: bytes) -> None:
        """Take a message about it; raise `BrokenError` when no keeper sends it."""
        if kind == SAID:
            self._silent = self._silent or not data
            self._wanted -= len(data)
            if self._wanted < 0:
                raise BrokenError("more than was asked for")
            self._said += data
            self._news.set()
        elif kind == PRINTED:
            room = self._most - len(self.printed)
            self.printed += data[:room]
            if len(data) > room:
                self.too_much.set()
        elif not self.ended.done():
            self.ended.set_result(_object(data))

    def lose(self) -> None:
        """Note that nothing more will be heard."""
        self._silent = True
        self._news.set()
        if not self.ended.done():
            self.ended.set_result(None)


class Relay:
    """Talks to one keeper."""

    def __init__(self, channel: Channel, bounds: Bounds) -> None:
        """Listen on the channel."""
        self._channel, self._bounds = channel, bounds
        self._program: Program | None = None
        self._runs = 0
        self._answers: asyncio.Queue[tuple[bytes, bytes] | None] = asyncio.Queue()
        self._lock = asyncio.Lock()
        self.alive = True
        """Whether the keeper may still be asked."""
        self.over = asyncio.Event()
        """Set when the keeper is gone."""
        self._listening = asyncio.create_task(self._listen())

    async def begin(self, order: JsonObject) -> Program:
        """Start a program; raise `OSError` when the keeper is gone."""
        self._runs += 1
        self._program = Program(self, self._runs, self._bounds.output)
        await self.send(RUN, msgspec.json.encode(order), self._runs)
        return self._program

    async def send(self, kind: bytes, data: bytes, run: int = 0) -> None:
        """Send a message; raise `OSError` when nobody is there."""
        if not self.alive:
            raise BrokenError("the box is closed or was killed")
        # A message is never cut by another, nor by a cancellation.
        await asyncio.shield(self._send(HEAD.pack(kind, run, len(data)) + data))

    async def _send(self, message: bytes) -> None:
        async with self._lock:
            await self._channel.write(message)

    async def file(self, order: JsonObject, data: bytes | None = None) -> tuple[JsonObject, bytes]:
        """Ask for something about files and give the answer with its bytes; raise `OSError` when nobody is there."""
        await self.send(FILE, msgspec.json.encode(order))
        if data is not None:
            await self.send(DATA, data)
        kind, answer = await self._answer()
        found = _object(answer) if kind == ANSWER else None
        if found is None:
            raise BrokenError("an answer out of turn")
        return found, b"" if "why" in found else (await self._answer())[1]

    async def ready(self) -> JsonObject:
        """Wait until the keeper says something about itself; raise `OSError` when it never does."""
        return _object((await self._answer())[1])

    async def _answer(self) -> tuple[bytes, bytes]:
        answer = await self._answers.get()
        if answer is None:
            raise BrokenError("the box is closed or was killed")
        return answer

    async def _listen(self) -> None:
        try:
            while True:
                head = await self._channel.read(HEAD.size)
                if len(head) < HEAD.size:
                    return
                kind, run, length = cast("tuple[bytes, int, int]", HEAD.unpack(head))
                if length > (max(self._bounds.disk, _FRAME) if kind == DATA else _FRAME):
                    return
                data = await self._channel.read(length)
                if len(data) < length:
                    return
                self._hear(kind, run, data)
        except OSError:
            return
        finally:
            self._lose()

    def _hear(self, kind: bytes, run: int, data: bytes) -> None:
        if kind in (ANSWER, DATA):
            if self._answers.qsize() > 2:
                raise BrokenError("answers to nobody")
            self._answers.put_nowait((kind, data))
        elif kind not in (SAID, PRINTED, ENDED):
            raise BrokenError("a message that no keeper sends")
        elif self._program is not None and self._program.run == run:
            self._program.hear(kind, data)

    def _lose(self) -> None:
        self.alive = False
        self._channel.close()
        self._answers.put_nowait(None)
        if self._program is not None:
            self._program.lose()
        self.over.set()

    async def close(self) -> None:
        """Let go of the keeper, which ends everything."""
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        # A task that was cancelled before it began has not run its last lines.
        self._lose()


def _object(data: bytes) -> JsonObject:
    try:
        found: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BrokenError("no JSON") from error
    if not isinstance(found, dict):
        raise BrokenError("no object")
    return cast("JsonObject", found)
