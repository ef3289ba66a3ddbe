"""The front: what clients of OpenAI's API can ask for, as routes."""

from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from remit.server.access.port import Action
from remit.server.entrance import Entrance
from remit.server.openai import models
from remit.server.openai.chat import completing
from remit.server.openai.door import Door, Handle, Heard
from remit.server.openai.problems import UnfitError
from remit.server.openai.responses import answering

BASE = "/openai/v1"
"""What a client has as its `base_url`, below the address of the server."""


async def _nothing(heard: Heard) -> Response:
    request = heard.request
    what = f"there is no {request.method} {request.url.path} here: there are models, chat/completions and responses"
    raise UnfitError("", what, status=404)


_ROUTES: Sequence[tuple[str, str, Handle, Action]] = (
    ("GET", "/models", models.listed, "look"),
    ("GET", "/models/{model:path}", models.shown, "look"),
    ("POST", "/chat/completions", completing.complete, "look"),
    # Whether somebody wants to give work or to decide is in the body.
    ("POST", "/responses", answering.create, "look"),
    ("GET", "/responses/{response}", answering.show, "look"),
    ("DELETE", "/responses/{response}", answering.keep, "look"),
    ("POST", "/responses/{response}/cancel", answering.cancel, "stop"),
)


def front(entrance: Entrance) -> Sequence[BaseRoute]:
    """Give the routes."""
    routes = [
        Route(f"{BASE}{path}", Door(entrance, handle, action), methods=[method])
        for method, path, handle, action in _ROUTES
    ]
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return [*routes, Route(f"{BASE}/{{rest:path}}", Door(entrance, _nothing, "look"), methods=methods)]
