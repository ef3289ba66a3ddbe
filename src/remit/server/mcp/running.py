"""Running: the SDK's managers of connections, one for each tenant and endpoint, so that none sees or crowds another."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from remit.server.access.port import Principal
from remit.server.entrance import Entrance
from remit.server.service import RefusedError

_MOST = 1000
"""Connections of the older protocol that a tenant may have at an endpoint."""

_PARTING = 1.0
"""Seconds that answers have to be written when the server stops."""


class Managers:
    """Begins each when it is first needed, and lets it go when the service is drained."""

    def __init__(self, entrance: Entrance, servers: Mapping[str, Server[Any]]) -> None:
        """Take what is served at each endpoint, by agent; empty for all of them."""
        self._entrance, self._servers = entrance, servers
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._begun: dict[tuple[str, str], asyncio.Future[StreamableHTTPSessionManager]] = {}

    async def get(self, principal: Principal, agent: str) -> StreamableHTTPSessionManager:
        """Give the one for a principal's tenant; raise `RefusedError` where there is nothing for them."""
        server = self._servers.get(agent)
        if server is None:
            raise RefusedError("unknown", f"no agent {agent!r} is served here")
        if principal.tenant not in self._entrance.service.home.tenants:
            raise RefusedError("unready", "this server keeps no sessions for your tenant; its operator can add it")
        place = principal.tenant, agent
        if place not in self._running:
            self._begun[place] = asyncio.get_running_loop().create_future()
            self._running[place] = asyncio.create_task(self._live(place, server), name=f"remit-mcp-{agent}")
        return await asyncio.shield(self._begun[place])

    async def _live(self, place: tuple[str, str], server: Server[Any]) -> None:
        tenant, agent = place
        manager = StreamableHTTPSessionManager(
            server, max_sessions=_MOST, max_request_body_size=max(self._entrance.bounds.body, 1)
        )
        # Nobody's, to hear when all readers are let go.
        watcher = Principal(name=f"mcp {agent}", tenant=tenant, role="viewer")
        begun = self._begun[place]
        try:
            with (
                contextlib.suppress(RefusedError),
                self._entrance.service.streams.lookout(watcher) as lookout,
            ):
                async with manager.run():
                    begun.set_result(manager)
                    await lookout.over.wait()
                    await asyncio.sleep(_PARTING)
        finally:
            if not begun.done():
                begun.set_exception(RefusedError("unready", "this server is stopping; try again"))
            del self._running[place], self._begun[place]
