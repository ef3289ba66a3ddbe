"""Errors as OpenAI says them. Source: the guide "Error codes" and the error classes of its SDK."""

import math
import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import assert_never

import msgspec

from remit.core.values import JsonObject, JsonValue
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

PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
"""A gateway's error page."""
_REASONS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out"}


class Wrong(msgspec.Struct, frozen=True):
    """An error of OpenAI's: the fields of its body, and its status."""

    status: int
    message: str
    type: str
    code: str | None = None
    param: str | None = None

    def fields(self) -> JsonObject:
        """Give the fields of the body."""
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.code}


def page(fault: Html) -> Answer:
    """Write a gateway's page."""
    title = f"{fault.status} {_REASONS.get(fault.status, 'Error')}"
    return Answer(fault.status, {"content-type": "text/html", "server": "nginx"}, [PAGE.format(title).encode()])


def refusal(wrong: Wrong, fault: Refusal) -> Answer:
    """Write an error as the whole answer."""
    body: JsonValue = {"error": wrong.fields()}
    return Answer(wrong.status, {"content-type": "application/json", **later(fault)}, [encoded(body)])


def wrong(fault: Refusal, model: str, where: str) -> Wrong:
    """Say an error; `where` is the field that holds the conversation."""
    match fault:
        case RateLimited(retry_after=seconds):
            message = (
                f"Rate limit reached for {model} in organization org-remit on requests per min (RPM): Limit 3, Used 3, "
                f"Requested 1. Please try again in {seconds or 1}s."
            )
            return Wrong(429, message, "requests", "rate_limit_exceeded")
        case OutOfQuota():
            message = "You exceeded your current quota, please check your plan and billing details."
            return Wrong(429, message, "insufficient_quota", "insufficient_quota")
        case ServerError(status=status):
            message = "The server had an error while processing your request. Sorry about that!"
            return Wrong(status, message, "server_error")
        case Overloaded():
            message = "Our servers are currently overloaded. Please try again later."
            return Wrong(503, message, "service_unavailable_error", "server_is_overloaded")
        case Html(status=status):
            return Wrong(status, _REASONS.get(status, "Error"), "server_error")
        case _:
            return _illegal(fault, model, where)


def _illegal(  # noqa: PLR0911 - one return a fault
    fault: Unauthorized | UnknownModel | ContextTooLong | TooLarge | ContentFiltered | BadRequest,
    model: str,
    where: str,
) -> Wrong:
    kind = "invalid_request_error"
    match fault:
        case Unauthorized(status=401):
            return Wrong(401, "Incorrect API key provided: sk-*****.", kind, "invalid_api_key")
        case Unauthorized():
            return Wrong(403, f"Project `proj_remit` does not have access to model `{model}`", kind, "model_not_found")
        case UnknownModel():
            message = f"The model `{model}` does not exist or you do not have access to it."
            return Wrong(404, message, kind, "model_not_found")
        case ContextTooLong():
            return Wrong(400, _too_long(where), kind, "context_length_exceeded", where)
        case TooLarge():
            return Wrong(413, "Maximum content size limit exceeded.", "server_error")
        case ContentFiltered():
            return _filtered(where)
        case BadRequest(message=message, param=param, code=code):
            return Wrong(400, message, kind, code or None, param or None)
        case _:
            assert_never(fault)


def _too_long(where: str) -> str:
    if where == "input":
        return "Your input exceeds the context window of this model. Please adjust your input and try again."
    return (
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. "
        "Please reduce the length of the messages."
    )


def _filtered(where: str) -> Wrong:
    if where == "input":
        message = (
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy. "
            "Please try again with a different prompt."
        )
        return Wrong(400, message, "invalid_request_error", "invalid_prompt")
    message = (
        "The response was filtered due to the prompt triggering the content management policy. "
        "Please modify your prompt and retry."
    )
    return Wrong(400, message, "invalid_request_error", "content_filter", "prompt")


def later(fault: Refusal) -> dict[str, str]:
    """Say when to come back."""
    match fault:
        case RateLimited(retry_after=float() | int() as seconds, form=form):
            headers = {"x-ratelimit-limit-requests": "3", "x-ratelimit-remaining-requests": "0"}
            return {**headers, "x-ratelimit-reset-requests": f"{seconds:g}s", **_wish(seconds, form)}
        case Overloaded(retry_after=float() | int() as seconds):
            return dict(_wish(seconds, "seconds"))
        case _:
            return {}


def _wish(seconds: float, form: str) -> Mapping[str, str]:
    match form:
        case "seconds":
            return {"retry-after": str(math.ceil(seconds)), "retry-after-ms": str(round(seconds * 1000))}
        case "date":
            now = time.time()
            return {"date": formatdate(now, usegmt=True), "retry-after": formatdate(now + seconds, usegmt=True)}
        case _:
            return {}
