"""Clients: a real server that offers agents over MCP, and the official client of it, of both protocols."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from msgspec.structs import replace
from tests.server.rig import TENANTS, Anybody, bearer

from remit.core.agent import Agent
from remit.core.messages import ToolMessage
from remit.core.ports import Reply, Request
from remit.home import MEMORY, Home, Settings
from remit.server.access.port import Action, Asked, Principal
from remit.server.api import Bind, serving, site
from remit.server.entrance import Bounds
from remit.server.mcp import front
from remit.server.service import Allows, Service
from remit.testing import ScriptedModel, says, use
from remit.tools import tool

Mode = Literal["auto", "legacy"]
Answer = Callable[[types.ElicitRequestFormParams], types.ElicitResult]

BOB = bearer(name="bob", role="operator")
KEY = b"a key of the tests, not of a home"


@dataclass
class Demoting:
    """Knows some only as viewers, whatever they say."""

    inner: Anybody = field(default_factory=Anybody)
    demoted: set[str] = field(default_factory=set[str])

    async def identify(self, asked: Asked) -> Principal:
        """See `Access.identify`."""
        found = await self.inner.identify(asked)
        return replace(found, role="viewer") if found.name in self.demoted else found

    async def permit(self, principal: Principal, action: Action, asked: Asked) -> None:
        """See `Access.permit`."""
        await self.inner.permit(principal, action, asked)

    async def audit(self, principal: Principal | None, asked: Asked, what: str, *, allowed: bool) -> None:
        """See `Access.audit`."""
        await self.inner.audit(principal, asked, what, allowed=allowed)


@dataclass
class Served:
    """A server."""

    service: Service
    url: str
    access: Demoting
    asked: list[str] = field(default_factory=list[str])
    """What people at clients were asked."""

    @contextlib.asynccontextmanager
    async def client(
        self,
        mode: Mode = "auto",
        *,
        who: Mapping[str, str] | None = None,
        answer: Answer | None = None,
        agent: str = "",
    ) -> AsyncGenerator[Client]:
        """Give the official client for a principal, with a person who answers if there is an answer."""

        async def elicited(context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
            assert isinstance(params, types.ElicitRequestFormParams)
            assert answer is not None
            self.asked.append(params.message)
            return answer(params)

        place = f"{self.url}/mcp" + (f"/{agent}" if agent else "")
        headers = dict(bearer() if who is None else who)
        async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
            transport = streamable_http_client(place, http_client=http)
            callback = elicited if answer is not None else None
            async with Client(transport, mode=mode, elicitation_callback=callback) as client:
                yield client

    async def sessions(self) -> Sequence[str]:
        """Give the ids of all sessions, newest first."""
        return [row.id for row in await self.service.home.sessions()]

    async def written(self, session: str, kind: str) -> None:
        """Wait until an event of a kind is in a journal."""
        async for record in self.service.home.store.follow(session):
            if type(record.event).__name__ == kind:
                return


@contextlib.asynccontextmanager
async def served(
    *agents: Agent, bounds: Bounds | None = None, place: str = MEMORY, own: bool = False, streams: int = 100
) -> AsyncGenerator[Served]:
    """Serve agents over MCP meanwhile."""
    async with Home.open(place, Settings(tenants=TENANTS)) as home:
        service, access = Service(home, agents, allows=Allows(own_approvals=own, streams=streams)), Demoting()
        app = site(service, access, bounds or Bounds(), fronts=[lambda entrance: front(entrance, keys=[KEY])])
        async with serving(app, service, Bind(port=0), grace=10) as url:
            yield Served(service, url, access)


async def called(client: Client, name: str, args: dict[str, object], key: str = "") -> tuple[str, bool, str]:
    """Call a tool: its text, whether it failed, and the session it was."""
    meta: dict[str, str] | None = {"remit/idempotency-key": key} if key else None
    result = await client.call_tool(name, args, meta=meta)  # pyright: ignore[reportArgumentType]
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return block.text, result.is_error, str((result.meta or {}).get("remit/session", ""))


def accept(**content: str | bool) -> Answer:
    """Give a person who fills in the form."""
    return lambda _: types.ElicitResult(action="accept", content=dict(content))


def refuse(params: types.ElicitRequestFormParams) -> types.ElicitResult:
    """Be a person who declines."""
    return types.ElicitResult(action="decline")


def close(params: types.ElicitRequestFormParams) -> types.ElicitResult:
    """Be a person who closes the form."""
    return types.ElicitResult(action="cancel")


@dataclass
class Holding:
    """An agent whose tool is held until it is let go, once in each run."""

    began: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def agent(self) -> Agent:
        """Give the agent; it answers `done`."""

        @tool(effect="read")
        async def hold() -> str:
            """Take long."""
            self.began.set()
            await self.go.wait()
            return "held"

        def turn(request: Request) -> Reply:
            return says("done") if isinstance(request.messages[-1], ToolMessage) else says("", use("hold"))

        return Agent("slow", ScriptedModel(itertools.repeat(turn)), tools=[hold])
