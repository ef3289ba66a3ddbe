"""Replicas: real servers with real access over one database, as a fleet behind a load balancer has them."""

import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx2

from remit.core.agent import Agent
from remit.core.limits import Tenant
from remit.home import Home, Settings
from remit.journal.postgres import Patience, PostgresJournal
from remit.runtime import LocalWorkers
from remit.server.access import AccessSettings, Keys, Opened, PostgresAccessStore, Role, open_access
from remit.server.administration import Register
from remit.server.api import Bind, serving, site
from remit.server.console.front import console
from remit.server.entrance import Bounds
from remit.server.service import Service
from remit.server.switches import Board, guarded

SHORT = Patience(statement=1.0, outage=0.5)
"""For those who wait at the door."""
TENANTS = (Tenant(name="acme"), Tenant(name="other"))
SECRET = bytes(32)


@dataclass
class Replica:
    """One of them, and who asks it."""

    url: str
    client: httpx2.AsyncClient
    store: PostgresAccessStore
    board: Board
    home: Home
    opened: Opened

    async def ask(self, method: str, path: str, key: str = "", body: Any = None, **headers: str) -> httpx2.Response:
        """Ask for something, with a key."""
        said: Mapping[str, str] = {name.replace("_", "-"): value for name, value in headers.items()}
        shown = {"Authorization": f"Bearer {key}"} if key else {}
        return await self.client.request(method, path, json=body, headers={**shown, **said})

    async def good(self, method: str, path: str, key: str, body: Any = None) -> Any:
        """Ask for something that must be given."""
        response = await self.ask(method, path, key, body)
        assert response.status_code < 300, response.text
        return response.json() if response.content else None


async def first_key(url: str, *, tenant: str = "acme", role: Role = "admin", name: str = "ann") -> str:
    """Make a key as `remit keys new` does."""
    store = PostgresAccessStore(url)
    _, text = await Keys(store.keys).new(tenant=tenant, role=role, name=name)
    await store.close()
    return text


@contextlib.asynccontextmanager
async def replica(
    url: str,
    *agents: Agent,
    settings: AccessSettings | None = None,
    every: float = 1.0,
    patience: Patience = SHORT,
) -> AsyncGenerator[Replica]:
    """Serve meanwhile; keys are needed."""
    store = PostgresAccessStore(url, patience=patience)
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(store.close)
        opened = await open_access(store, settings or AccessSettings(required=True), host="127.0.0.1")
        closing.push_async_callback(opened.access.close)
        board = await closing.enter_async_context(Board(store.switches, every=every).kept())
        journal = PostgresJournal(url)
        workers = cast("LocalWorkers", journal.workers)
        home = await closing.enter_async_context(
            Home(journal, workers, SECRET, guarded(Settings(tenants=TENANTS), board))
        )
        service = Service(home, agents, switches=board)
        register = Register(opened.keys, store.log, opened.facts)
        app = site(service, opened.access, Bounds(), cookies=opened.cookies, register=register, fronts=[console])
        address = await closing.enter_async_context(serving(app, service, Bind(port=0), grace=5))
        client = await closing.enter_async_context(httpx2.AsyncClient(base_url=address, timeout=30))
        yield Replica(address, client, store, board, home, opened)
