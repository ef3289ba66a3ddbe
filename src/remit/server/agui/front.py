"""Front: the routes of AG-UI, reached without its package being imported before they are wanted."""

import importlib
from collections.abc import Sequence
from typing import Protocol, cast

from starlette.routing import BaseRoute

from remit.core.errors import ConfigError
from remit.server.entrance import Entrance

INSTALL = "pip install 'remit[agui]'"


class _Endpoints(Protocol):
    def routes(self, entrance: Entrance) -> Sequence[BaseRoute]: ...


def front(entrance: Entrance) -> Sequence[BaseRoute]:
    """Give `POST /agui/{agent}`, an agent as AG-UI clients know it; raise `ConfigError` without the extra."""
    try:
        endpoints = cast("_Endpoints", importlib.import_module("remit.server.agui.endpoint"))
    except ImportError as error:
        raise ConfigError(f"AG-UI needs an extra: {INSTALL} ({error})") from error
    return endpoints.routes(entrance)
