"""Serving: an MCP server on our standard input and output, or on a port."""

import contextlib
import hmac
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from remit.core.errors import ConfigError

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Bind:
    """Where to listen, and what a client must know."""

    port: int
    """0 for any that is free."""
    host: str = "127.0.0.1"
    token: str = field(default="", repr=False)
    """What clients must send as `Authorization: Bearer TOKEN`; empty lets in everybody who reaches the port."""

    def __post_init__(self) -> None:
        """Refuse to let the whole network in."""
        if self.host not in _LOOPBACK and not self.token:
            raise ConfigError(f"{self.host!r} can be reached from other machines, so a token is needed")


async def serve_stdio(server: Server[Any]) -> None:
    """Serve one client over our standard input and output, until it closes them; what tools print goes elsewhere."""
    async with stdio_server() as (incoming, outgoing):
        # What Python still holds in its buffer would reach the client when the SDK gives the stream back.
        with contextlib.redirect_stdout(sys.stderr):
            await server.run(incoming, outgoing, server.create_initialization_options())


async def serve_http(server: Server[Any], bind: Bind, ready: Callable[[str], None]) -> None:
    """Serve over streamable HTTP until we are interrupted; `ready` is told the address once it can be reached."""
    app: ASGIApp = server.streamable_http_app(host=bind.host)
    if bind.token:
        app = _Guarded(app, bind.token)
    family = socket.AF_INET6 if ":" in bind.host else socket.AF_INET
    try:
        listener = socket.create_server((bind.host, bind.port), family=family)
    except OSError as error:
        raise ConfigError(f"port {bind.port} of {bind.host} cannot be listened on: {error}") from error
    shown = f"[{bind.host}]" if family == socket.AF_INET6 else bind.host
    # Connections that come before it serves wait in the listener's queue.
    ready(f"http://{shown}:{listener.getsockname()[1]}/mcp")
    config = uvicorn.Config(app, http="h11", log_level="warning", timeout_graceful_shutdown=5)
    await uvicorn.Server(config).serve(sockets=[listener])


class _Guarded:
    """Lets in only who knows the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._wanted = app, f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            sent = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(sent, self._wanted):
                refusal = PlainTextResponse("no or another token", 401, {"WWW-Authenticate": "Bearer"})
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
