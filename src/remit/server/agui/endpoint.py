"""Endpoint: `POST /agui/{agent}`. Whatever cannot be is said before the stream, with a status; then it never breaks."""

import contextlib
from collections.abc import Sequence

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from remit.core.errors import ApprovalError, UnknownSessionError
from remit.core.events import Record
from remit.core.values import JsonObject
from remit.server.access.port import Principal
from remit.server.agui.placing import Found, answers, found, passed
from remit.server.agui.resuming import give
from remit.server.agui.running import pieces
from remit.server.agui.telling import Place
from remit.server.agui.understanding import Wanted, thread_key, understood
from remit.server.entrance import Entrance, EventStream, Guest, ProblemError, refused
from remit.server.service import Wish, name_of


def routes(entrance: Entrance) -> Sequence[BaseRoute]:
    """Give the routes of AG-UI."""
    return (Route("/agui/{agent}", _Runs(entrance), methods=["POST"]),)


class _Runs:
    """Runs of agents, as an ASGI application."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance, self._service = entrance, entrance.service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - a client is told in its own words, whatever broke
            answer = _problem(error)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        # What it wants to do is known once it is read; whoever asks for a run may see it at least.
        guest = await self._entrance.admit(request, "look")
        agent = str(request.path_params["agent"])
        wanted = understood(await self._entrance.read(request), guest.headers.get("content-type", ""))
        if self._service.driver.serves(agent) is None:
            raise ProblemError(404, f"no agent {agent!r} is served here")
        session = name_of(guest.principal.tenant, agent, thread_key(wanted.thread))
        records = await self._records(guest.principal, session)
        run = found(wanted, records, guest.principal)
        await self._permit(guest, run)
        said = [(told.key, told.said()) for told in run.fresh]
        if not records:
            await self._service.begin(guest.principal, Wish(agent, key=thread_key(wanted.thread)))
            records = await self._records(guest.principal, session)
            run = found(wanted, records, guest.principal)
        async with contextlib.AsyncExitStack() as leaving:
            # First, so that all that comes of what is said now is heard.
            following = self._service.streams.follow(guest.principal, session, run.start)
            stream = await leaving.enter_async_context(following)
            await self._give(guest.principal, session, wanted, run)
            for key, one in said:
                trace = guest.headers.get("traceparent", "")
                await self._service.post(guest.principal, session, one, key=key, trace=trace)
            place = _place(wanted, run, await self._records(guest.principal, session))
            told = pieces(place, wanted.messages, records[: run.start], stream)
            return EventStream(stream, told, leaving.pop_all(), guest.again, self._entrance.bounds)

    async def _give(self, principal: Principal, session: str, wanted: Wanted, run: Found) -> None:
        for reply in run.resume.replies if run.resume else ():
            try:
                await give(self._service.people, principal, session, reply)
            except ApprovalError:
                # Unless the same was said at the same time, by who sent it twice.
                left = answers(wanted, await self._records(principal, session), principal).replies
                if any(one.question.id == reply.question.id for one in left):
                    raise

    async def _permit(self, guest: Guest, run: Found) -> None:
        if run.fresh:
            await self._entrance.access.permit(guest.principal, "work", guest.asked)
        if run.resume is not None and run.resume.replies:
            await self._entrance.access.permit(guest.principal, "decide", guest.asked)

    async def _records(self, principal: Principal, session: str) -> Sequence[Record]:
        try:
            return await self._service.owned.records(principal, session)
        except UnknownSessionError:
            return ()


def _place(wanted: Wanted, run: Found, now: Sequence[Record]) -> Place:
    return Place(wanted.thread, wanted.run, run.start, run.about, passed(now), quiet=run.resume is None)


def _problem(error: Exception) -> Response:
    why = refused(error)
    body: JsonObject = {"status": why.status, "detail": why.detail}
    headers = {**why.headers, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(msgspec.json.encode(body), why.status, headers, media_type="application/json")
