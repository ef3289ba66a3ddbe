"""A rig: a real server on loopback for principals who say who they are, and a reader of its event streams."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import httpx2
import msgspec

from remit.core.agent import Agent
from remit.core.limits import Tenant
from remit.core.values import JsonObject
from remit.home import MEMORY, Home, Settings
from remit.server.access import AccessStore, Facts, Keys, MemoryAccessStore, SqliteAccessStore
from remit.server.access.port import MAY, ROLES, Action, Asked, DeniedError, Principal, Role
from remit.server.access.records import AuditLog, recorded
from remit.server.administration import Register
from remit.server.api import Bind, serving, site
from remit.server.entrance import Bounds
from remit.server.exporting import Pace
from remit.server.projection.running import projecting
from remit.server.service import Service
from remit.server.switches import Board, guarded

TENANTS = (Tenant(name="acme", usd_per_day=5.0, sessions=100), Tenant(name="other"))


def bearer(tenant: str = "acme", name: str = "ann", role: str = "admin") -> dict[str, str]:
    """Give the headers of a principal."""
    return {"Authorization": f"Bearer {tenant}:{name}:{role}"}


def principal(tenant: str = "acme", name: str = "ann") -> Principal:
    """Give an admin."""
    return Principal(name=name, tenant=tenant, role="admin")


@dataclass
class Anybody:
    """Lets in whoever says who they are, and only them."""

    log: AuditLog | None = None
    refused: list[str] = field(default_factory=list[str])
    revoked: set[str] = field(default_factory=set[str])
    """Names that are let in no more."""

    async def identify(self, asked: Asked) -> Principal:
        """See `Access.identify`."""
        said = asked.headers.get("authorization", "").removeprefix("Bearer ").split(":")
        role: Role | None = next((one for one in ROLES if one == said[-1]), None)
        if len(said) != 3 or role is None or said[1] in self.revoked:
            raise DeniedError(401, "nobody knows you")
        return Principal(name=said[1], tenant=said[0], role=role)

    async def permit(self, principal: Principal, action: Action, asked: Asked) -> None:
        """See `Access.permit`."""
        if action not in MAY[principal.role]:
            await self.audit(principal, asked, action, allowed=False)
            raise DeniedError(403, f"a {principal.role} may not {action}")

    async def audit(self, principal: Principal | None, asked: Asked, what: str, *, allowed: bool) -> None:
        """See `Access.audit`."""
        if not allowed:
            self.refused.append(f"{asked.method} {asked.path} {what} {allowed}")
        if self.log is not None:
            await self.log.write(recorded(principal, asked, what, allowed=allowed))


@dataclass
class Rig:
    """A server and a client."""

    service: Service
    url: str
    client: httpx2.AsyncClient
    access: Anybody
    store: AccessStore

    async def ask(self, method: str, path: str, body: Any = None, who: dict[str, str] | None = None) -> httpx2.Response:
        """Ask for something."""
        return await self.client.request(method, path, json=body, headers=bearer() if who is None else who)

    async def good(self, method: str, path: str, body: Any = None) -> Any:
        """Ask for something that must be given."""
        response = await self.ask(method, path, body)
        assert response.status_code < 300, response.text
        return response.json() if response.content else None

    async def past(self, session: str, *, after: int = 0) -> list[Any]:
        """Read what is there of a session."""
        async with self.events(session, after=after, query="&follow=false") as events:
            return [event["data"] async for event in events if event["event"] == "record"]

    async def until(self, session: str, *kinds: str, after: int = 0) -> list[Any]:
        """Read a session until an event of one of these kinds."""
        seen: list[Any] = []
        async with self.events(session, after=after) as events:
            async for event in events:
                if event["event"] == "record":
                    seen.append(event["data"])
                    if event["data"]["kind"] in kinds:
                        return seen
        raise AssertionError(f"the stream ended before {kinds}: {[one['kind'] for one in seen]}")

    @contextlib.asynccontextmanager
    async def events(
        self, session: str, *, after: int = 0, last: str = "", query: str = ""
    ) -> AsyncGenerator[AsyncIterator[dict[str, Any]]]:
        """Follow a session."""
        headers = bearer() | ({"Last-Event-ID": last} if last else {})
        path = f"/v1/sessions/{session}/events?after={after}{query}"
        async with self.client.stream("GET", path, headers=headers, timeout=30) as response:
            assert response.status_code == 200, await response.aread()
            yield parsed(response)


async def parsed(response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
    """Read server-sent events."""
    event: dict[str, Any] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if line == "":
            if "data" in event:
                yield event
            event = {}
        elif name in {"id", "event"}:
            event[name] = value
        elif name == "data":
            event["data"] = cast("JsonObject", msgspec.json.decode(value))


@contextlib.asynccontextmanager
async def _closing(store: AccessStore) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def rigged(
    *agents: Agent, place: str = MEMORY, bounds: Bounds | None = None, tenants: Sequence[Tenant] = TENANTS
) -> AsyncGenerator[Rig]:
    """Serve agents meanwhile."""
    pace = Pace(every=0.1, least=0.01)
    store = MemoryAccessStore() if place == MEMORY else SqliteAccessStore(place)
    async with (
        _closing(store),
        Board(store.switches, every=0.05).kept() as board,
        Home.open(place, guarded(Settings(tenants=tenants), board)) as home,
        projecting(home, place, pace=pace, every=0.05) as projection,
    ):
        service, access = Service(home, agents, projection=projection, switches=board), Anybody(store.log)
        register = Register(Keys(store.keys), store.log, Facts(host="127.0.0.1", schemes=("key",)))
        app = site(service, access, bounds or Bounds(), register=register)
        async with (
            serving(app, service, Bind(port=0), grace=10) as url,
            httpx2.AsyncClient(base_url=url, timeout=30) as client,
        ):
            yield Rig(service, url, client, access, store)
        await asyncio.sleep(0)
