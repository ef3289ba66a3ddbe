"""App: all endpoints as routes, for a site of their own or beside a console."""

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from remit.server.access.port import Access
from remit.server.api import events, looking, people, sessions
from remit.server.api.declaring import Answer, Bounds, Endpoint, Heard
from remit.server.api.door import Door
from remit.server.api.openapi import document
from remit.server.api.problems import http_problem
from remit.server.service import Service


async def _document(heard: Heard) -> Answer:
    return Response(_written, media_type="application/json")


ENDPOINTS: tuple[Endpoint, ...] = (
    *sessions.ENDPOINTS,
    *events.ENDPOINTS,
    *people.ENDPOINTS,
    *looking.ENDPOINTS,
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


def routes(service: Service, access: Access, bounds: Bounds = _DEFAULT) -> list[BaseRoute]:
    """Give the routes of the API."""
    return [Route(one.path, Door(one, service, access, bounds), methods=[one.method]) for one in ENDPOINTS]


def site(service: Service, access: Access, bounds: Bounds = _DEFAULT) -> Starlette:
    """Give the API as an application of its own."""
    app = Starlette(routes=routes(service, access, bounds), exception_handlers={HTTPException: http_problem})
    # It would send who asks to wherever their `Host` says.
    app.router.redirect_slashes = False
    return app


_written = msgspec.json.encode(document(ENDPOINTS))
