"""Punctual: connections whose requests must have come, headers and all, within a time; silence holds no place."""

import asyncio
from typing import Any

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

HEADERS_SECONDS = 20.0
"""How long the headers of a request may take, from the connection or from their first byte."""


class Punctual(asyncio.Protocol):
    """A connection that is given up when the headers of a request do not come in time; what follows is not its matter.

    The server speaks HTTP; this only watches the clock. Idle time between requests and slow bodies have their own.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        seconds: float = HEADERS_SECONDS,
    ) -> None:
        """Take what the server gives all its connections."""
        self._inner = H11Protocol(config, server_state, app_state, _loop)
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._inner.connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Pass on what came, and wait no longer once it has all headers."""
        if self._inner.conn.their_state is h11.IDLE:
            self._wait()
        self._inner.data_received(data)
        if self._inner.conn.their_state is not h11.IDLE:
            self._stop()

    def eof_received(self) -> bool | None:
        """Pass it on."""
        self._inner.eof_received()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._stop()
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()

    def _wait(self) -> None:
        # From the first byte on: who sends one now and then does not begin anew.
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._late)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._transport is not None:
            self._transport.abort()
