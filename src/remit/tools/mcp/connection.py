"""Connection: keeps an MCP server connected, and starts it again with backoff when it dies."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Protocol, cast

import mcp_types as types
from mcp.client import Client, IncomingMessage
from mcp.client._transport import TransportStreams
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.shared.exceptions import MCPError

from remit.core.errors import RejectedError, RemitError
from remit.tools.mcp.callbacks import Callbacks
from remit.tools.mcp.stdio import Died

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_SETTLED = 30.0
"""Seconds a server must have lived for its death to be no sign of a crash loop."""
_RELISTEN = 5.0
_CLOSED = "it was closed"


class Link(Protocol):
    """How a server is reached."""

    def connect(self, died: Died) -> AbstractAsyncContextManager[TransportStreams]:
        """Connect and give the streams; call `died` with the reason when the other side is seen to be gone."""
        ...


@dataclass(eq=False, slots=True)
class _Life:
    """One connection, from its beginning to its end."""

    ready: asyncio.Future[Client]
    born: float
    end: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""
    """What ended it."""
    keeper: asyncio.Task[None] | None = None


@dataclass(eq=False, slots=True)
class Connection:
    """A server that is connected when somebody needs it."""

    server: str
    """What it is called in messages."""
    link: Link
    patience: float
    """Seconds to connect and to list what it offers."""
    met: Callable[[Client], Awaitable[None]]
    """Is told of every new connection, and whenever the server says that its tools changed, before they are used."""
    callbacks: Callbacks
    """Who answers the server."""
    _life: _Life | None = None
    _meeting: asyncio.Task[_Life] | None = None
    _deaths: int = 0
    _not_before: float = 0.0
    _why: str = ""
    _stale: bool = False
    _renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def client(self, wait: float | None = None) -> Client:
        """Give the connected client, waiting at most so many seconds for it while it is started.

        Raise `RejectedError` when the server is down, for then nothing was sent.
        """
        life = self._life
        if life is None or life.end.is_set():
            life = await self._revived(wait)
        client = life.ready.result()
        if self._stale:
            await self._renew(client)
        return client

    def forget(self, why: str) -> None:
        """Begin a new connection at the next call."""
        if self._life is not None:
            self._over(self._life, why)

    async def close(self) -> None:
        """End it; it may be opened again."""
        if self._meeting is not None:
            self._meeting.cancel()
            await asyncio.gather(self._meeting, return_exceptions=True)
        life, self._life, self._meeting = self._life, None, None
        self._deaths, self._not_before = 0, 0.0
        if life is not None:
            self._over(life, _CLOSED)
            if life.keeper is not None:
                await asyncio.gather(life.keeper, return_exceptions=True)

    # -- coming to life --------------------------------------------------------------------------------------------

    async def _revived(self, wait: float | None) -> _Life:
        meeting = self._meeting
        if meeting is None:
            pause = self._not_before - time.monotonic()
            if pause > 0:
                said = f"MCP server {self.server!r} is down and is started again in {pause:.1f} s: {self._why}"
                raise RejectedError(said, retryable=True, retry_after=pause)
            meeting = self._meeting = asyncio.create_task(self._meet())
            meeting.add_done_callback(self._met)
        # Shielded: others may wait for the same connection, and a caller that gives up must not end it.
        await asyncio.wait({meeting}, timeout=wait)
        if not meeting.done():
            raise RejectedError(f"MCP server {self.server!r} is still being started", retryable=True)
        if meeting.cancelled():
            raise RejectedError(f"MCP server {self.server!r} was closed")
        error = meeting.exception()
        if error is not None:
            raise RejectedError(
                f"MCP server {self.server!r} cannot be used: {_reason(error)}", retryable=True
            ) from error
        return meeting.result()

    def _met(self, meeting: asyncio.Task[_Life]) -> None:
        if self._meeting is meeting:
            self._meeting = None

    async def _meet(self) -> _Life:
        life = _Life(asyncio.get_running_loop().create_future(), time.monotonic())
        life.keeper = asyncio.create_task(self._keep(life))
        try:
            async with asyncio.timeout(self.patience):
                client = await asyncio.shield(life.ready)
                await self.met(client)
        except BaseException as error:
            self._over(life, _reason(error))
            if not life.ready.done():
                life.keeper.cancel()
            await asyncio.gather(life.keeper, return_exceptions=True)
            if isinstance(error, TimeoutError):
                raise RejectedError(f"it was not ready within {self.patience:g} s") from None
            raise
        self._stale = False
        self._life = life
        return life

    async def _keep(self, life: _Life) -> None:
        """Hold a connection open in one task from its beginning to its end, as its cancel scopes demand."""
        listening: asyncio.Task[None] | None = None
        try:
            async with self._client(life) as client:
                life.ready.set_result(client)
                listening = asyncio.create_task(self._listen(client))
                await life.end.wait()
                listening.cancel()
        except BaseException as error:  # noqa: BLE001 - whatever ended it, those who wait for it must be told
            if not life.ready.done():
                # What the process said at its end tells more than that its pipe was closed.
                life.ready.set_exception(RejectedError(life.why) if life.why else _flat(error))
                life.ready.exception()
            self._over(life, _reason(error))
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    def _client(self, life: _Life) -> Client:
        callbacks = self.callbacks
        # What nobody answers is not offered either.
        return Client(
            self.link.connect(partial(self._over, life)),
            cache=None,
            client_info=types.Implementation(name="remit", version=version("remit")),
            message_handler=self._hear,
            elicitation_callback=callbacks.elicit,
            sampling_callback=callbacks.sample if callbacks.sampling else None,
            list_roots_callback=callbacks.list_roots if callbacks.roots else None,
            logging_callback=callbacks.log if callbacks.logs else None,
            log_level="debug" if callbacks.logs else None,
        )

    def _over(self, life: _Life, why: str) -> None:
        """Say that a connection is over, and from when on another may be begun; the first reason counts."""
        if life.end.is_set():
            return
        life.why = why
        life.end.set()
        if why == _CLOSED:
            return
        lived = time.monotonic() - life.born
        self._deaths = 1 if lived > _SETTLED else self._deaths + 1
        # The first death is nobody's habit: it is started again at once.
        pause = 0.0 if self._deaths == 1 else min(_FIRST_PAUSE * 2 ** (self._deaths - 2), _LONGEST_PAUSE)
        self._not_before = time.monotonic() + pause * random.uniform(0.5, 1.0)
        self._why = why

    # -- changes ---------------------------------------------------------------------------------------------------

    async def _hear(self, message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._stale = True

    async def _listen(self, client: Client) -> None:
        """Hear of changed tools where the protocol wants that asked for."""
        tools = client.server_capabilities.tools
        if tools is None or not tools.list_changed:
            return
        while True:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    async for _ in changes:
                        self._stale = True
                return
            except ListenNotSupportedError:
                # An older protocol, which tells without being asked.
                return
            except (SubscriptionLost, MCPError, TimeoutError):
                # What was missed meanwhile nobody knows.
                self._stale = True
                await asyncio.sleep(_RELISTEN)

    async def _renew(self, client: Client) -> None:
        async with self._renewing:
            if not self._stale:
                return
            self._stale = False
            try:
                async with asyncio.timeout(self.patience):
                    await self.met(client)
            except (MCPError, TimeoutError) as error:
                self._stale = True
                raise RejectedError(
                    f"MCP server {self.server!r} changed its tools and does not list them: {_reason(error)}",
                    retryable=True,
                ) from error


def _flat(error: BaseException) -> BaseException:
    """Give the first real error of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def _reason(error: BaseException) -> str:
    flat = _flat(error)
    if isinstance(flat, (RemitError, MCPError)):
        return str(flat)
    said = " ".join(str(flat).split())
    return f"{type(flat).__name__}: {said}" if said else type(flat).__name__
