"""The control of a box: orders to its keeper, and what the keeper says of its workers."""

import select
import socket
from collections.abc import Mapping
from typing import cast

from remit.core.errors import ConfigError
from remit.core.values import JsonObject
from remit.sandbox.native.link import Link


class Worker:
    """A process that waits for its one program: the lines to it."""

    def __init__(self, number: int, bridge: socket.socket, output: socket.socket) -> None:
        """Take over our ends of its sockets."""
        self.number = number
        self._ends = (bridge, output)
        self.bridge, self.output = Link(bridge), Link(output)

    @property
    def waiting(self) -> bool:
        """Whether it is still there; it says nothing before its program."""
        poll = select.poll()
        poll.register(self._ends[0], select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Let go of it; one that still waits ends."""
        self.bridge.close()
        self.output.close()


class Control:
    """The far end of a keeper; one order at a time."""

    def __init__(self, link: Link) -> None:
        """Talk over the link."""
        self._link = link
        self._made = 0
        self._next: Worker | None = None
        self._ends: dict[int, JsonObject] = {}

    @property
    def closed(self) -> bool:
        """Whether this end is closed."""
        return self._link.closed

    @property
    def alive(self) -> bool:
        """Whether the keeper is there."""
        return not self._link.hung_up

    def furnish(self, order: JsonObject) -> None:
        """Say what the box has; the first thing that a keeper is told."""
        self._link.hand(order)

    def advance(self) -> None:
        """Order a worker for the next program, made while nobody waits; raise `OSError` when the keeper is gone."""
        self._made += 1
        bridge, theirs = socket.socketpair()
        output, their_output = socket.socketpair()
        worker = Worker(self._made, bridge, output)
        with theirs, their_output:
            try:
                descriptors = (theirs.fileno(), their_output.fileno())
                self._link.hand({"op": "prepare", "number": worker.number}, descriptors)
            except OSError:
                worker.close()
                raise
        self._next = worker

    def take(self) -> Worker:
        """Take the worker that was made for this program; raise `OSError` when the keeper is gone."""
        if self._next is not None and not self._next.waiting:
            self._next.close()
            self._next = None
        if self._next is None:
            self.advance()
        worker, self._next = self._next, None
        assert worker
        return worker

    async def ended(self, number: int) -> JsonObject | None:
        """Wait for the end of a worker; none when the keeper is gone before."""
        while number not in self._ends:
            said = await self._link.receive()
            if said is None or said.get("op") != "ended":
                return None
            self._ends[cast("int", said["number"])] = said
        return self._ends.pop(number)

    async def kill(self, number: int) -> None:
        """End a worker, if it is still there."""
        await self._link.send({"op": "kill", "number": number})

    async def ask(self, order: JsonObject, data: bytes = b"") -> JsonObject | None:
        """Order something and wait for the answer; none when the keeper is gone."""
        await self._link.send(order, data)
        return await self.answer()

    async def answer(self) -> JsonObject | None:
        """Wait for an answer; none when the keeper is gone."""
        while True:
            said = await self._link.receive()
            if said is None or said.get("op") != "ended":
                return said
            self._ends[cast("int", said["number"])] = said

    async def content(self, answer: Mapping[str, object]) -> bytes:
        """Read the bytes that an answer announced; raise `ConfigError` when the keeper goes in between."""
        size = cast("int", answer["size"])
        data = await self._link.read(size)
        if len(data) < size:
            raise ConfigError("the box was killed")
        return data

    async def end(self) -> None:
        """Have the keeper end everything, and wait until it is gone."""
        await self._link.send({"op": "close"})
        # Its last descriptor closes when the keeper is gone.
        while await self._link.read(1 << 16):
            continue

    def close(self) -> None:
        """Close this end: whoever keeps the box sees that, and ends everything in it."""
        self._link.close()
        if self._next is not None:
            self._next.close()
            self._next = None
