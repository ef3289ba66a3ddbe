"""A multiplex: an HTTP/2 connection, over which many exchanges go at the same time. Needs the extra `http2`."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from remit.core.errors import CutStreamError, ModelError, OverloadedError, UnreadableAnswerError
from remit.models.http.channel import Channel
from remit.models.http.connection import HIGH_WATER
from remit.models.http.port import Timeouts
from remit.models.http.written import Target

_MOST = 100
"""Exchanges at the same time on one connection."""
WINDOW = 2 * _MOST * HIGH_WATER
"""Bytes that a server may send ahead over all channels: slow readers of some never hold up the others."""
_HEADER = 9
_GOAWAY = 7
_LONGEST_FRAME = 16384


class Farewells:
    """Takes the frames with which a server announces the end of a connection out of its bytes.

    A server that restarts says which streams it still answers and answers them (RFC 9113, 6.8); the parser would take
    every one of them for broken.
    """

    def __init__(self) -> None:
        """Begin at a frame."""
        self._held = bytearray()

    def feed(self, data: bytes) -> tuple[bytes, int | None]:
        """Give the other frames that are whole, and the last stream that will be answered, if the server said so.

        Raise `UnreadableAnswerError` for a frame that is too long.
        """
        held = self._held
        held += data
        last: int | None = None
        kept: list[bytes] = []
        at = 0
        while len(held) - at >= _HEADER:
            length = int.from_bytes(held[at : at + 3], "big")
            end = at + _HEADER + length
            if length > _LONGEST_FRAME:
                raise UnreadableAnswerError(f"a frame of {length} bytes, where {_LONGEST_FRAME} are the most")
            if len(held) < end:
                break
            if held[at + 3] == _GOAWAY and length >= 8:
                last = int.from_bytes(held[at + _HEADER : at + _HEADER + 4], "big") & 0x7FFFFFFF
            else:
                kept.append(bytes(held[at:end]))
            at = end
        del held[:at]
        return b"".join(kept), last


class Multiplex(asyncio.Protocol):
    """An HTTP/2 connection to one server."""

    def __init__(self, name: str, keep: float, lost: Callable[[Self], None]) -> None:
        """Call `lost` when it takes no more exchanges; close it after `keep` idle seconds."""
        self._name = name
        self._keep = keep
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._channels: dict[int, Channel] = {}
        self._farewells = Farewells()
        self._leaving = False
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._h2.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: HIGH_WATER,
                SettingCodes.MAX_CONCURRENT_STREAMS: _MOST,
                SettingCodes.MAX_HEADER_LIST_SIZE: 65536,
            },
        )

    # -- what the event loop calls -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the server, if it speaks HTTP/2."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self.speaks():
            self._h2.initiate_connection()
            self._h2.increment_flow_control_window(WINDOW)
            self._flush()

    def data_received(self, data: bytes) -> None:
        """Take in frames."""
        try:
            frames, last = self._farewells.feed(data)
            events = self._h2.receive_data(frames) if frames else []
        except (H2Error, UnreadableAnswerError) as error:
            self._fail(UnreadableAnswerError(f"what {self._name} sent is not HTTP/2: {error}"))
            self.abort()
            return
        for event in events:
            self._take(event)
        if last is not None:
            self._leave(last)
        for channel in self._channels.values():
            if channel.rest:
                self._upload(channel)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is under way."""
        self._transport = None
        self._stop_timer()
        if not self._ready.done():
            self._ready.set_result(None)
        how = f": {exc}" if exc is not None else ""
        for channel in self._channels.values():
            if channel.rest:
                channel.fail(OverloadedError(f"{self._name} ended the connection before it had the request{how}"))
        self._fail(CutStreamError(f"{self._name} ended the connection before the answer's end{how}"))
        self._lost(self)

    # -- what the transport calls --------------------------------------------------------------------------------------

    def speaks(self) -> bool:
        """Say whether the server chose HTTP/2."""
        wire = self._transport.get_extra_info("ssl_object") if self._transport is not None else None
        return isinstance(wire, ssl.SSLObject) and wire.selected_alpn_protocol() == "h2"

    async def settled(self) -> None:
        """Wait until the server has said how many exchanges it allows; raise `OverloadedError` when it allows none."""
        await self._ready
        if self._transport is None:
            raise OverloadedError(f"{self._name} ended the connection before it said a word")
        if not self.room():
            # Nobody would ever use it, and so nobody would ever close it.
            raise OverloadedError(f"{self._name} allows no exchange on a new connection")

    def room(self) -> bool:
        """Say whether one more exchange may begin."""
        transport = self._transport
        if transport is None or transport.is_closing() or self._leaving:
            return False
        most = min(_MOST, self._h2.remote_settings.max_concurrent_streams)
        return len(self._channels) < most and self._h2.open_outbound_streams < most

    def begin(
        self, method: str, to: Target, content: tuple[Mapping[str, str], bytes], limits: Timeouts, ends: float
    ) -> Channel:
        """Send a request with these headers and this body."""
        headers, body = content
        fields = [(":method", method), (":authority", to.authority.removesuffix(":443"))]
        fields += [(":scheme", to.scheme), (":path", to.path), ("accept-encoding", "identity")]
        if body or method != "GET":
            fields.append(("content-length", str(len(body))))
        fields += [(name.lower(), value) for name, value in headers.items()]
        try:
            number = self._h2.get_next_available_stream_id()
            self._h2.send_headers(number, fields, end_stream=not body)
        except H2Error as error:
            raise OverloadedError(f"the connection to {self._name} takes no more requests: {error}") from None
        self._stop_timer()
        channel = self._channels[number] = Channel(self._name, number, body, limits, ends)
        channel.eaten = self._eaten
        self._upload(channel)
        self._flush()
        return channel

    def end(self, channel: Channel) -> None:
        """End an exchange; the server hears at once that an answer is no longer wanted."""
        if self._channels.pop(channel.number, None) is None or self._transport is None:
            return
        channel.fail(CutStreamError(f"the exchange with {self._name} is over"))
        self._eaten(channel)
        if not channel.complete or channel.rest:
            with suppress(H2Error):  # the server has ended it meanwhile
                self._h2.reset_stream(channel.number, ErrorCodes.CANCEL)
        self._flush()
        if not self._channels:
            if self._leaving:
                self.abort()
            else:
                self._stop_timer()
                self._timer = self._loop.call_later(self._keep, self.abort)

    def idle(self) -> bool:
        """Say whether no exchange is under way."""
        return not self._channels

    def abort(self) -> None:
        """Close the socket at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- within --------------------------------------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        if isinstance(event, RemoteSettingsChanged):
            if not self._ready.done():
                self._ready.set_result(None)
            return
        if not isinstance(event, ResponseReceived | DataReceived | StreamEnded | StreamReset):
            return
        channel = self._channels.get(event.stream_id)
        if channel is None:
            return
        match event:
            case ResponseReceived():
                channel.head([(bytes(name), bytes(value)) for name, value in event.headers])
            case DataReceived():
                channel.feed(event.data, event.flow_controlled_length)
            case StreamEnded():
                channel.end()
            case StreamReset():
                channel.fail(self._reset(event.error_code))
                channel.rest = memoryview(b"")

    def _reset(self, code: int) -> ModelError:
        if code == ErrorCodes.REFUSED_STREAM:
            return OverloadedError(f"{self._name} refused the request before it looked at it")
        return CutStreamError(f"{self._name} broke off the answer: HTTP/2 error {int(code)}")

    def _leave(self, last: int) -> None:
        """Begin nothing more; what the server will not answer, it has not looked at."""
        self._leaving = True
        self._lost(self)
        for channel in self._channels.values():
            if channel.number > last:
                channel.fail(OverloadedError(f"{self._name} is closing and refused the request"))
                channel.rest = memoryview(b"")
        if not self._channels:
            self.abort()

    def _upload(self, channel: Channel) -> None:
        """Send as much of a request's body as the server takes now."""
        while channel.rest:
            size = min(self._h2.local_flow_control_window(channel.number), self._h2.max_outbound_frame_size)
            if size <= 0:
                return
            piece, channel.rest = channel.rest[:size], channel.rest[size:]
            self._h2.send_data(channel.number, bytes(piece), end_stream=not channel.rest)

    def _eaten(self, channel: Channel) -> None:
        """Let the server send as much more as was read."""
        owed, channel.owed = channel.owed, 0
        if owed and self._transport is not None:
            self._allow(owed, channel.number)
            self._flush()

    def _allow(self, size: int, number: int) -> None:
        with suppress(H2Error):  # the server has ended it meanwhile
            self._h2.acknowledge_received_data(size, number)

    def _fail(self, error: ModelError) -> None:
        for channel in self._channels.values():
            channel.fail(error)

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
