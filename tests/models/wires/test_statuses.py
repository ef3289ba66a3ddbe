"""Statuses: what a provider's refusal means."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from remit.core.values import JsonObject, JsonValue
from remit.models.wires.statuses import SAID, retry_after, short, status_error, stream_error

NOW = 1_700_000_000.0


def openai(message: str, kind: str | None = None, code: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


def anthropic(kind: str, message: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}).encode()


def refused(status: int, body: bytes) -> type[ModelError]:
    return type(status_error(status, {}, body))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, ModelRequestError),
        (400, ModelRequestError),
        (401, AuthenticationError),
        (402, QuotaError),
        (403, AuthenticationError),
        (404, ModelRequestError),
        (408, ModelTimeoutError),
        (409, OverloadedError),
        (413, ContextTooLongError),
        (418, ModelRequestError),
        (422, ModelRequestError),
        (429, RateLimitError),
        (500, OverloadedError),
        (502, OverloadedError),
        (503, OverloadedError),
        (504, ModelTimeoutError),
        (524, ModelTimeoutError),
        (529, OverloadedError),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"{}", b"null", b'{"error": {"message": "no"}}', b"<html><body>no</body></html>"]
)
def test_a_status_alone_decides_where_no_word_does(status: int, error: type[ModelError], body: bytes) -> None:
    raised = status_error(status, {}, body)
    assert type(raised) is error
    assert str(raised).startswith(f"HTTP {status}: ")


def test_an_account_without_money_is_not_asked_to_wait() -> None:
    said = "You exceeded your current quota, please check your plan and billing details."
    assert refused(429, openai(said, "insufficient_quota", "insufficient_quota")) is QuotaError
    assert refused(429, openai(said)) is QuotaError
    assert (
        refused(400, anthropic("invalid_request_error", "Your credit balance is too low to use the API.")) is QuotaError
    )
    assert refused(402, anthropic("billing_error", "There is an issue with your payment.")) is QuotaError
    assert refused(403, openai("no", "billing_not_active", "billing_not_active")) is QuotaError
    assert not status_error(429, {}, openai(said)).retryable


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, openai("too many tokens", "invalid_request_error", "context_length_exceeded")),
        (400, openai("This model's maximum context length is 8192 tokens. However, you requested 9000.")),
        (400, openai("This endpoint's maximum context length is 131072 tokens.", code="400")),
        (400, anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum")),
        (413, anthropic("request_too_large", "Request exceeds the maximum size")),
        (400, openai("the request exceeds the available context size, try increasing it", "exceed_context_size_error")),
        (500, openai("the request exceeds the available context size")),
        (400, openai("Please reduce the length of the messages or completion.")),
        (400, openai("The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).")),
        (400, openai("Your input exceeds the context window of this model.")),
        (429, openai("Request too large for gpt in organization o on tokens per min (TPM): Limit 9, Requested 10")),
        (400, b'{"error": "input length exceeds the context length"}'),
    ],
)
def test_a_conversation_that_is_too_long_is_known_by_code_or_by_words(status: int, body: bytes) -> None:
    assert refused(status, body) is ContextTooLongError


@pytest.mark.parametrize(
    "body",
    [
        openai("Rate limit reached for tokens per min", "tokens", "rate_limit_exceeded"),
        anthropic("rate_limit_error", "This request would exceed your organization's rate limit of input tokens."),
        b'[{"error": {"code": 429, "message": "Resource has been exhausted", "status": "RESOURCE_EXHAUSTED"}}]',
    ],
)
def test_a_limit_a_minute_is_a_limit_whatever_else_is_said_of_tokens(body: bytes) -> None:
    assert refused(429, body) is RateLimitError


def test_what_was_filtered_is_known_by_code_or_by_words() -> None:
    azure: JsonObject = {
        "message": "The response was filtered due to the prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation"},
    }
    assert refused(400, json.dumps({"error": azure}).encode()) is ContentFilterError
    assert refused(400, json.dumps({"error": {**azure, "code": None}}).encode()) is ContentFilterError
    assert refused(400, openai("flagged", "invalid_request_error", "invalid_prompt")) is ContentFilterError
    blocked = "Output blocked by content filtering policy"
    assert refused(400, anthropic("invalid_request_error", blocked)) is ContentFilterError
    assert refused(500, anthropic("api_error", blocked)) is OverloadedError


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (openai("  what\n is  wrong "), "what is wrong"),
        (b'{"error": "model not loaded"}', "model not loaded"),
        (b'{"message": "Unauthorized"}', "Unauthorized"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"detail": [{"loc": ["body"]}]}', '{"detail":[{"loc":["body"]}]}'),
        (b'{"error": {"code": 7}}', '{"code":7}'),
        (b"17", "17"),
        (b'"plain"', "plain"),
        (b"Bad Gateway", "Bad Gateway"),
        (b"", "nothing was said"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"<!doctype html><style>p{}</style><h1>502</h1><p>try <b>later</b>", "502 try later"),
        (b"[" * 100_000, "[" * (SAID - 1) + "\u2026"),
    ],
)
def test_the_message_is_what_the_provider_said(body: bytes, message: str) -> None:
    assert str(status_error(400, {}, body)) == f"HTTP 400: {message}"


@given(st.integers(100, 999), st.binary(max_size=300) | st.text(max_size=2000).map(openai))
def test_whatever_is_said_becomes_an_error_of_bounded_length(status: int, body: bytes) -> None:
    error = status_error(status, {"retry-after": "x"}, body)
    assert len(str(error)) <= SAID + len("HTTP 999: ")


@given(st.text(), st.integers(2, 50))
def test_a_short_text_is_one_line_that_ends_where_it_is_cut(text: str, longest: int) -> None:
    line = short(text, longest)
    assert len(line) <= longest
    assert "\n" not in line
    if len(text) <= longest:
        assert line == " ".join(text.split())


# -- within a stream ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "error"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, OverloadedError),
        ({"type": "api_error", "message": "Internal server error"}, OverloadedError),
        ({"error": {"type": "server_error", "message": "The server had an error"}}, OverloadedError),
        ({"code": "server_error", "message": "failed"}, OverloadedError),
        ({"type": "rate_limit_error", "message": "slow down"}, RateLimitError),
        ({"code": "rate_limit_exceeded", "message": "slow down"}, RateLimitError),
        ({"type": "timeout_error", "message": "too late"}, ModelTimeoutError),
        ({"type": "authentication_error", "message": "who?"}, AuthenticationError),
        ({"type": "invalid_request_error", "message": "no"}, ModelRequestError),
        ({"type": "invalid_request_error", "message": "prompt is too long: 3 > 2"}, ContextTooLongError),
        ({"type": "invalid_request_error", "message": "Output blocked by content filtering"}, ContentFilterError),
        ({"type": "insufficient_quota", "message": "pay"}, QuotaError),
        ({"code": "content_filter", "message": "no"}, ContentFilterError),
        ({"error": {"code": 502, "message": "Provider disconnected"}}, OverloadedError),
        ({"error": {"code": "429", "message": "slow down"}}, RateLimitError),
        ({"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}, ModelRequestError),
        ({"error": {"message": "something"}}, CutStreamError),
        ({"error": "something"}, CutStreamError),
        ("something", CutStreamError),
        (None, CutStreamError),
    ],
)
def test_an_error_within_a_stream_means_what_it_would_have_meant_before_it(
    report: JsonValue, error: type[ModelError]
) -> None:
    assert type(stream_error(report)) is error


def test_an_error_that_nobody_knows_may_be_billed() -> None:
    assert not stream_error({"error": {"message": "boom"}}).free


# -- when to come back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:30 GMT"}, 10.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:30"}, 10.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:00 GMT"}, 0.0),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        (
            {
                "x-ratelimit-reset-requests": "20ms",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "1h2m3.5s",
                "x-ratelimit-remaining-tokens": "900",
            },
            0.02,
        ),
        ({"x-ratelimit-reset-tokens": "1d2h"}, 93_600.0),
        ({"x-ratelimit-reset-tokens": "never"}, None),
        ({"x-ratelimit-reset-requests": "9s", "retry-after": "2"}, 2.0),
    ],
)
def test_the_wish_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, lambda: NOW) == (None if seconds is None else pytest.approx(seconds))


def test_the_wish_to_wait_goes_with_the_error() -> None:
    assert status_error(429, {"retry-after": "3"}, b"").retry_after == 3.0
    assert status_error(503, {"retry-after-ms": "1500"}, b"").retry_after == 1.5


@given(st.text(max_size=40))
def test_no_header_breaks_the_reading_of_it(value: str) -> None:
    for name in ("retry-after", "retry-after-ms", "x-ratelimit-reset-tokens"):
        wait = retry_after({name: value})
        assert wait is None or wait >= 0


@pytest.mark.parametrize("beginning", [b"<style>", b"<script", b"<style </style ", b"<"])
def test_a_page_that_is_never_closed_is_read_at_once(beginning: bytes) -> None:
    size = 300_000 // len(beginning)
    assert type(status_error(500, {}, beginning * size)) is OverloadedError


@pytest.mark.parametrize("wish", ["9" * 400 + "s", "9" * 1_000_000, "1" * 60 + "s" + "1" * 1_000_000])
def test_a_duration_of_many_digits_is_read_at_once_and_never_infinite(wish: str) -> None:
    wait = retry_after({"x-ratelimit-reset-tokens": wish})
    assert wait is None or math.isfinite(wait)
