"""Door: takes a request to what answers it, and waits for what comes of it while somebody waits for the answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from remit.core.agent import Agent
from remit.core.events import Record
from remit.core.values import JsonObject
from remit.server.access.port import Action, Principal
from remit.server.entrance import Entrance, Guest
from remit.server.openai.fields import understood
from remit.server.openai.problems import UnfitError, problem
from remit.server.openai.turns import Turn
from remit.server.service import RefusedError, Service, Stream


@dataclass(frozen=True, slots=True)
class Heard:
    """A request from somebody who may look."""

    entrance: Entrance
    guest: Guest
    request: Request

    @property
    def service(self) -> Service:
        """Where sessions are."""
        return self.entrance.service

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self.guest.principal

    async def may(self, action: Action) -> None:
        """Raise `DeniedError`, and have it written down, unless they may do this too."""
        await self.entrance.access.permit(self.principal, action, self.guest.asked)

    async def fields(self, heeded: frozenset[str]) -> JsonObject:
        """Read the body."""
        body = await self.entrance.read(self.request)
        media = self.guest.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json":
            raise UnfitError("", "the body must be application/json", status=415)
        return understood(body, heeded)

    def agent(self, name: str) -> Agent:
        """Give an agent by the name of a model; raise `UnfitError` when there is none."""
        agent = self.service.driver.serves(name)
        if agent is None:
            what = f"no agent {name!r} is served here; `models` lists them"
            raise UnfitError("model", what, code="model_not_found", status=404)
        return agent

    def worker(self, name: str) -> str:
        """Give the name of an agent that can work now; raise `RefusedError` for one that is switched off.

        What is said to it would be kept, but whoever waits for an answer would wait for somebody to switch it on.
        """
        agent = self.agent(name).name
        self.service.switching.refuse_held(self.principal.tenant, agent)
        return agent

    async def settled(self, stream: Stream, turn: Turn) -> None:
        """Wait until a turn is over; raise `ClientDisconnect` when nobody waits for it, the session goes on."""
        since = time.monotonic()
        reading = asyncio.create_task(_read(stream, turn))
        leaving = asyncio.create_task(_left(self.request))
        try:
            await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise ClientDisconnect
            await reading
        finally:
            for task in (reading, leaving):
                task.cancel()
            await asyncio.gather(reading, leaving, return_exceptions=True)
        if not turn.end:
            raise RefusedError(
                "unready", "this server is stopping; a client that tries again by itself does nothing twice"
            )
        if time.monotonic() - since > self.entrance.bounds.recheck:
            await self.guest.again()


Handle = Callable[[Heard], Awaitable[Response]]


class Door:
    """One thing that can be asked for, as an ASGI application."""

    def __init__(self, entrance: Entrance, handle: Handle, action: Action) -> None:
        """Take how requests come in, what answers them, and what whoever asks must be allowed."""
        self._entrance, self._handle = entrance, handle
        self._action: Action = action

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever comes of it."""
        request = Request(scope, receive)
        try:
            guest = await self._entrance.admit(request, self._action)
            answer = await self._handle(Heard(self._entrance, guest, request))
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - a client is told in its own words, whatever broke
            answer = problem(error)
        await answer(scope, receive, send)


async def _read(stream: Stream, turn: Turn) -> None:
    async for item in stream:
        if isinstance(item.what, Record):
            turn.take(item.what)
            if turn.end:
                return


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
