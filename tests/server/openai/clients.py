"""Clients: the official one of OpenAI, talking to a server of ours over loopback."""

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2
from openai import AsyncOpenAI, BaseModel
from tests.server.rig import TENANTS, Anybody, Rig, bearer

from remit.core.agent import Agent
from remit.home import MEMORY, Home, Settings
from remit.server.access.stores.memory import MemoryAccessStore
from remit.server.api import Bind, serving, site
from remit.server.entrance import Bounds
from remit.server.openai import BASE, front
from remit.server.service import Allows, Service
from remit.server.switches import Board


def client(rig: Rig, tenant: str = "acme", name: str = "ann", role: str = "admin", *, retries: int = 0) -> AsyncOpenAI:
    """Give a client of a principal."""
    key = bearer(tenant, name, role)["Authorization"].removeprefix("Bearer ")
    return AsyncOpenAI(base_url=rig.url + BASE, api_key=key, max_retries=retries, timeout=20)


@contextlib.asynccontextmanager
async def served(
    *agents: Agent, place: str | Path = MEMORY, own: bool = False, bounds: Bounds | None = None, streams: int = 100
) -> AsyncGenerator[tuple[Rig, AsyncOpenAI]]:
    """Serve agents to clients of OpenAI's meanwhile; the one that is given is of ann, an admin."""
    store = MemoryAccessStore()
    async with (
        Board(store.switches, every=0.05).kept() as board,
        Home.open(place, Settings(tenants=TENANTS)) as home,
    ):
        service, access = (
            Service(home, agents, allows=Allows(own_approvals=own, streams=streams), switches=board),
            Anybody(store.log),
        )
        app = site(service, access, bounds or Bounds(), fronts=[front])
        async with (
            serving(app, service, Bind(port=0), grace=10) as url,
            httpx2.AsyncClient(base_url=url, timeout=30) as http,
        ):
            rig = Rig(service, url, http, access, store)
            async with client(rig) as ann:
                yield rig, ann


def told(answer: BaseModel) -> Any:
    """Give what Remit says beside what OpenAI has fields for."""
    return (answer.model_extra or {})["remit"]
