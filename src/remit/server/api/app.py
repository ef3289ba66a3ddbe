"""App: all endpoints as routes, for a site of their own or beside a console."""

from collections.abc import Sequence

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from remit.server.access.cookies import Cookies
from remit.server.access.port import Access
from remit.server.administration import Register
from remit.server.api import across, control, events, looking, people, sessions, tracing
from remit.server.api.declaring import Answer, Endpoint, Heard
from remit.server.api.door import Door
from remit.server.api.openapi import document
from remit.server.api.problems import http_problem
from remit.server.entrance import Bounds, Entrance, Front
from remit.server.service import Service


async def _document(heard: Heard) -> Answer:
    return Response(_written, media_type="application/json")


ENDPOINTS: tuple[Endpoint, ...] = (
    *sessions.ENDPOINTS,
    *events.ENDPOINTS,
    *people.ENDPOINTS,
    *looking.ENDPOINTS,
    *across.ENDPOINTS,
    *tracing.ENDPOINTS,
    *control.ENDPOINTS,
    Endpoint(
        method="GET",
        path="/openapi.json",
        action=None,
        summary="Describe all this",
        handle=_document,
        gives=dict,
    ),
)
"""Everything that can be asked for."""

_DEFAULT = Bounds()


def routes(entrance: Entrance) -> list[BaseRoute]:
    """Give the routes of the API."""
    return [Route(one.path, Door(one, entrance), methods=[one.method]) for one in ENDPOINTS]


def site(
    service: Service,
    access: Access,
    bounds: Bounds = _DEFAULT,
    *,
    cookies: Cookies | None = None,
    register: Register | None = None,
    fronts: Sequence[Front] = (),
) -> Starlette:
    """Give the API, with other fronts beside it, as one application."""
    entrance = Entrance(service, access, bounds, cookies, register)
    all_routes = routes(entrance)
    for front in fronts:
        all_routes += front(entrance)
    app = Starlette(routes=all_routes, exception_handlers={HTTPException: http_problem})
    # It would send who asks to wherever their `Host` says.
    app.router.redirect_slashes = False
    return app


_written = msgspec.json.encode(document(ENDPOINTS))
