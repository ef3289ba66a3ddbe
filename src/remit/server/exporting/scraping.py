"""Scraping: `/metrics` as a site of its own, for a port of its own. Needs `remit[server]`.

It is no route of the API: metrics tell of all tenants, while whoever the API lets in, an admin too, is of one tenant,
and a scraper should not hold the key of an admin. Who runs the server opens the port, on loopback unless they say
otherwise; beyond loopback, who reaches it is for their network to say.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from remit.server.access.port import Asked, DeniedError
from remit.server.access.sites import refuse_elsewhere, refuse_other_sites

PATH = "/metrics"
LIVE, READY = "/health/live", "/health/ready"


class Told(Protocol):
    """What an `Exposition` does."""

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """Give the body and its content type, for the `Accept` header of whoever asks."""
        ...


def scraped(
    told: Told, look: Callable[[], Awaitable[None]], unready: Callable[[], str] = lambda: "", *, loopback: bool = True
) -> Starlette:
    """Give the site; it awaits `look` before it tells, and on `loopback` it answers to nobody but this machine.

    At `LIVE` it says that the process lives, and at `READY` that it is ready, or why it is `unready`.
    """

    def refused(request: Request) -> Response | None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, request.url.path, headers, request.client.host if request.client else "")
        try:
            if loopback:
                refuse_elsewhere(asked)
            refuse_other_sites(asked)
        except DeniedError as error:
            return PlainTextResponse(f"{error}\n", 403)
        return None

    async def tell(request: Request) -> Response:
        no = refused(request)
        if no is not None:
            return no
        await look()
        body, content = told.text(request.headers.get("accept", ""))
        return Response(body, 200, {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}, content)

    async def live(request: Request) -> Response:
        return refused(request) or PlainTextResponse("live\n")

    async def is_ready(request: Request) -> Response:
        why = unready()
        return refused(request) or PlainTextResponse(f"{why or 'ready'}\n", 503 if why else 200)

    routes = ((PATH, tell), (LIVE, live), (READY, is_ready))
    return Starlette(routes=[Route(path, endpoint, methods=["GET"]) for path, endpoint in routes])
