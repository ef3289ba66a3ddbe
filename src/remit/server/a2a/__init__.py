"""A2A: every agent that is served, for agents and programs that speak A2A 1.0. Its package is an extra.

A session is a context, a run of it a task; nothing is kept beside the journal. Reached through `front` only, so that
what it needs is loaded only where it is wanted.
"""

import importlib
from collections.abc import Sequence
from typing import Protocol, cast

from starlette.routing import BaseRoute

from remit.core.errors import ConfigError
from remit.server.entrance import Entrance

__all__ = ["front"]


class _Routes(Protocol):
    def routes(self, entrance: Entrance, url: str) -> Sequence[BaseRoute]: ...


def front(entrance: Entrance, *, url: str = "") -> Sequence[BaseRoute]:
    """Give the routes at which agents are offered over A2A; raise `ConfigError` when the extra is missing.

    `url` is what clients reach this server at, such as `https://agents.example.com`; when empty, agent cards say the
    host that they were asked for at.
    """
    try:
        module = importlib.import_module("remit.server.a2a.routes")
    except ImportError as error:
        raise ConfigError(f"agents over A2A need an extra: pip install 'remit[a2a]' ({error})") from error
    return cast("_Routes", module).routes(entrance, url.rstrip("/"))
