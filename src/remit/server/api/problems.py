"""Problems: errors as RFC 9457 describes them. A stranger learns nothing, an honest client what to do."""

import logging
from http import HTTPStatus
from typing import assert_never

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from remit.core.errors import (
    ApprovalError,
    ConfigError,
    JournalBusyError,
    OverLimitError,
    SessionBusyError,
    UnknownSessionError,
)
from remit.server.access.port import DeniedError
from remit.server.service import Refusal, RefusedError

MEDIA = "application/problem+json"

_log = logging.getLogger("remit.server")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not done (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class ProblemError(Exception):
    """A request cannot be understood."""

    def __init__(self, status: int, detail: str, *, close: bool = False) -> None:
        """Say with which status, and why, and whether nothing more may come over this connection."""
        super().__init__(detail)
        self.status, self.close = status, close


def answer(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Make the answer to a request that was not done."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return Response(
        msgspec.json.encode(problem), status, {**(headers or {}), "Cache-Control": "no-store"}, media_type=MEDIA
    )


def problem(error: Exception) -> Response:
    """Make the answer for whatever a request ran into."""
    if isinstance(error, DeniedError):
        return _denied(error)
    if isinstance(error, ProblemError) and error.close:
        return answer(error.status, str(error), {"Connection": "close"})
    status = _status(error)
    if status is not None:
        return answer(status, str(error), {"Retry-After": "1"} if status in {429, 503} else None)
    if isinstance(error, JournalBusyError):
        # It says where the store is.
        _log.warning("a request found the store busy: %s", error)
        return answer(503, "the store is busy; try again", {"Retry-After": "1"})
    if isinstance(error, ConfigError):
        # It speaks of this machine, so only its operator is told.
        _log.error("a request needs what is not configured: %s", error)
        return answer(503, "this server is not configured for that; its log says what is missing")
    _log.error("a request broke", exc_info=error)
    return answer(500, "something broke; the server's log says what")


async def http_problem(request: Request, error: Exception) -> Response:
    """Make the answer for a path or a method that there is not."""
    assert isinstance(error, HTTPException)
    return answer(error.status_code, error.detail, dict(error.headers or {}))


def _denied(error: DeniedError) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return answer(error.status, str(error), headers)


def _status(error: Exception) -> int | None:
    match error:
        case ProblemError():
            return error.status
        case RefusedError():
            return _of(error.kind)
        case UnknownSessionError():
            return 404
        case ApprovalError() | SessionBusyError() | OverLimitError():
            return 409
        case _:
            return None


def _of(kind: Refusal) -> int:
    match kind:
        case "unknown":
            return 404
        case "conflict":
            return 409
        case "unfit":
            return 422
        case "crowded":
            return 429
        case "unready":
            return 503
        case _:
            assert_never(kind)
