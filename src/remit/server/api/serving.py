"""Serving: an application on a port, until it is told to stop; then what is under way is handed back."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from ipaddress import ip_address

import uvicorn
from starlette.types import ASGIApp

from remit.core.errors import ConfigError
from remit.server.api.punctual import Punctual
from remit.server.service import Service
from remit.server.service.service import GRACE

_BACKLOG = 2048
_STUCK = 30_000
"""Milliseconds after which the system gives up a connection whose other end takes nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """Where to listen."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0 for any that is free."""

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, service: Service, bind: Bind, *, headers: int = 16 << 10, grace: float = GRACE
) -> AsyncGenerator[str]:
    """Serve meanwhile, and give the address; afterwards drain the service while answers under way are finished."""
    listener, url = _listen(bind)
    # Only when the port is ours, so that a server that cannot be does nothing; and before anybody asks.
    await service.start()
    async with _answering(app, listener, headers):
        try:
            yield url
        finally:
            await service.drain(grace)


@contextlib.asynccontextmanager
async def listening(app: ASGIApp, bind: Bind, *, headers: int = 16 << 10) -> AsyncGenerator[str]:
    """Serve what has no sessions behind it meanwhile, and give the address."""
    listener, url = _listen(bind)
    async with _answering(app, listener, headers):
        yield url


@contextlib.asynccontextmanager
async def _answering(app: ASGIApp, listener: socket.socket, headers: int) -> AsyncGenerator[None]:
    # The pure parser, since it alone bounds the headers before they are read.
    config = uvicorn.Config(
        app,
        http=Punctual,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=headers + 1024,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    # Not `serve`, which would take the signals of the process: whoever called us has them.
    await server.startup(sockets=[listener])
    looping = asyncio.create_task(server.main_loop())
    try:
        yield
    finally:
        server.should_exit = True
        await looping
        await server.shutdown(sockets=[listener])


def _listen(bind: Bind) -> tuple[socket.socket, str]:
    family = socket.AF_INET6 if ":" in bind.host else socket.AF_INET
    try:
        listener = socket.create_server((bind.host, bind.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        # The system's own words, without the address that Python says once more.
        why = (error.strerror or str(error)).partition(" (while ")[0]
        todo = "; stop what listens there, or choose another port" if error.errno == errno.EADDRINUSE else ""
        raise ConfigError(f"port {bind.port} of {bind.host} cannot be listened on: {why}{todo}") from error
    # Inherited by every connection. asyncio sees to it only where a listener names its protocol; without it an answer
    # in two pieces waits for the reader's delayed acknowledgement, some 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STUCK)
    shown = f"[{bind.host}]" if family == socket.AF_INET6 else bind.host
    return listener, f"http://{shown}:{listener.getsockname()[1]}"
