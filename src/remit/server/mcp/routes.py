"""Routes: MCP over streamable HTTP. A request is let in by the entrance before the SDK sees it, every one anew."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from mcp.server import Server, ServerRequestContext
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from remit.apps.mcp.offers import agent_offer
from remit.apps.mcp.port import Sessions
from remit.apps.mcp.service import offered, sealed
from remit.core.agent import Agent
from remit.core.errors import RejectedError, RemitError
from remit.core.values import JsonObject, JsonValue
from remit.server.access.port import DeniedError, Principal
from remit.server.entrance import Entrance, Guest, ProblemError, Refused, refused
from remit.server.mcp.offers import CancelOffer, ResumeOffer
from remit.server.mcp.running import Managers
from remit.server.mcp.served import ServedSessions
from remit.server.mcp.visits import VISIT, Visit, visit_of

Context = ServerRequestContext[Any, Any]

_METHODS = ("POST", "GET", "DELETE")


def routes(entrance: Entrance, keys: Sequence[bytes]) -> Sequence[BaseRoute]:
    """Give all routes."""
    agents = entrance.service.driver.agents
    servers = {"": _server(agents, keys)} | {agent.name: _server([agent], keys) for agent in agents}
    door = Door(entrance, Managers(entrance, servers))
    return [Route("/mcp", door, methods=_METHODS), Route("/mcp/{agent}", door, methods=_METHODS)]


def _server(agents: Sequence[Agent], keys: Sequence[bytes]) -> Server[Any]:
    names = frozenset(agent.name for agent in agents)

    def opened(context: Context) -> Sessions:
        return ServedSessions(visit_of(context), names)

    offers = [*map(agent_offer, agents), ResumeOffer(), CancelOffer()]
    return offered(offers, sorted(names), opened, seal=sealed(keys, _whose), words=_words)


def _whose(context: Context) -> str:
    principal = visit_of(context).principal
    return msgspec.json.encode([principal.tenant, principal.name]).decode()


def _words(error: RemitError) -> str:
    return str(error) if isinstance(error, RejectedError) else refused(error).detail


class Door:
    """The one way in."""

    def __init__(self, entrance: Entrance, managers: Managers) -> None:
        """Take how requests come in, and who understands them."""
        self._entrance, self._managers = entrance, managers
        self._calls: WeakValueDictionary[tuple[str, str, str], Visit] = WeakValueDictionary()
        """Calls of the older protocol under way, by tenant, principal and what no other call has."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever comes of it."""
        request = Request(scope, receive)
        try:
            # What else it wants is asked for once it is understood.
            guest = await self._entrance.admit(request, "look")
            body = await self._entrance.read(request)
            visit = self._visit(guest, _json(body))
            manager = await self._managers.get(guest.principal, str(request.path_params.get("agent", "")))
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - a client is told in its own words, whatever broke
            await _said(refused(error))(scope, receive, send)
            return
        line = _Line(body, receive, send)
        async with line.open_while(guest, self._entrance.bounds.recheck):
            inner = {**scope, VISIT: visit, "user": _user(guest.principal)}
            await manager.handle_request(inner, line.receive, line.send)
        if line.denied is not None and not line.started:
            await _said(refused(line.denied))(scope, receive, send)

    def _visit(self, guest: Guest, said: JsonObject) -> Visit:
        """Begin a visit; mark the one of a call that this request cancels."""
        connection, principal = guest.headers.get(MCP_SESSION_ID_HEADER, ""), guest.principal
        params = said.get("params")
        if said.get("method") == "notifications/cancelled" and isinstance(params, dict):
            named = _call(connection, params.get("requestId"))
            other = self._calls.get((principal.tenant, principal.name, named))
            if other is not None:
                other.cancelled = True
        # Only such a connection has ids that are never used again.
        call = _call(connection, said["id"]) if connection and "id" in said and "method" in said else ""
        visit = Visit(self._entrance, guest, call)
        if call:
            self._calls[principal.tenant, principal.name, call] = visit
        return visit


@dataclass(eq=False, slots=True)
class _Line:
    """What goes between a client and the SDK, until the client leaves or may no longer read."""

    body: bytes
    heard: Receive
    say: Send
    started: bool = False
    denied: DeniedError | None = None
    _read: bool = False
    _ended: bool = False
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def open_while(self, guest: Guest, recheck: float) -> AsyncGenerator[None]:
        """Watch whether the client is still there, and still may be."""
        watching = [asyncio.create_task(self._left()), asyncio.create_task(self._refused(guest, recheck))]
        try:
            yield
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
        if self.started and not self._ended:
            with contextlib.suppress(OSError):
                await self.say({"type": "http.response.body", "body": b"", "more_body": False})

    async def receive(self) -> Message:
        """Give the body once, and then that the client is gone, when it is."""
        if not self._read:
            self._read = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Say something, kept by nobody on its way."""
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(raw=list(message["headers"]))
            headers.update(_kept_by_nobody())
            message = {**message, "headers": headers.raw}
        elif message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
        await self.say(message)

    async def _left(self) -> None:
        while (await self.heard())["type"] != "http.disconnect":
            pass
        self._over.set()

    async def _refused(self, guest: Guest, recheck: float) -> None:
        while not self._over.is_set():
            await asyncio.sleep(recheck)
            try:
                await guest.again()
            except DeniedError as error:
                if error.status in {401, 403}:
                    self.denied = error
                    self._over.set()
            except RemitError:
                # Nobody can tell for now; it is asked again.
                continue


def _user(principal: Principal) -> AuthenticatedUser:
    """Say to the SDK whose connection it is: it lets nobody else use it."""
    token = AccessToken(
        token="", client_id="remit", scopes=[], subject=principal.name, claims={"iss": principal.tenant}
    )
    return AuthenticatedUser(token)


def _call(connection: str, id: object) -> str:  # noqa: A002 - as the protocol calls it
    return f"{connection} {msgspec.json.encode(id).decode()}"


def _json(body: bytes) -> JsonObject:
    """Read a body as far as it must be understood here; raise `ProblemError` for one that is no JSON."""
    try:
        said: JsonValue = msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, f"the body is no JSON: {error}") from None
    return said if isinstance(said, dict) else {}


def _kept_by_nobody() -> dict[str, str]:
    return {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _said(why: Refused) -> Response:
    code = -32700 if why.status == 400 else -32600 if why.status < 500 else -32603
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": why.detail}}
    headers = {**why.headers, **_kept_by_nobody()}
    return Response(msgspec.json.encode(body), why.status, headers, media_type="application/json")
