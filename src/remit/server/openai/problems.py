"""Problems: what a request ran into, as OpenAI has it said, so that its clients raise what they should."""

from collections.abc import AsyncIterator, Mapping

import msgspec
from starlette.responses import Response

from remit.server.entrance import ProblemError, refused

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}

_CODES = {401: "invalid_api_key", 403: "forbidden", 404: "not_found", 409: "conflict", 429: "rate_limit_exceeded"}


class ApiError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not done."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class _Wrapped(msgspec.Struct, frozen=True):
    error: ApiError


class UnfitError(ProblemError):
    """A field of a request is not what is wanted."""

    def __init__(self, param: str, detail: str, *, code: str | None = None, status: int = 400) -> None:
        """Say which field, and why."""
        super().__init__(status, detail)
        self.param, self.code = param, code


class RunError(Exception):
    """A run ended without an answer."""

    def __init__(self, status: str, why: str) -> None:
        """Say how it ended and why."""
        super().__init__(f"the run ended as {status}: {why}" if why else f"the run ended as {status}")
        self.status = status


def api_error(error: Exception) -> tuple[int, ApiError, Mapping[str, str]]:
    """Give the status, the words and the headers for whatever a request ran into."""
    if isinstance(error, RunError):
        told = ApiError(message=str(error), type="agent_error", code=f"run_{error.status}")
        # It would end the same way, and is not run again.
        return 500, told, {"x-should-retry": "false"}
    why = refused(error)
    param = error.param if isinstance(error, UnfitError) else None
    code = error.code if isinstance(error, UnfitError) else None
    kind = _TYPES.get(why.status, "invalid_request_error" if why.status < 500 else "server_error")
    told = ApiError(message=why.detail, type=kind, param=param, code=code or _CODES.get(why.status))
    # Clients repeat what is 409 unless told otherwise; it stays one.
    return why.status, told, {**why.headers, "x-should-retry": "false"} if why.status == 409 else why.headers


def problem(error: Exception) -> Response:
    """Make the answer for whatever a request ran into."""
    status, told, headers = api_error(error)
    return written(_Wrapped(told), status, headers)


def event(error: Exception) -> bytes:
    """Write what broke a stream, for the clients that then raise it."""
    return b"data: %b\n\n" % msgspec.json.encode(_Wrapped(api_error(error)[1]))


async def unbroken(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give the pieces of a stream, and last what broke it: it has begun, so there is no status left to say it with."""
    try:
        async for piece in pieces:
            yield piece
    except Exception as error:  # noqa: BLE001 - a client is told, whatever broke
        yield event(error)


def written(body: msgspec.Struct, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Make an answer of a body."""
    plain = {**(headers or {}), "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(msgspec.json.encode(body), status, plain, media_type="application/json")
