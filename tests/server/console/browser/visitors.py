"""Visitors: people who come to the console with a cookie that says who they are, and what a context needs for that.

A cookie and no header, because a browser sends it with everything: pages, scripts, event streams, shared workers.
"""

import asyncio
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any, TypeVar

import msgspec
import pytest
from tests.server.console.shop import Open
from tests.server.rig import Anybody, principal

from remit.core.events import Event
from remit.server.access.port import Action, Asked, Principal, Role
from remit.server.service import Wish

_COOKIE = "visitor"
_PATIENCE = 30.0

expect: Any = pytest.importorskip("playwright.async_api").expect
expect.set_options(timeout=_PATIENCE * 1000)

E = TypeVar("E", bound=Event)


@dataclass
class Visitors:
    """Lets in whoever comes with the cookie of a visitor; they do what their role may."""

    anybody: Anybody = field(default_factory=Anybody)

    async def identify(self, asked: Asked) -> Principal:
        """See `Access.identify`."""
        cookie = SimpleCookie(asked.headers.get("cookie", "")).get(_COOKIE)
        if cookie is None:
            return await self.anybody.identify(asked)
        said = {**asked.headers, "authorization": f"Bearer {cookie.value}"}
        return await self.anybody.identify(msgspec.structs.replace(asked, headers=said))

    async def permit(self, principal: Principal, action: Action, asked: Asked) -> None:
        """See `Access.permit`."""
        await self.anybody.permit(principal, action, asked)

    async def audit(self, principal: Principal | None, asked: Asked, what: str, *, allowed: bool) -> None:
        """See `Access.audit`."""
        await self.anybody.audit(principal, asked, what, allowed=allowed)


def visiting(role: Role = "admin", *, name: str = "ann", tenant: str = "acme") -> dict[str, Any]:
    """Give the options of a context for somebody."""
    cookie = {
        "name": _COOKIE, "value": f"{tenant}:{name}:{role}", "domain": "127.0.0.1", "path": "/", "expires": -1,
        "httpOnly": True, "secure": False, "sameSite": "Lax",
    }  # fmt: skip
    return {"storage_state": {"cookies": [cookie], "origins": []}}


async def until(shop: Open, session: str, kind: type[E]) -> E:
    """Wait for an event of a kind, and give the first there is."""
    async with asyncio.timeout(_PATIENCE):
        async for record in shop.home.store.follow(session):
            if isinstance(record.event, kind):
                return record.event
    raise AssertionError(f"{session} has no {kind}")


async def written(shop: Open, session: str, kind: type[E]) -> list[E]:
    """Read the events of a kind that a session has so far."""
    return [record.event for record in await shop.home.store.read(session) if isinstance(record.event, kind)]


async def begun(shop: Open, agent: str, text: str, *, name: str = "carl") -> str:
    """Have a customer say something to an agent; give the session."""
    return (await shop.service.begin(principal(name=name), Wish(agent, text))).view.id
