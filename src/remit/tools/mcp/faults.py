"""Faults: what went wrong between us and an MCP server, told as what may be known of the call it hit."""

from typing import Any, Final

import mcp_types as types
import msgspec
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError
from pydantic import ValidationError

from remit.core.errors import RejectedError, ToolError

UNSENT: Final = -39001
"""Our own error codes, outside of the range of JSON-RPC's: nothing was sent, ..."""
REFUSED: Final = -39002
"""... the other side turned it away before looking at it, ..."""
LOST: Final = -39003
"""... it was sent and what came of it is unknown, ..."""
GONE: Final = -39004
"""... the server has forgotten our session, so a new one must begin."""


class _Hints(msgspec.Struct):
    status: int | None = None
    retry_after: float | None = None


_BUSY = frozenset({429, 503})
_UNDONE = frozenset({types.METHOD_NOT_FOUND, types.INVALID_PARAMS, types.HEADER_MISMATCH})
"""What a server says of a request that it did not begin to carry out."""


def told(error: MCPError, server: str) -> ToolError:
    """Give the error a tool raises: a `RejectedError` only when surely nothing happened."""
    said = f"MCP server {server!r}: {error.message}"
    match error.code:
        case code if code in {UNSENT, GONE}:
            return RejectedError(said, retryable=True)
        case code if code == REFUSED:
            status, wait = _hints(error.data)
            return RejectedError(said, retryable=status in _BUSY, retry_after=wait)
        case types.URL_ELICITATION_REQUIRED:
            opened = ", ".join(page.url for page in pages(error)) or "a page that the server did not name"
            return RejectedError(f"{said}. A person must first open: {opened}")
        case code if code in _UNDONE:
            return RejectedError(said)
        case _:
            return ToolError(f"{said}; whether the call happened is unknown", landing=True)


def _hints(data: Any) -> tuple[int | None, float | None]:
    """Read the status and the wished pause, in seconds, of a request that was turned away."""
    try:
        hints = msgspec.convert(data, _Hints)
    except msgspec.ValidationError:
        return None, None
    return hints.status, hints.retry_after


def pages(error: MCPError) -> list[types.ElicitRequestURLParams]:
    """Give the pages that a person must visit before the request can be carried out."""
    if error.code != types.URL_ELICITATION_REQUIRED:
        return []
    try:
        return list(UrlElicitationRequiredError.from_error(error.error).elicitations)
    except (ValidationError, AttributeError, TypeError, ValueError):
        return []
