"""MCP: every agent that is served, as a tool for programs that speak MCP. Its package is an extra.

A call is a session; a person at the client is asked what it waits for, if they may decide it. Reached through `front`
only, so that what it needs is loaded only where it is wanted.
"""

import importlib
from collections.abc import Sequence
from typing import Protocol, cast

from starlette.routing import BaseRoute

from remit.core.errors import ConfigError
from remit.server.entrance import Entrance

__all__ = ["front"]


class _Routes(Protocol):
    def routes(self, entrance: Entrance, keys: Sequence[bytes]) -> Sequence[BaseRoute]: ...


def front(entrance: Entrance, *, keys: Sequence[bytes] = ()) -> Sequence[BaseRoute]:
    """Give `/mcp`, all agents as tools, and `/mcp/{agent}`, one of them; raise `ConfigError` without the extra.

    `keys`, each of 32 bytes or more, seal what clients give back with answers: the first seals, all are believed. All
    processes behind one address need the same; without any, what was asked before a restart must be asked again.
    """
    try:
        module = importlib.import_module("remit.server.mcp.routes")
    except ImportError as error:
        raise ConfigError(f"agents over MCP need an extra: pip install 'remit[mcp]' ({error})") from error
    return cast("_Routes", module).routes(entrance, keys)
