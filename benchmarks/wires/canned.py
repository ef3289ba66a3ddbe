"""Canned: a server that answers whatever it is asked with bytes it has once got from `remit.testing.server`.

It reads no request, so that what is measured beside it is the client, and not caches that the server has emptied.
"""

import asyncio
import re
import sys

from benchmarks.wires.remit import wire as wire_of
from benchmarks.wires.ruler import INSTRUCTIONS, SAID, TASK, Wire
from remit.core.messages import UserMessage
from remit.core.ports import Request
from remit.models.wires.fragments import Bodies
from remit.testing import says
from remit.testing.server import ModelServer

WIRES: tuple[Wire, ...] = ("chat", "responses", "messages")
_LENGTH = re.compile(rb"content-length: (\d+)\r\n", re.IGNORECASE)
_END = b"0\r\n\r\n"


async def recorded(url: str, wire: Wire) -> tuple[bytes, bytes]:
    """Return the path of a wire and all bytes of one answer on it."""
    spoken = wire_of(wire)
    body = await Bodies(spoken).body(Request((UserMessage(TASK),), INSTRUCTIONS), stream=True)
    place = url.removeprefix("http://")
    fields = {"host": place, "content-length": str(len(body)), **spoken.headers("bench")}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    path = f"/v1{spoken.path}"
    host, _, port = place.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
    answer = await reader.readuntil(_END)
    writer.close()
    await writer.wait_closed()
    return path.encode(), answer


class Answering(asyncio.Protocol):
    """A connection: one canned answer for each request, once all of it has come."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._head = b""
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._left:
            head, end, data = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return
            length = _LENGTH.search(head + b"\r\n")
            assert length is not None
            self._head, self._left = head, int(length[1])
        self._left -= len(data)
        if not self._left:
            self._transport.write(self._answers[self._head.split(b" ", 2)[1]])
            self._head = b""


async def main() -> None:
    """Record, then answer for ever; print the URL first."""
    async with ModelServer([says(SAID)] * len(WIRES)) as server:
        answers = dict([await recorded(server.url, wire) for wire in WIRES])
    serving = await asyncio.get_running_loop().create_server(lambda: Answering(answers), "127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await serving.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
