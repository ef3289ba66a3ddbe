"""Problems: what a request ran into, as a status and words. A stranger learns nothing, an honest client what to do."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

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

_log = logging.getLogger("remit.server")


class ProblemError(Exception):
    """A request cannot be understood."""

    def __init__(self, status: int, detail: str, *, close: bool = False) -> None:
        """Say with which status, and why, and whether nothing more may come over this connection."""
        super().__init__(detail)
        self.status, self.close = status, close


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request was not done, for a front end to say in its own form."""

    status: int
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def refused(error: Exception) -> Refused:
    """Give what may be said of whatever a request ran into; what may not is logged."""
    if isinstance(error, DeniedError):
        return _denied(error)
    if isinstance(error, ProblemError) and error.close:
        return Refused(error.status, str(error), {"Connection": "close"})
    status = _status(error)
    if status is not None:
        return Refused(status, str(error), {"Retry-After": "1"} if status in {429, 503} else {})
    if isinstance(error, JournalBusyError):
        # It says where the store is.
        _log.warning("a request found the store busy: %s", error)
        said = "the store does not answer now; nothing that was accepted is lost; try again"
        return Refused(503, said, {"Retry-After": "1"})
    if isinstance(error, ConfigError):
        # It speaks of this machine, so only its operator is told.
        _log.error("a request needs what is not configured: %s", error)
        return Refused(503, "this server is not configured for that; its log says what is missing")
    _log.error("a request broke", exc_info=error)
    return Refused(500, "something broke; the server's log says what")


def _denied(error: DeniedError) -> Refused:
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return Refused(error.status, str(error), headers)


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
