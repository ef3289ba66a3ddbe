"""Routes: A2A over JSON-RPC and over HTTP+JSON. A request is let in by the entrance before the SDK sees it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

import msgspec
from a2a.server.request_handlers.response_helpers import agent_card_to_dict
from a2a.server.routes.jsonrpc_dispatcher import JsonRpcDispatcher
from a2a.server.routes.rest_dispatcher import RestDispatcher
from a2a.utils.constants import AGENT_CARD_WELL_KNOWN_PATH
from sse_starlette.event import ServerSentEvent
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from remit.core.agent import Agent
from remit.server.a2a.card import card
from remit.server.a2a.handling import Tasks
from remit.server.a2a.visits import VISIT, Visit, Visits
from remit.server.entrance import HEADERS, Entrance, EventStream, ProblemError, Refused, refused
from remit.server.service import RefusedError

_AT = "/a2a/{agent}"
_NO_JSON = -32700
_WORDS = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}

Say = Callable[[Refused], Response]
"""Tells a client why its request was not done, before A2A has a say."""


def routes(entrance: Entrance, url: str) -> Sequence[BaseRoute]:
    """Give all routes; `url` is what the cards say, when it is not empty."""
    tasks, visits = Tasks(), Visits()
    rpc, rest = JsonRpcDispatcher(tasks, visits), RestDispatcher(tasks, visits)
    wires: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("POST", "/message:send", rest.on_message_send),
        ("POST", "/message:stream", rest.on_message_send_stream),
        ("POST", "/tasks/{id}:cancel", rest.on_cancel_task),
        ("GET", "/tasks/{id}:subscribe", rest.on_subscribe_to_task),
        ("POST", "/tasks/{id}:subscribe", rest.on_subscribe_to_task),
        ("GET", "/tasks/{id}", rest.on_get_task),
        ("GET", "/tasks", rest.list_tasks),
        ("POST", "/tasks/{id}/pushNotificationConfigs", rest.set_push_notification),
        ("GET", "/tasks/{id}/pushNotificationConfigs", rest.list_push_notifications),
        ("GET", "/tasks/{id}/pushNotificationConfigs/{push_id}", rest.get_push_notification),
        ("DELETE", "/tasks/{id}/pushNotificationConfigs/{push_id}", rest.delete_push_notification),
        ("GET", "/extendedAgentCard", rest.handle_authenticated_agent_card),
    ]
    found: list[BaseRoute] = [Route(_AT + AGENT_CARD_WELL_KNOWN_PATH, Cards(entrance, url), methods=["GET"])]
    found.append(Route(_AT, Door(entrance, rpc.handle_requests, _rpc_error), methods=["POST"]))
    found += [Route(_AT + path, Door(entrance, wire, _rest_error), methods=[method]) for method, path, wire in wires]
    return found


class Cards:
    """The cards of all agents, for everybody: they say how to show who one is."""

    def __init__(self, entrance: Entrance, url: str) -> None:
        """Take whose agents they are, and where they are said to be."""
        self._entrance, self._url = entrance, url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        try:
            await self._entrance.admit(request, None)
            agent = _agent(self._entrance, request)
            body = agent_card_to_dict(card(agent, self._url or str(request.base_url).rstrip("/")))
            answer = Response(msgspec.json.encode(body), 200, _kept_by_nobody(), media_type="application/json")
        except Exception as error:  # noqa: BLE001 - a client is told in its own words, whatever broke
            answer = _rest_error(refused(error))
        await answer(scope, receive, send)


class Door:
    """One way in: lets a request in, has the SDK handle it, and writes what comes of it."""

    def __init__(self, entrance: Entrance, wire: Callable[[Request], Awaitable[Response]], say: Say) -> None:
        """Take how requests come in, who understands them, and how they are refused."""
        self._entrance, self._wire, self._say = entrance, wire, say

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever comes of it."""
        try:
            answer = await self._answer(scope, receive)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - a client is told in its own words, whatever broke
            answer = self._say(refused(error))
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        request = Request(scope, receive)
        # What else it wants is asked for once it is understood.
        guest = await self._entrance.admit(request, "look")
        visit = Visit(self._entrance, guest, _agent(self._entrance, request).name)
        body = _json(await self._entrance.read(request))
        async with contextlib.AsyncExitStack() as closing:
            closing.push_async_exit(visit.closing)
            loop = asyncio.get_running_loop()
            began = loop.time()
            async with visit.watched(receive):
                response = await self._wire(Request({**scope, VISIT: visit}, _again(body)))
            if visit.refusal is not None:
                return self._say(visit.refusal)
            pieces = _pieces(response)
            if pieces is None:
                if loop.time() - began > self._entrance.bounds.recheck:
                    await guest.again()
                response.headers.update(_kept_by_nobody())
                return response
            if visit.stream is None:
                return Response(b"".join([piece async for piece in pieces]), 200, HEADERS, "text/event-stream")
            closing.push_async_callback(pieces.aclose)
            return EventStream(visit.stream, pieces, closing.pop_all(), guest.again, self._entrance.bounds)


def _agent(entrance: Entrance, request: Request) -> Agent:
    name = str(request.path_params["agent"])
    agent = entrance.service.driver.serves(name)
    if agent is None:
        raise RefusedError("unknown", f"no agent {name!r} is served here")
    return agent


def _json(body: bytes) -> bytes:
    """Give a body that is JSON; raise `ProblemError` for any other, which the SDK would take for a fault of ours.

    What Python reads beside that, such as `NaN` and half a character, nobody could write down again.
    """
    try:
        if body:
            msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, f"the body is no JSON: {error}") from None
    return body


def _again(body: bytes) -> Receive:
    """Give a body that was read to who wants to read it."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return left.pop() if left else {"type": "http.disconnect"}

    return receive


def _pieces(response: Response) -> AsyncGenerator[bytes] | None:
    """Give the events that the SDK would stream; `None` for an answer that is whole."""
    events = cast("AsyncIterator[Any] | None", getattr(response, "body_iterator", None))
    if events is None:
        return None

    async def written() -> AsyncGenerator[bytes]:
        async for event in events:
            one = event if isinstance(event, ServerSentEvent) else ServerSentEvent(**event)
            yield one.encode()

    return written()


def _kept_by_nobody() -> dict[str, str]:
    return {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _rest_error(why: Refused) -> Response:
    word = _WORDS.get(why.status, "UNAVAILABLE" if why.status == 503 else "INVALID_ARGUMENT")
    error = {"code": why.status, "status": "INTERNAL" if why.status == 500 else word, "message": why.detail}
    return _error(why, {"error": error})


def _rpc_error(why: Refused) -> Response:
    code = _NO_JSON if why.status == 400 else -32600 if why.status < 500 else -32603
    return _error(why, {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": why.detail}})


def _error(why: Refused, body: object) -> Response:
    headers = {**why.headers, **_kept_by_nobody()}
    return Response(msgspec.json.encode(body), why.status, headers, media_type="application/json")
