"""Servers written by hand, byte by byte: what a script says is what goes over the wire."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Write one chunk; the empty one is the end."""
    return b"%x\r\n%s\r\n" % (len(data), data)


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Peer:
    """The server's side of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> Asked:
        """Read a request; raise `EOFError` when there is none any more."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Asked(head[0], headers, body)

    async def say(self, *pieces: bytes) -> None:
        """Write pieces, each as soon as the one before has left."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    def cut(self) -> None:
        """End the connection at once."""
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the client has ended the connection."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Served:
    """A server that runs."""

    url: str
    port: int
    connections: int = 0
    open: int = 0
    most: int = 0
    """Connections that were open at the same time."""
    asked: list[Asked] = field(default_factory=list[Asked])
    failures: list[BaseException] = field(default_factory=list[BaseException])
    closed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def all_closed(self) -> None:
        """Wait until no connection is open."""
        async with self.closed:
            await self.closed.wait_for(lambda: not self.open)


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncGenerator[Served]:
    """Run a script for every connection."""
    tasks: set[asyncio.Task[None]] = set()
    served = Served("", 0)

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        served.connections += 1
        served.open += 1
        served.most = max(served.most, served.open)
        try:
            await script(Peer(reader, writer))
            writer.close()
            await writer.wait_closed()
        except (EOFError, OSError, asyncio.CancelledError):
            pass
        except AssertionError as error:
            served.failures.append(error)
        finally:
            writer.transport.abort()
            async with served.closed:
                served.open -= 1
                served.closed.notify_all()

    server = await asyncio.start_server(accepted, host, 0, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    served.url = f"{'https' if tls else 'http'}://{name}:{served.port}"
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)
        assert not served.failures, served.failures


def answering(*pieces: bytes, count: int = 1_000_000) -> Script:
    """Answer every request of a connection with the same bytes."""

    async def script(peer: Peer) -> None:
        for _ in range(count):
            await peer.request()
            await peer.say(*pieces)

    return script


async def relay(peer: Peer, host: str, port: int) -> None:
    """Carry bytes both ways until either side ends."""
    reader, writer = await asyncio.open_connection(host, port)

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(65536):
                sink.write(piece)
                await sink.drain()
        except ConnectionError:
            pass
        sink.close()

    try:
        await asyncio.gather(carry(peer.reader, writer), carry(reader, peer.writer))
    finally:
        writer.transport.abort()


def tunnelling(*wanted: str) -> Script:
    """A proxy that lets through whoever has one of the wanted credentials."""

    async def script(peer: Peer) -> None:
        asked = await peer.request()
        method, authority, _ = asked.line.split()
        assert method == "CONNECT"
        assert asked.headers["host"] == authority
        if wanted and asked.headers.get("proxy-authorization") not in wanted:
            await peer.say(b"HTTP/1.1 407 Who?\r\ncontent-length: 0\r\n\r\n")
            return
        await peer.say(b"HTTP/1.1 200 Go ahead\r\nx: y\r\n\r\n")
        host, _, port = authority.rpartition(":")
        await relay(peer, host, int(port))

    return script
