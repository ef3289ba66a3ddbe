"""Faults: the official SDKs raise the errors that the real providers make them raise."""

import anthropic
import openai
import pytest
from tests.testing.server.sdk_values import WIRES, FailedError, Wire, sdk_reply

from remit.core.ports import Reply
from remit.testing import says
from remit.testing.server import (
    BadRequest,
    CloseAtOnce,
    ContentFiltered,
    ContextTooLong,
    CutStream,
    Fault,
    Faulty,
    HalfHeader,
    Hang,
    Html,
    MalformedJson,
    Midway,
    ModelServer,
    OutOfQuota,
    Overloaded,
    RateLimited,
    Refusal,
    ServerError,
    SlowDrip,
    TooLarge,
    Unauthorized,
    UnknownModel,
)

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
EVERY = pytest.mark.parametrize("wire", WIRES)
OPENAI: dict[Refusal, tuple[type[openai.APIStatusError], int, str | None]] = {
    RateLimited(): (openai.RateLimitError, 429, "rate_limit_exceeded"),
    OutOfQuota(): (openai.RateLimitError, 429, "insufficient_quota"),
    ServerError(): (openai.InternalServerError, 500, None),
    ServerError(409): (openai.ConflictError, 409, None),
    Overloaded(): (openai.InternalServerError, 503, "server_is_overloaded"),
    Unauthorized(): (openai.AuthenticationError, 401, "invalid_api_key"),
    Unauthorized(403): (openai.PermissionDeniedError, 403, "model_not_found"),
    UnknownModel(): (openai.NotFoundError, 404, "model_not_found"),
    ContextTooLong(): (openai.BadRequestError, 400, "context_length_exceeded"),
    TooLarge(): (openai.APIStatusError, 413, None),
    BadRequest("no", "tools", "odd"): (openai.BadRequestError, 400, "odd"),
    Html(): (openai.InternalServerError, 502, None),
}
ANTHROPIC: dict[Refusal, tuple[type[anthropic.APIStatusError], int, str | None]] = {
    RateLimited(): (anthropic.RateLimitError, 429, "rate_limit_error"),
    OutOfQuota(): (anthropic.APIStatusError, 402, "billing_error"),
    ServerError(): (anthropic.InternalServerError, 500, "api_error"),
    ServerError(504): (anthropic.GatewayTimeoutError, 504, "timeout_error"),
    Overloaded(): (anthropic.OverloadedError, 529, "overloaded_error"),
    Unauthorized(): (anthropic.AuthenticationError, 401, "authentication_error"),
    Unauthorized(403): (anthropic.PermissionDeniedError, 403, "permission_error"),
    UnknownModel(): (anthropic.NotFoundError, 404, "not_found_error"),
    ContextTooLong(): (anthropic.BadRequestError, 400, "invalid_request_error"),
    TooLarge(): (anthropic.ContentTooLargeError, 413, "request_too_large"),
    ContentFiltered(): (anthropic.BadRequestError, 400, "invalid_request_error"),
    BadRequest("no", "tools"): (anthropic.BadRequestError, 400, "invalid_request_error"),
    Html(): (anthropic.InternalServerError, 502, None),
}


@BOTH
@pytest.mark.parametrize("wire", ["openai-chat", "openai-responses"])
@pytest.mark.parametrize("fault", OPENAI, ids=repr)
async def test_openai_refuses_as_its_sdk_expects(*, wire: Wire, stream: bool, fault: Refusal) -> None:
    error, status, code = OPENAI[fault]
    async with ModelServer([fault, says("after")]) as server:
        with pytest.raises(error) as caught:
            await sdk_reply(wire, server.url, stream=stream)
        assert (caught.value.status_code, caught.value.code) == (status, code)
        assert (await sdk_reply(wire, server.url, stream=stream)).text == "after"


@BOTH
@pytest.mark.parametrize("fault", ANTHROPIC, ids=repr)
async def test_anthropic_refuses_as_its_sdk_expects(*, stream: bool, fault: Refusal) -> None:
    error, status, kind = ANTHROPIC[fault]
    async with ModelServer([fault, says("after")]) as server:
        with pytest.raises(error) as caught:
            await sdk_reply("anthropic", server.url, stream=stream)
        assert (caught.value.status_code, caught.value.type) == (status, kind)
        assert (await sdk_reply("anthropic", server.url, stream=stream)).text == "after"


@pytest.mark.parametrize(("wire", "code"), [("openai-chat", "content_filter"), ("openai-responses", "invalid_prompt")])
async def test_openai_filters_content_with_a_code_of_each_wire(wire: Wire, code: str) -> None:
    async with ModelServer([ContentFiltered()]) as server:
        with pytest.raises(openai.BadRequestError) as caught:
            await sdk_reply(wire, server.url, stream=True)
    assert caught.value.code == code


async def _refused(fault: Refusal, wire: Wire) -> dict[str, str]:
    async with ModelServer([fault]) as server:
        with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
            await sdk_reply(wire, server.url, stream=True)
    return dict(caught.value.response.headers)


async def test_when_to_come_back_is_said_in_the_form_that_was_asked_for() -> None:
    headers = await _refused(RateLimited(1.5), "openai-chat")
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("2", "1500")
    assert headers["x-ratelimit-reset-requests"] == "1.5s"
    assert "GMT" in (await _refused(RateLimited(60, "date"), "openai-responses"))["retry-after"]
    headers = await _refused(RateLimited(60, "reset"), "openai-chat")
    assert "retry-after" not in headers
    assert headers["x-ratelimit-reset-requests"] == "60s"
    headers = await _refused(RateLimited(20), "anthropic")
    assert headers["retry-after"] == "20"
    assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert not [name for name in headers if name.startswith(("x-ratelimit", "retry-after-ms"))]
    assert "retry-after" not in await _refused(RateLimited(None), "anthropic")
    assert (await _refused(Overloaded(3), "anthropic"))["retry-after"] == "3"
    assert "retry-after" not in await _refused(Overloaded(), "openai-chat")


# -- streams that go wrong ---------------------------------------------------------------------------------------------


BROKEN = (openai.APIConnectionError, anthropic.APIConnectionError)
CUT = pytest.mark.parametrize("fault", [CutStream(), CutStream(events=0), CutStream(size=150)], ids=repr)


def _unwrapped(error: BaseException) -> str:
    """Name the error beneath: while a stream is read, the SDK of Anthropic lets it through as it is."""
    return type(error.__cause__ or error).__name__


@CUT
@BOTH
@EVERY
async def test_a_cut_stream_is_an_error_of_the_connection(*, wire: Wire, stream: bool, fault: CutStream) -> None:
    async with ModelServer([fault]) as server:
        with pytest.raises(Exception, match=r"Connection error|peer closed connection") as caught:
            await sdk_reply(wire, server.url, stream=stream)
        assert _unwrapped(caught.value) == "RemoteProtocolError"
        assert server.requests[0].ending == "cut"


@EVERY
async def test_a_tidy_cut_looks_like_an_end_to_the_sdk(wire: Wire) -> None:
    async with ModelServer([Faulty(says("one two three four five six"), CutStream(6, tidy=True))]) as server:
        heard = await sdk_reply(wire, server.url, stream=True)
    assert "one two three four five six".startswith(heard.text)
    assert heard.text != "one two three four five six"


@BOTH
@EVERY
@pytest.mark.parametrize("fault", [CloseAtOnce(), HalfHeader()], ids=repr)
async def test_a_connection_that_closes_too_soon_is_an_error_of_it(*, wire: Wire, stream: bool, fault: Fault) -> None:
    async with ModelServer([fault, says("after")]) as server:
        with pytest.raises(BROKEN) as caught:
            await sdk_reply(wire, server.url, stream=stream)
        assert type(caught.value.__cause__).__name__ == "RemoteProtocolError"
        assert (await sdk_reply(wire, server.url, stream=stream)).text == "after"


@EVERY
async def test_malformed_json_in_a_stream_breaks_it(wire: Wire) -> None:
    async with ModelServer([MalformedJson(), MalformedJson(3)]) as server:
        for _ in range(2):
            with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
                await sdk_reply(wire, server.url, stream=True)


@EVERY
async def test_malformed_json_in_a_body_is_no_answer(wire: Wire) -> None:
    async with ModelServer([MalformedJson()]) as server:
        with pytest.raises((openai.APIResponseValidationError, anthropic.APIResponseValidationError, ValueError)):
            await sdk_reply(wire, server.url, stream=False)


@pytest.mark.parametrize("fault", [Overloaded(), RateLimited(), ServerError(), ContextTooLong()], ids=repr)
async def test_an_error_within_a_chat_stream_is_raised_after_what_was_said(fault: Refusal) -> None:
    async with ModelServer([Midway(fault, 3)]) as server:
        with pytest.raises(openai.APIError) as caught:
            await sdk_reply("openai-chat", server.url, stream=True)
    assert not isinstance(caught.value, openai.APIStatusError)
    assert caught.value.code == OPENAI[fault][2]


@pytest.mark.parametrize("fault", [Overloaded(), RateLimited(), ServerError(), ContextTooLong()], ids=repr)
async def test_an_error_within_an_anthropic_stream_is_raised_with_its_type(fault: Refusal) -> None:
    async with ModelServer([Midway(fault, 3)]) as server:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await sdk_reply("anthropic", server.url, stream=True)
    assert (caught.value.status_code, caught.value.type) == (200, ANTHROPIC[fault][2])


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (ServerError(), "server_error"),
        (RateLimited(), "rate_limit_exceeded"),
        (ContextTooLong(), "context_length_exceeded"),
        (Overloaded(), "server_is_overloaded"),
    ],
    ids=repr,
)
async def test_a_response_fails_or_reports_an_error_within_its_stream(fault: Refusal, code: str) -> None:
    async with ModelServer([Midway(fault, 3)]) as server:
        with pytest.raises(FailedError, match=code):
            await sdk_reply("openai-responses", server.url, stream=True)


@EVERY
async def test_an_error_midway_is_a_refusal_when_nothing_is_streamed(wire: Wire) -> None:
    async with ModelServer([Midway(ServerError())]) as server:
        with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)):
            await sdk_reply(wire, server.url, stream=False)


@BOTH
@EVERY
@pytest.mark.parametrize("fault", [Hang(), Hang(head=True), Hang(3)], ids=repr)
async def test_a_hang_lasts_until_the_client_goes_and_is_seen_to(*, wire: Wire, stream: bool, fault: Hang) -> None:
    async with ModelServer([fault]) as server:
        with pytest.raises(Exception, match=r"timed out|^$|ReadTimeout"):
            await sdk_reply(wire, server.url, stream=stream, seconds=0.05)
        received = await server.arrival()
        assert await received.end() == "closed_early"
        assert received.closed_early


@BOTH
@EVERY
@pytest.mark.parametrize("fault", [SlowDrip(0.0), SlowDrip(0.0, 7), SlowDrip(0.001)], ids=repr)
async def test_drips_add_up_to_the_answer(*, wire: Wire, stream: bool, fault: SlowDrip) -> None:
    said = says("drip by drip, — até 日本")
    async with ModelServer([Faulty(said, fault)]) as server:
        assert await sdk_reply(wire, server.url, stream=stream) == Reply(said.text)
        assert server.requests[0].ending == "answered"
