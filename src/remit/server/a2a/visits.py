"""Visits: one request on its way through the SDK: who asks, what it reads meanwhile, and why it was refused."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from typing import cast

from a2a.server.context import ServerCallContext
from a2a.server.routes.common import ServerCallContextBuilder
from a2a.utils.errors import A2AError, InternalError, InvalidParamsError, TaskNotFoundError, UnsupportedOperationError
from starlette.requests import Request
from starlette.types import Receive

from remit.server.access.port import Action, Principal
from remit.server.entrance import Entrance, Guest, Refused, refused
from remit.server.service import Service, Stream

VISIT = "remit.a2a.visit"
"""Where the scope of a request, and the SDK's context of it, have the visit."""


@dataclass(eq=False, slots=True)
class Visit:
    """One request for one agent."""

    entrance: Entrance
    guest: Guest
    agent: str
    stream: Stream | None = None
    """What is read for it."""
    refusal: Refused | None = None
    """Why it was not done, where HTTP has the words for it and A2A has not."""
    closing: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _gone: bool = False

    @property
    def service(self) -> Service:
        """What does all the work."""
        return self.entrance.service

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self.guest.principal

    async def permit(self, action: Action) -> None:
        """Raise `DeniedError` unless who asks may do this."""
        await self.entrance.access.permit(self.principal, action, self.guest.asked)

    async def follow(self, session: str, after: int) -> Stream:
        """Read a session until the visit is over or whoever asked has left; raise as `Streams.follow` does."""
        following = self.service.streams.follow(self.principal, session, after)
        self.stream = await self.closing.enter_async_context(following)
        if self._gone:
            self.stream.end()
        return self.stream

    @contextlib.asynccontextmanager
    async def watched(self, receive: Receive) -> AsyncGenerator[None]:
        """Meanwhile, stop waiting for a session as soon as nobody waits for the answer."""
        watching = asyncio.create_task(self._watch(receive))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self.stream is not None:
            self.stream.end()

    @contextlib.contextmanager
    def worded(self) -> Generator[None]:
        """Say whatever goes wrong in the words of A2A."""
        try:
            yield
        except A2AError:
            raise
        except Exception as error:  # noqa: BLE001 - a client is told in its own words, whatever broke
            raise self._said(refused(error)) from None

    def _said(self, why: Refused) -> A2AError:
        match why.status:
            case 404:
                return TaskNotFoundError()
            case 409:
                return UnsupportedOperationError(why.detail)
            case 400 | 413 | 422:
                return InvalidParamsError(why.detail)
            case _:
                self.refusal = why
                return InternalError(why.detail)


class Visits(ServerCallContextBuilder):
    """Hands the visit of a request to who handles it."""

    def build(self, request: Request) -> ServerCallContext:
        """See `ServerCallContextBuilder.build`."""
        return ServerCallContext(state={VISIT: request.scope[VISIT], "headers": dict(request.headers)})


def visit_of(context: ServerCallContext) -> Visit:
    """Give the visit that a call is part of."""
    return cast("Visit", context.state[VISIT])
