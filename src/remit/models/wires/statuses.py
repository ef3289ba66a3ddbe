"""Statuses: what a provider's refusal means in the one tree of errors, by its words first and its status second."""

import email.utils
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC

import msgspec

from remit.core.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextTooLongError,
    CutStreamError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    OverloadedError,
    QuotaError,
    RateLimitError,
)
from remit.core.values import JsonValue

SAID = 500
"""Characters of a provider's own words that an error repeats."""

# What is never closed goes on to the end: looking for its end at every beginning would take seconds.
_TAG = re.compile(r"<(style|script)\b.*?(?:</\1\s*>|\Z)|<[^<>]{0,2000}>", re.DOTALL | re.IGNORECASE)
_SPACE = re.compile(r"\s+")

_QUOTA = re.compile(
    r"credit balance|exceeded your current quota|billing (?:hard )?limit|insufficient (?:balance|credits|funds)",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"prompt (?:is|was) too (?:long|large)|input (?:is|was) too long|maximum context length"
    r"|exceeds? (?:the )?(?:available )?(?:maximum )?context (?:size|length|window)|exceeds? the context window"
    r"|context (?:length|window|size) (?:is |was |has been )?exceeded|too large for model with \d+ maximum context"
    r"|input token count .{0,60}exceeds|reduce the length of the (?:messages|prompt)|maximum prompt length"
    r"|larger than the maximum context|longer than the maximum (?:model|context)|\brequest too large for\b",
    re.IGNORECASE | re.DOTALL,
)
_FILTERED = re.compile(
    r"content[ _-]?filter|content management policy|usage policy|safety (?:system|filter)", re.IGNORECASE
)

_Kind = Callable[..., ModelError]

_WORDS: tuple[tuple[frozenset[str], _Kind], ...] = (
    (
        frozenset({"insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active"}),
        QuotaError,
    ),
    (
        frozenset(
            {
                "context_length_exceeded",
                "exceed_context_size_error",
                "request_too_large",
                "model_context_window_exceeded",
            }
        ),
        ContextTooLongError,
    ),
    (
        frozenset(
            {
                "content_filter",
                "content_policy_violation",
                "responsibleaipolicyviolation",
                "invalid_prompt",
                "bio_policy",
            }
            | {"cyber_policy", "moderation_blocked", "image_content_policy_violation"}
        ),
        ContentFilterError,
    ),
    (
        frozenset({"authentication_error", "permission_error", "invalid_api_key", "permission_denied"}),
        AuthenticationError,
    ),
    (frozenset({"rate_limit_error", "rate_limit_exceeded", "resource_exhausted"}), RateLimitError),
    (frozenset({"timeout_error", "timeout", "vector_store_timeout"}), ModelTimeoutError),
    (
        frozenset({"overloaded_error", "server_error", "api_error", "internal_server_error", "internal_error"})
        | frozenset({"service_unavailable", "service_unavailable_error", "unavailable", "overloaded"})
        | frozenset(
            {
                "server_is_overloaded",
                "server_overloaded",
                "engine_overloaded",
                "slow_down",
                "unavailable_error",
            }
        ),
        OverloadedError,
    ),
    (
        frozenset({"invalid_request_error", "not_found_error", "invalid_request", "model_not_found", "not_found"})
        | frozenset({"badrequesterror", "unsupported_parameter", "invalid_image", "invalid_base64_image"}),
        ModelRequestError,
    ),
)
"""What providers call their errors, in their `type`, `code` or `status`; the first row that knows a word decides."""

_PRECISE = 3
"""How many of the rows above say more than a status and a message do."""


class Complaint(msgspec.Struct, frozen=True):
    """What a provider says is wrong, in its own words."""

    message: str
    words: frozenset[str] = frozenset()
    """Its type, code and the like, in lower case."""
    status: int = 0
    """The HTTP status it names in its text, such as a gateway does for the provider behind it."""


def status_error(status: int, headers: Mapping[str, str], body: bytes) -> ModelError:
    """Say what an answer other than 200 means; the names of headers are in lower case."""
    complaint = _read(body)
    return _error(complaint, status, f"HTTP {status}: {complaint.message}", retry_after(headers))


def stream_error(report: JsonValue) -> ModelError:
    """Say what an error means that came in place of an answer or in the middle of one, with or without its envelope.

    One that nobody knows counts as an answer that broke off: it may be billed.
    """
    complaint = _complaint(report)
    return _error(complaint, complaint.status, complaint.message, None)


def _error(complaint: Complaint, status: int, message: str, after: float | None) -> ModelError:
    kind = _by_words(complaint.words, _WORDS[:_PRECISE]) or _by_text(complaint.message, status)
    if kind is None and not status:
        kind = _by_words(complaint.words, _WORDS[_PRECISE:])
    return (kind or _by_status(status))(message, retry_after=after)


def _by_words(said: frozenset[str], rows: Sequence[tuple[frozenset[str], _Kind]]) -> _Kind | None:
    return next((kind for words, kind in rows if words & said), None)


def _by_text(message: str, status: int) -> _Kind | None:
    """Find what a message means where neither type nor code says so."""
    if status in {0, 400, 402, 403, 429} and _QUOTA.search(message):
        return QuotaError
    if (status in {0, 400, 413, 422, 429} or status >= 500) and _TOO_LONG.search(message):
        return ContextTooLongError
    if status in {0, 400, 403} and _FILTERED.search(message):
        return ContentFilterError
    return None


_STATUSES: Mapping[int, _Kind] = {
    0: CutStreamError,
    401: AuthenticationError,
    402: QuotaError,
    403: AuthenticationError,
    408: ModelTimeoutError,
    413: ContextTooLongError,
    409: OverloadedError,
    429: RateLimitError,
    # A gateway gave up waiting, but the provider behind it may have gone on.
    504: ModelTimeoutError,
    524: ModelTimeoutError,
}


def _by_status(status: int) -> _Kind:
    return _STATUSES.get(status) or (OverloadedError if status >= 500 else ModelRequestError)


# -- what the body says ------------------------------------------------------------------------------------------------


def _read(body: bytes) -> Complaint:
    try:
        report: JsonValue = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = body.decode("utf-8", "replace")
        return Complaint(short(_TAG.sub(" ", text) if "<" in text[:200] else text) or "nothing was said")
    return _complaint(report)


def _complaint(report: JsonValue) -> Complaint:
    """Read how providers complain: an `error` object or text, a `message`, a `detail`, or a list of these."""
    if isinstance(report, list) and report:
        report = report[0]
    if not isinstance(report, dict):
        return Complaint(short(report if isinstance(report, str) else _plain(report)))
    error = report.get("error")
    inner = error if isinstance(error, dict) else report
    message = inner.get("message") or (error if isinstance(error, str) else None) or report.get("detail")
    said = message if isinstance(message, str) else _plain(inner)
    fields = [inner.get(name) for name in ("type", "code", "status")]
    cause = inner.get("innererror")
    if isinstance(cause, dict):
        fields.append(cause.get("code"))
    words = frozenset(field.lower() for field in fields if isinstance(field, str))
    return Complaint(short(said), words, next((code for code in map(_status, fields) if code), 0))


def _status(code: JsonValue) -> int:
    """Read a code as an HTTP status; 0 when it is none."""
    if isinstance(code, str) and code.isdecimal() and len(code) == 3:
        code = int(code)
    return code if isinstance(code, int) and 400 <= code < 600 else 0


def _plain(value: JsonValue) -> str:
    return msgspec.json.encode(value).decode()


def short(text: str, longest: int = SAID) -> str:
    """Put a text on one line and cut it."""
    line = _SPACE.sub(" ", text[: longest * 20]).strip()
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


# -- when to come back -------------------------------------------------------------------------------------------------

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_WAIT = 64
"""Characters of a duration that are read: one of many digits takes minutes to search, or is infinite."""


def retry_after(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """Read when to come back, in seconds from now: what the provider wishes, else when its limits are reset."""
    milliseconds = _seconds(headers.get("retry-after-ms", ""), 0.001)
    if milliseconds is not None:
        return milliseconds
    wish = headers.get("retry-after", "")
    if wish:
        seconds = _seconds(wish, 1.0)
        return _until(wish, clock) if seconds is None else seconds
    return _reset(headers)


def _seconds(text: str, unit: float) -> float | None:
    try:
        value = float(text) * unit
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _until(date: str, clock: Callable[[], float]) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    # Without a zone, HTTP dates are in UTC.
    return max((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - clock(), 0.0)


def _reset(headers: Mapping[str, str]) -> float | None:
    """Read OpenAI's windows, such as `6m0s`: those that are used up count, or all when none says so."""
    waits: dict[str, float] = {}
    for limit in ("requests", "tokens"):
        parts = _DURATION.findall(headers.get(f"x-ratelimit-reset-{limit}", "")[:_LONGEST_WAIT])
        if parts:
            waits[limit] = sum(float(number) * _UNITS[unit] for number, unit in parts)
    used_up = [wait for limit, wait in waits.items() if headers.get(f"x-ratelimit-remaining-{limit}") == "0"]
    return max(used_up or waits.values(), default=None)
