"""Front: the routes of the console, and how a page is made."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from urllib.parse import quote

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from remit.core.values import now_ms
from remit.server.access.port import MAY, Principal
from remit.server.console.assets import Assets
from remit.server.console.login import Login
from remit.server.console.pages import PAGES
from remit.server.console.visit import Page, Visit
from remit.server.entrance import Entrance, packed, refused

_log = logging.getLogger("remit.server")

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""The content security policy of every page."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # Without any, browsers would say of the forms of our own pages that they come from nowhere.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """What a page knows of who looks at it."""

    name: str
    tenant: str
    role: str
    may: tuple[str, ...]
    how: str
    csrf: str
    """What requests with side effects must show; empty where none is needed."""
    agents: tuple[str, ...]
    """The names of those that are driven here."""
    now: int
    """When the page was made, in milliseconds since the epoch: it is told what changed since then."""


@dataclass(frozen=True)
class Looks:
    """What pages are made of."""

    assets: Assets
    templates: Environment

    def page(self, page: Page, me: Me, data: object) -> bytes:
        """Make a page with its data."""
        needed = self.assets.needed(f"pages/{page.name}.js")
        return self.made("page.html", page=page, me=me, data=embedded(data), known=embedded(me), needed=needed)

    def made(self, template: str, **what: object) -> bytes:
        """Make a document."""
        at = f"/static/{self.assets.version}"
        return self.templates.get_template(template).render(at=at, remit=version("remit"), **what).encode()


class Shown:
    """One page, as an ASGI application."""

    def __init__(self, page: Page, entrance: Entrance, looks: Looks) -> None:
        """Take the page and how requests come in."""
        self._page, self._entrance, self._looks = page, entrance, looks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Show it, or say why not."""
        request = Request(scope, receive)
        try:
            answer = await self._shown(request)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - a person is told in words, whatever broke
            answer = self._refused(request, error)
        await answer(scope, receive, send)

    async def _shown(self, request: Request) -> Response:
        guest = await self._entrance.admit(request, self._page.action)
        path = {name: str(value) for name, value in request.path_params.items()}
        visit = Visit(self._entrance, guest, path, dict(request.query_params))
        data = await self._page.load(visit)
        cookies = self._entrance.cookies
        csrf = cookies.csrf(guest.asked) if cookies is not None and guest.principal.how == "cookie" else ""
        agents = tuple(agent.name for agent in self._entrance.service.driver.agents)
        body = self._looks.page(self._page, _me(guest.principal, csrf, agents), data)
        return packed(request.headers, Response(body, 200, HEADERS, media_type="text/html"))

    def _refused(self, request: Request, error: Exception) -> Response:
        why = refused(error)
        if why.status == 401 and self._entrance.cookies is not None:
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?next={quote(wanted, safe='')}", 303, {"Cache-Control": "no-store"})
        title = HTTPStatus(why.status).phrase
        body = self._looks.made("problem.html", status=why.status, title=title, detail=why.detail)
        return Response(body, why.status, {**HEADERS, **why.headers}, media_type="text/html")


def console(entrance: Entrance) -> Sequence[BaseRoute]:
    """Give the routes of the console."""
    looks = Looks(Assets(), _templates())

    async def static(request: Request) -> Response:
        return looks.assets.answer(request)

    return [
        *Login(entrance, looks.made, HEADERS).routes(),
        *(Route(page.path, Shown(page, entrance, looks), methods=["GET"]) for page in PAGES),
        Route("/static/{version}/{name:path}", static, methods=["GET"]),
    ]


def embedded(data: object) -> str:
    """Write data so that it can stand in a page: nothing in it can end the element that it stands in."""
    text = msgspec.json.encode(data).decode()
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _me(principal: Principal, csrf: str, agents: tuple[str, ...]) -> Me:
    may = tuple(sorted(MAY[principal.role]))
    return Me(
        name=principal.name,
        tenant=principal.tenant,
        role=principal.role,
        may=may,
        how=principal.how,
        csrf=csrf,
        agents=agents,
        now=now_ms(),
    )


def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("remit.server.console"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
