"""Responses: what an answer says of the effect. A refusal is certain; what is not certain is not called one."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import msgspec

from remit.core.errors import RejectedError, ToolError
from remit.core.values import JsonValue
from remit.policy import Secrets
from remit.tools.http.port import Incoming
from remit.tools.results import jsonable

_NOTHING = frozenset(
    {400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 423, 425, 426, 428, 429}
    | {307, 308, 431, 451}
)
"""Statuses by which a server says that it did nothing."""
_LATER = frozenset({423, 425, 429})
_OF_ARGUMENTS = frozenset({400, 422})
_SHOWN = 2000
"""Characters of an error's body that a model is shown."""
_CHARSET = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)


def content(answer: Incoming, secrets: Secrets) -> JsonValue:
    """Give a good answer as JSON: decoded, as text, or the media type and size of what is neither."""
    media = media_type(answer)
    if not answer.body:
        location = answer.headers.get("location")
        where: dict[str, JsonValue] = {"location": secrets.redact(location)} if location else {}
        return {"status": answer.status, **where}
    if media == "application/json" or media.endswith("+json"):
        try:
            return secrets.redact(jsonable(msgspec.json.decode(answer.body)))
        except (msgspec.DecodeError, ValueError):
            return secrets.redact(_text(answer))
    if media.startswith("text/") or media.endswith(("xml", "yaml", "javascript", "x-ndjson")):
        return secrets.redact(_text(answer))
    return {"media": media or "application/octet-stream", "bytes": len(answer.body)}


def failure(answer: Incoming, secrets: Secrets, *, keyed: bool) -> ToolError:
    """Make the error of an answer that is none of 2xx; `keyed` says that it was sent with an idempotency key."""
    message = _message(answer, secrets)
    if answer.status == 408:
        return ToolError(message, landing=True)
    if answer.status == 409 and keyed:
        # An earlier attempt with this key may still be under way there.
        return ToolError(message, landing=True)
    if answer.status in _NOTHING:
        return RejectedError(
            message,
            retryable=answer.status in _LATER,
            retry_after=_retry_after(answer),
            arguments=answer.status in _OF_ARGUMENTS,
        )
    return ToolError(message, retry_after=_retry_after(answer))


def media_type(answer: Incoming) -> str:
    """Give the media type of an answer, in lower case, without its parameters."""
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def _message(answer: Incoming, secrets: Secrets) -> str:
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "an unknown status"
    said = ""
    if answer.body and not media_type(answer).startswith(("image/", "text/html", "application/octet-stream")):
        said = " ".join(secrets.redact(_text(answer)).split())
    shown = said if len(said) <= _SHOWN else said[:_SHOWN] + "..."
    return f"{answer.status} {phrase}" + (f": {shown}" if shown else "")


def _text(answer: Incoming) -> str:
    found = _CHARSET.search(answer.headers.get("content-type", ""))
    try:
        return answer.body.decode(found[1] if found else "utf-8", errors="replace")
    except LookupError:
        return answer.body.decode(errors="replace")


def _retry_after(answer: Incoming) -> float | None:
    said = answer.headers.get("retry-after", "")
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
