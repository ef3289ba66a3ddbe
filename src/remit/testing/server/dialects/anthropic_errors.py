"""Errors as Anthropic says them. Source: its API reference, "Errors", and the error classes of its SDK."""

from datetime import UTC, datetime, timedelta
from typing import assert_never

from remit.core.values import JsonObject
from remit.testing.server.dialects.openai_errors import later, page
from remit.testing.server.dialects.port import Answer, encoded
from remit.testing.server.faults import (
    BadRequest,
    ContentFiltered,
    ContextTooLong,
    Html,
    OutOfQuota,
    Overloaded,
    RateLimited,
    Refusal,
    ServerError,
    TooLarge,
    Unauthorized,
    UnknownModel,
)

_KINDS = {408: "timeout_error", 409: "conflict_error", 504: "timeout_error", 529: "overloaded_error"}


def refusal(fault: Refusal, model: str) -> Answer:
    """Write an error as the whole answer."""
    if isinstance(fault, Html):
        return page(fault)
    status, kind, message = wrong(fault, model)
    return Answer(status, {"content-type": "application/json", **_later(fault)}, [encoded(error(kind, message))])


def error(kind: str, message: str) -> JsonObject:
    """Write the body of an error."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_remit"}


def wrong(fault: Refusal, model: str) -> tuple[int, str, str]:  # noqa: PLR0911 - one return a fault
    """Say an error: its status, type and message."""
    match fault:
        case RateLimited():
            message = "This request would exceed your organization's rate limit of 50 requests per minute."
            return 429, "rate_limit_error", message
        case OutOfQuota():
            message = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."
            return 402, "billing_error", message
        case ServerError(status=status) | Html(status=status):
            return status, _KINDS.get(status, "api_error"), "Internal server error"
        case Overloaded():
            return 529, "overloaded_error", "Overloaded"
        case Unauthorized(status=401):
            return 401, "authentication_error", "invalid x-api-key"
        case Unauthorized():
            return 403, "permission_error", "Your API key does not have permission to use the specified resource."
        case UnknownModel():
            return 404, "not_found_error", f"model: {model}"
        case TooLarge():
            return 413, "request_too_large", "Request exceeds the maximum size"
        case ContextTooLong() | ContentFiltered() | BadRequest():
            return 400, "invalid_request_error", _illegal(fault)
        case _:
            assert_never(fault)


def _illegal(fault: ContextTooLong | ContentFiltered | BadRequest) -> str:
    match fault:
        case ContextTooLong():
            return "prompt is too long: 209001 tokens > 200000 maximum"
        case ContentFiltered():
            return "Output blocked by content filtering policy"
        case BadRequest(message=message, param=param):
            return f"{param}: {message}" if param else message
        case _:
            assert_never(fault)


def _later(fault: Refusal) -> dict[str, str]:
    """Say when to come back; Anthropic knows no milliseconds, and its reset headers are times."""
    headers = {
        name: value for name, value in later(fault).items() if not name.startswith("x-") and name != "retry-after-ms"
    }
    if isinstance(fault, RateLimited) and fault.retry_after is not None:
        moment = datetime.now(UTC) + timedelta(seconds=fault.retry_after)
        headers["anthropic-ratelimit-requests-limit"] = "50"
        headers["anthropic-ratelimit-requests-remaining"] = "0"
        headers["anthropic-ratelimit-requests-reset"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return headers
