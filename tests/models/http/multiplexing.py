"""A server that speaks HTTP/2, whose scripts answer one request each."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, RequestReceived, StreamEnded, StreamReset, WindowUpdated
from h2.settings import SettingCodes, Settings


@dataclass
class Asking:
    """One request and the way to answer it."""

    peer: "Speaking"
    number: int
    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)
    whole: asyncio.Event = field(default_factory=asyncio.Event)
    reset: asyncio.Event = field(default_factory=asyncio.Event)

    def head(self, status: int = 200, *, end: bool = False, **headers: str) -> None:
        """Say the head."""
        self.peer.h2.send_headers(self.number, [(":status", str(status)), *headers.items()], end_stream=end)
        self.peer.flush()

    async def say(self, data: bytes, *, end: bool = False) -> None:
        """Say a piece of the body as the client takes it."""
        rest = memoryview(data)
        while rest:
            window = self.peer.h2.local_flow_control_window(self.number)
            size = min(window, self.peer.h2.max_outbound_frame_size)
            if size <= 0:
                self.peer.opened.clear()
                await self.peer.opened.wait()
                continue
            self.peer.h2.send_data(self.number, bytes(rest[:size]))
            self.peer.flush()
            rest = rest[size:]
        if end:
            self.peer.h2.end_stream(self.number)
            self.peer.flush()

    async def ok(self) -> None:
        """Answer `ok` when the whole request is here."""
        await self.whole.wait()
        self.head()
        await self.say(b"ok", end=True)


Script = Callable[[Asking], Awaitable[None]]


class Speaking(asyncio.Protocol):
    """The server's side of one connection."""

    def __init__(self, served: "Multiplexing") -> None:
        self.served = served
        self.opened = asyncio.Event()
        self.asking: dict[int, Asking] = {}
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.served.peers.append(self)
        self.h2.local_settings = Settings(
            client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: self.served.streams}
        )
        self.h2.initiate_connection()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.served.lost.set()

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            match event:
                case RequestReceived():
                    headers = {str(name): str(value) for name, value in event.headers}
                    asking = self.asking[event.stream_id] = Asking(self, event.stream_id, headers)
                    self.served.asked.append(asking)
                    self.served.run(asking)
                case DataReceived():
                    self.asking[event.stream_id].body += event.data
                    if self.served.takes:
                        self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case StreamEnded():
                    self.asking[event.stream_id].whole.set()
                case StreamReset():
                    self.asking[event.stream_id].reset.set()
                case WindowUpdated():
                    self.opened.set()
                case ConnectionTerminated():
                    pass
                case _:
                    pass
        self.flush()

    def flush(self) -> None:
        """Send what is to be sent."""
        if self.transport is not None:
            self.transport.write(self.h2.data_to_send())

    def farewell(self, last: int, code: int = 0) -> None:
        """Say that nothing after the stream `last` will be answered, and go on answering the others."""
        assert self.transport is not None
        payload = last.to_bytes(4, "big") + code.to_bytes(4, "big")
        self.transport.write(len(payload).to_bytes(3, "big") + b"\x07\0\0\0\0\0" + payload)


@dataclass
class Multiplexing:
    """A server that runs."""

    script: Script
    streams: int = 100
    """Requests at the same time on a connection."""
    takes: bool = True
    """Whether it lets a client send more than the first bytes of a body."""
    url: str = ""
    peers: list[Speaking] = field(default_factory=list[Speaking])
    asked: list[Asking] = field(default_factory=list[Asking])
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Future[None]] = field(default_factory=list[asyncio.Future[None]])

    def run(self, asking: Asking) -> None:
        """Begin to answer."""
        self.tasks.append(asyncio.ensure_future(self._answer(asking)))

    async def _answer(self, asking: Asking) -> None:
        await self.script(asking)

    @asynccontextmanager
    async def run_on(self, tls: ssl.SSLContext) -> AsyncGenerator["Multiplexing"]:
        """Serve on this machine."""
        server = await asyncio.get_running_loop().create_server(lambda: Speaking(self), "127.0.0.1", 0, ssl=tls)
        self.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            for task in self.tasks:
                task.cancel()
            results = await asyncio.gather(*self.tasks, return_exceptions=True)
            for peer in self.peers:
                if peer.transport is not None:
                    peer.transport.abort()
            server.close()
            await server.wait_closed()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not [result for result in results if isinstance(result, AssertionError)]
