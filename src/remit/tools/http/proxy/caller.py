"""A caller: the program at the other end of a connection to the proxy, its request as it comes and what it is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

import h11

from remit.tools.http.proxy.access import RefusedError, Terms

_PIECE = 64 * 1024
_LONGEST_HEAD = 32 * 1024
_LINGER, _LEFT = 1.0, 1_000_000


class Caller:
    """Speaks HTTP/1 with a program for one request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, terms: Terms) -> None:
        """Take the connection."""
        self.reader, self.writer = reader, writer
        self._terms = terms
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_LONGEST_HEAD)

    async def request(self) -> h11.Request | None:
        """Wait for the head of a request; `None` when the program leaves without one."""
        try:
            async with asyncio.timeout(self._terms.head):
                event = await self._event()
        except TimeoutError:
            raise RefusedError(408, f"the head of the request did not come within {self._terms.head:g} s") from None
        return event if isinstance(event, h11.Request) else None

    async def body(self) -> AsyncIterator[bytes]:
        """Give the body as it comes; raise `RefusedError` when it breaks off or stops coming."""
        if self._http.they_are_waiting_for_100_continue:
            await self.send(h11.InformationalResponse(status_code=100, headers=[]))
        while True:
            try:
                async with asyncio.timeout(self._terms.idle):
                    event = await self._event()
            except TimeoutError:
                raise RefusedError(408, f"nothing more of the body came for {self._terms.idle:g} s") from None
            if isinstance(event, h11.EndOfMessage):
                return
            assert isinstance(event, h11.Data)
            yield bytes(event.data)

    async def send(self, *events: h11.Event) -> None:
        """Write a part of the answer."""
        async with asyncio.timeout(self._terms.idle):
            for event in events:
                self.writer.write(self._http.send(event) or b"")
            await self.writer.drain()

    async def tell(self, status: int, reason: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Answer with a line of text, unless an answer has begun; then there is only to break it off."""
        if self._http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.writer.transport.abort()
            return
        text = f"remit: {reason}\n".encode()
        framing = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(text)))]
        head = h11.Response(status_code=status, headers=[*framing, ("connection", "close"), *headers])
        await self.send(head, h11.Data(data=text), h11.EndOfMessage())
        await self._linger()

    async def let_through(self) -> bytes:
        """Open a tunnel; give what the program has sent into it already; raise `RefusedError` for a body."""
        if not isinstance(await self._event(), h11.EndOfMessage):
            raise RefusedError(400, "a request for a tunnel has no body")
        await self.send(h11.Response(status_code=200, headers=[], reason=b"Connection established"))
        return self._http.trailing_data[0]

    async def _event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise RefusedError(error.error_status_hint, "this is not HTTP, or not all of it") from None
            if event is not h11.NEED_DATA:
                return event
            self._http.receive_data(await self.reader.read(_PIECE))

    async def _linger(self) -> None:
        """Take in what is still coming for a moment: closing on it would take the answer away from the program."""
        with contextlib.suppress(OSError, TimeoutError):
            self.writer.write_eof()
            async with asyncio.timeout(_LINGER):
                left = _LEFT
                while left > 0 and (piece := await self.reader.read(_PIECE)):
                    left -= len(piece)
