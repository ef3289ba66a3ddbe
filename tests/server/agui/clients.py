"""A server with AG-UI, and two clients of it: one of our own that checks every event, and the official one in Node."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import httpx2
import pytest
from ag_ui.core import Event
from pydantic import TypeAdapter
from starlette.routing import BaseRoute
from tests.server.rig import TENANTS, Anybody, Rig, bearer, parsed

from remit.core.agent import Agent
from remit.core.messages import UserMessage
from remit.core.ports import Reply, Request
from remit.home import MEMORY, Home, Settings
from remit.policy import AskBefore
from remit.server.access import MemoryAccessStore
from remit.server.agui import front
from remit.server.api import Bind, serving, site
from remit.server.entrance import Bounds
from remit.server.service import Service
from remit.testing import EffectCounter, ScriptedModel, says, use

BOB = bearer(name="bob", role="operator")

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
_BOUNDS = Bounds()
_HERE = Path(__file__).parent
_PACKAGE = _HERE.parents[1] / "node" / "node_modules" / "@ag-ui" / "client"


@contextlib.asynccontextmanager
async def agui(
    *agents: Agent,
    place: str = MEMORY,
    bounds: Bounds = _BOUNDS,
    beside: Sequence[BaseRoute] = (),
) -> AsyncGenerator[Rig]:
    """Serve agents to AG-UI clients meanwhile, and what a test has beside them."""
    async with Home.open(place, Settings(tenants=TENANTS)) as home:
        service, access = Service(home, agents), Anybody()
        app = site(service, access, bounds, fronts=[front, lambda _: beside])
        async with (
            serving(app, service, Bind(port=0), grace=10) as url,
            httpx2.AsyncClient(base_url=url, timeout=30) as client,
        ):
            yield Rig(service, url, client, access, MemoryAccessStore())
        await asyncio.sleep(0)


def refunding(effect: EffectCounter, *, asks: bool = True) -> Agent:
    """An agent that says what it will do, does it once a person allowed it, and says what came of it."""

    def turn(request: Request) -> Reply:
        since = list(takewhile(lambda one: not isinstance(one, UserMessage), reversed(request.messages)))
        return says("It is done now.") if since else says("I will do that.", use("effect", number=7))

    guards = [AskBefore("effect")] if asks else []
    return Agent("clerk", ScriptedModel(iter(lambda: turn, None)), tools=[effect], guards=guards)


def user(text: str, name: str = "u1") -> dict[str, Any]:
    """Give a message of a user."""
    return {"id": name, "role": "user", "content": text}


def wanted(*messages: dict[str, Any], run: str = "r1", **more: Any) -> dict[str, Any]:
    """Give what a client sends."""
    return {"threadId": "t1", "runId": run, "messages": list(messages), "tools": [], "context": [], **more}


def answered(interrupt: str, payload: Any = None, status: str = "resolved") -> list[dict[str, Any]]:
    """Give an answer to an interrupt."""
    return [{"interruptId": interrupt, "status": status} | ({} if payload is None else {"payload": payload})]


@dataclass
class Ran:
    """The events of one run."""

    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def kinds(self) -> list[str]:
        """Name them."""
        return [event["type"] for event in self.events]

    @property
    def last(self) -> dict[str, Any]:
        """Give the last."""
        return self.events[-1]

    @property
    def text(self) -> str:
        """Give all that was said."""
        return "".join(one["delta"] for one in self.of("TEXT_MESSAGE_CONTENT"))

    @property
    def interrupts(self) -> list[dict[str, Any]]:
        """Give what it waits for."""
        return self.last["outcome"]["interrupts"]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Give those of a kind."""
        return [event for event in self.events if event["type"] == kind]


async def run(rig: Rig, body: dict[str, Any], *, agent: str = "clerk", who: dict[str, str] | None = None) -> Ran:
    """Run to the end."""
    async with running(rig, body, agent=agent, who=who) as events:
        return Ran([event async for event in events])


@contextlib.asynccontextmanager
async def running(
    rig: Rig, body: dict[str, Any], *, agent: str = "clerk", who: dict[str, str] | None = None
) -> AsyncGenerator[AsyncIterator[dict[str, Any]]]:
    """Run, checking every event as the protocol's own types have it."""
    headers = (who or bearer()) | {"Accept": "text/event-stream"}
    async with rig.client.stream("POST", f"/agui/{agent}", json=body, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _checked(response)


async def _checked(response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
    async for one in parsed(response):
        event = _EVENT.validate_python(one["data"])
        # What the types do not know, they keep: then it would come back under another name.
        assert event.model_dump(mode="json", by_alias=True) == one["data"]
        assert not event.model_extra
        yield one["data"]


async def refused(rig: Rig, body: Any, *, agent: str = "clerk", who: dict[str, str] | None = None) -> tuple[int, str]:
    """Ask for a run that is not begun; give the status and why."""
    response = await rig.ask("POST", f"/agui/{agent}", body, who)
    assert response.headers["content-type"] == "application/json"
    assert response.json()["status"] == response.status_code
    return response.status_code, response.json()["detail"]


async def official(script: str, *args: str) -> Any:
    """Run a script with the official client, and give what it found out."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not _PACKAGE.is_dir():
        pytest.skip("@ag-ui/client is not installed; `npm ci` in tests/node does that")
    process = await asyncio.create_subprocess_exec(
        node, str(_HERE / script), *args, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, err.decode()
    found = json.loads(out)
    assert found["warnings"] == []
    return found


def named(events: Sequence[dict[str, Any]]) -> list[str]:
    """Give the kinds of events, each row of the same kind once."""
    kinds = [event["type"] for event in events]
    return [kind for place, kind in enumerate(kinds) if place == 0 or kinds[place - 1] != kind]


def essence(ran: Ran) -> list[Any]:
    """Give what a run says, without how it was cut into pieces."""
    return [ran.text if kind == "TEXT_MESSAGE_CONTENT" else kind for kind in named(ran.events)]
