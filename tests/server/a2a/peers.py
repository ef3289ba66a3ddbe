"""Peers: a real server that offers agents over A2A, and the official client of it, once for each wire."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
from a2a.client import Client, ClientConfig, ClientFactory
from a2a.types import GetTaskRequest, Message, Part, Role, SendMessageRequest, StreamResponse, Task, TaskState
from a2a.utils.constants import TransportProtocol
from tests.server.rig import TENANTS, Anybody, bearer

from remit.core.agent import Agent
from remit.core.messages import ToolMessage
from remit.core.ports import Reply, Request
from remit.core.values import JsonObject
from remit.home import MEMORY, Home, Settings
from remit.server.a2a import front
from remit.server.a2a.parts import data_part, json_of
from remit.server.api import Bind, serving, site
from remit.server.entrance import Bounds
from remit.server.service import Service
from remit.testing import ScriptedModel, says, use
from remit.tools import tool

WIRES = (TransportProtocol.JSONRPC.value, TransportProtocol.HTTP_JSON.value)
BOB = bearer(name="bob", role="operator")


@dataclass
class Peer:
    """A server, and clients of it."""

    service: Service
    url: str
    closing: contextlib.AsyncExitStack
    access: Anybody = field(default_factory=Anybody)

    async def http(self, who: Mapping[str, str]) -> httpx.AsyncClient:
        """Give a plain client for a principal."""
        return await self.closing.enter_async_context(httpx.AsyncClient(headers=dict(who), timeout=30))

    async def client(
        self,
        agent: str,
        wire: str = WIRES[0],
        *,
        who: Mapping[str, str] | None = None,
        http: httpx.AsyncClient | None = None,
        streaming: bool = False,
    ) -> Client:
        """Find an agent by its card, and give the official client of it."""
        http = http or await self.http(bearer() if who is None else who)
        config = ClientConfig(streaming=streaming, httpx_client=http, supported_protocol_bindings=[wire])
        return await ClientFactory(config).create_from_url(f"{self.url}/a2a/{agent}")


@contextlib.asynccontextmanager
async def peered(*agents: Agent, bounds: Bounds | None = None, place: str = MEMORY) -> AsyncGenerator[Peer]:
    """Serve agents over A2A meanwhile."""
    async with Home.open(place, Settings(tenants=TENANTS)) as home, contextlib.AsyncExitStack() as closing:
        service, access = Service(home, agents), Anybody()
        app = site(service, access, bounds or Bounds(), fronts=[front])
        async with serving(app, service, Bind(port=0), grace=10) as url, closing:
            yield Peer(service, url, closing, access)


def message(*parts: Part | str | JsonObject, task: str = "", context: str = "", id: str = "") -> SendMessageRequest:  # noqa: A002 - as the field is called
    """Make a message of words, data and files."""
    made = [
        one if isinstance(one, Part) else Part(text=one) if isinstance(one, str) else data_part(one) for one in parts
    ]
    said = Message(message_id=id or uuid4().hex, role=Role.ROLE_USER, parts=made, task_id=task, context_id=context)
    return SendMessageRequest(message=said)


async def told(client: Client, request: SendMessageRequest) -> Task:
    """Send a message and give the task that came of it, whole."""
    (answer,) = [one async for one in client.send_message(request)]
    return answer.task


async def got(client: Client, task: str) -> Task:
    """Get a task."""
    return await client.get_task(GetTaskRequest(id=task))


def words(task: Task) -> list[str]:
    """Give the text of all artifacts of a task."""
    return [part.text for artifact in task.artifacts for part in artifact.parts]


def waits(task: Task) -> list[JsonObject]:
    """Give what a task waits for."""
    assert task.status.state == TaskState.TASK_STATE_INPUT_REQUIRED, task
    found = [json_of(part.data) for part in task.status.message.parts if part.HasField("data")]
    return [one for one in found if isinstance(one, dict)]


async def until(stream: AsyncIterator[StreamResponse], *states: TaskState) -> list[StreamResponse]:
    """Read a stream until a state."""
    seen: list[StreamResponse] = []
    async for one in stream:
        seen.append(one)
        if state(one) in states:
            break
    return seen


def state(one: StreamResponse) -> TaskState | None:
    """Give the state that an answer of a stream says."""
    if one.HasField("task"):
        return one.task.status.state
    return one.status_update.status.state if one.HasField("status_update") else None


def states(seen: Iterator[StreamResponse] | list[StreamResponse]) -> list[str]:
    """Give the states that a stream went through."""
    return [TaskState.Name(found) for found in map(state, seen) if found is not None]


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
