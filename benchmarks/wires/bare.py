"""Bare: the same bytes over a socket, with nothing written, read or checked: what no client can go below."""

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from benchmarks.wires.remit import TOOLS, exchanged
from benchmarks.wires.remit import wire as wire_of
from benchmarks.wires.ruler import INSTRUCTIONS, MAX_OUTPUT, SAID, TASK, Conversation, Talk, Wire, serve
from remit.core.messages import Message, UserMessage
from remit.core.ports import Request
from remit.models.wires.fragments import Bodies

_END = b"0\r\n\r\n"
"""How a body in chunks ends."""


class Socket(asyncio.Protocol):
    """A connection that waits for the end of an answer and looks at nothing else."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        if data.endswith(_END) and self.ended is not None:
            self.ended.set_result(None)


class Talking:
    """A conversation whose requests are ready before they are sent."""

    def __init__(self, bodies: Bodies, start: str, transport: asyncio.Transport, protocol: Socket) -> None:
        self._bodies, self._start, self._transport, self._protocol = bodies, start, transport, protocol
        self._messages: list[Message] = [UserMessage(TASK)]
        self._memo: dict[object, object] = {}
        self._ready = self._written()

    def step(self, number: int) -> None:
        self._messages += exchanged(number)
        self._ready = self._written()

    def _written(self) -> tuple[bytes, bytes]:
        request = Request(self._messages, INSTRUCTIONS, TOOLS, max_output=MAX_OUTPUT, memo=self._memo)
        writing = self._bodies.body(request, stream=True)
        try:
            # Without attachments nothing is awaited in it.
            writing.send(None)
        except StopIteration as end:
            body: bytes = end.value
            return f"{self._start}content-length: {len(body)}\r\n\r\n".encode(), body
        raise AssertionError("a body without attachments is written at once")

    async def ask(self) -> str:
        ended = self._protocol.ended = asyncio.get_running_loop().create_future()
        for piece in self._ready:
            self._transport.write(piece)
        await ended
        return SAID


@asynccontextmanager
async def open_client(url: str, wire: Wire) -> AsyncGenerator[Talk]:
    gc.set_threshold(50_000, 20, 20)
    spoken, to = wire_of(wire), urlsplit(url)
    headers = {"host": to.netloc, **spoken.headers("bench")}
    start = f"POST /v1{spoken.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    transport, protocol = await asyncio.get_running_loop().create_connection(Socket, to.hostname, to.port)
    bodies = Bodies(spoken)

    def talk() -> Conversation:
        return Talking(bodies, start, transport, protocol)

    try:
        yield talk
    finally:
        transport.close()
        await asyncio.sleep(0)


if __name__ == "__main__":
    serve(open_client)
