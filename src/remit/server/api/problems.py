"""Problems: what a request ran into, as RFC 9457 has it said."""

from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from remit.server.entrance import refused

MEDIA = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not done (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def answer(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Make the answer to a request that was not done."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return Response(
        msgspec.json.encode(problem), status, {**(headers or {}), "Cache-Control": "no-store"}, media_type=MEDIA
    )


def problem(error: Exception) -> Response:
    """Make the answer for whatever a request ran into."""
    why = refused(error)
    return answer(why.status, why.detail, dict(why.headers))


async def http_problem(request: Request, error: Exception) -> Response:
    """Make the answer for a path or a method that there is not."""
    assert isinstance(error, HTTPException)
    return answer(error.status_code, error.detail, dict(error.headers or {}))
