"""The same faults, met by our clients and by the official SDKs: whose error is which, and where we differ by design."""

import json
import traceback
from collections.abc import Mapping
from dataclasses import dataclass

import anthropic
import httpx2
import openai
import pytest
from tests.testing.server.sdk_values import KEY, WIRES, FailedError, Wire
from tests.wires.clients import our_reply, their_reply

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
    UnreadableAnswerError,
)
from remit.models.http.port import Timeouts
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
    ServerError,
    TooLarge,
    Unauthorized,
    UnknownModel,
)

LONG = says("one two three four five six seven eight nine ten")
HASTY = Timeouts(connect=10, first=0.2, idle=0.2, total=10)


@dataclass(frozen=True)
class Row:
    """A fault, our error, and the SDKs' names of theirs: OpenAI's and Anthropic's."""

    fault: Fault
    ours: type[ModelError]
    openai: str
    anthropic: str
    free: bool = False
    """Whether we say that it surely was not billed, which no SDK does."""


REFUSED: Mapping[str, Row] = {
    "rate limited": Row(RateLimited(2), RateLimitError, "RateLimitError", "RateLimitError", free=True),
    # Of a class of its own, since waiting does not help.
    "out of quota": Row(OutOfQuota(), QuotaError, "RateLimitError", "APIStatusError", free=True),
    "server error": Row(ServerError(), OverloadedError, "InternalServerError", "InternalServerError", free=True),
    "overloaded": Row(Overloaded(3), OverloadedError, "InternalServerError", "OverloadedError", free=True),
    "conflict": Row(ServerError(409), OverloadedError, "ConflictError", "ConflictError", free=True),
    # A gateway gave up waiting, and what stands behind it may have gone on.
    "a gateway's time-out": Row(ServerError(504), ModelTimeoutError, "InternalServerError", "GatewayTimeoutError"),
    "wrong key": Row(Unauthorized(), AuthenticationError, "AuthenticationError", "AuthenticationError", free=True),
    "no right": Row(
        Unauthorized(403), AuthenticationError, "PermissionDeniedError", "PermissionDeniedError", free=True
    ),
    "unknown model": Row(UnknownModel(), ModelRequestError, "NotFoundError", "NotFoundError", free=True),
    # The SDKs leave it to their users to tell these from any other bad request.
    "context too long": Row(ContextTooLong(), ContextTooLongError, "BadRequestError", "BadRequestError", free=True),
    "too large": Row(TooLarge(), ContextTooLongError, "APIStatusError", "ContentTooLargeError", free=True),
    "content filtered": Row(ContentFiltered(), ContentFilterError, "BadRequestError", "BadRequestError", free=True),
    "bad request": Row(BadRequest("no"), ModelRequestError, "BadRequestError", "BadRequestError", free=True),
    "the key told": Row(BadRequest(f"bad {KEY}"), ModelRequestError, "BadRequestError", "BadRequestError", free=True),
    "a gateway's page": Row(Html(), OverloadedError, "InternalServerError", "InternalServerError", free=True),
    "closed at once": Row(CloseAtOnce(), CutStreamError, "APIConnectionError", "APIConnectionError"),
    "half a header": Row(HalfHeader(), CutStreamError, "APIConnectionError", "APIConnectionError"),
    "a hang": Row(Hang(), ModelTimeoutError, "APITimeoutError", "APITimeoutError"),
}
"""Before an answer begins; the same whether it was to be streamed or not."""


def named(row: Row, wire: Wire) -> str:
    """Name the SDK's error."""
    return row.anthropic if wire == "anthropic" else row.openai


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", REFUSED)
async def test_a_refusal_has_one_class_here_and_one_there(*, fault: str, wire: Wire, stream: bool) -> None:
    row = REFUSED[fault]
    hangs = isinstance(row.fault, Hang)
    async with ModelServer(lambda received: row.fault) as server:
        with pytest.raises((openai.APIError, anthropic.APIError)) as theirs:
            await their_reply(wire, server.url, stream=stream, seconds=0.2 if hangs else 10)
        with pytest.raises(ModelError) as ours:
            await our_reply(wire, server.url, stream=stream, timeouts=HASTY if hangs else Timeouts())
    assert type(theirs.value).__name__ == named(row, wire)
    assert (type(ours.value), ours.value.free) == (row.ours, row.free)
    # The SDKs repeat a key that a provider repeats. Ours take it out in the client, which only reads streams here.
    assert not stream or KEY not in "".join(traceback.format_exception(ours.value))
    wish = None
    if isinstance(theirs.value, openai.APIStatusError | anthropic.APIStatusError):
        wish = theirs.value.response.headers.get("retry-after")
    assert ours.value.retry_after == (None if wish is None else float(wish))


MIDWAY: Mapping[str, Row] = {
    "an error of the provider": Row(
        Midway(Overloaded(), 5), OverloadedError, "APIError or FailedError", "OverloadedError or APIStatusError"
    ),
    "a rate limit": Row(
        Midway(RateLimited(), 5), RateLimitError, "APIError or FailedError", "RateLimitError or APIStatusError"
    ),
    "malformed JSON": Row(MalformedJson(3), UnreadableAnswerError, "JSONDecodeError", "JSONDecodeError"),
    "a cut": Row(CutStream(5), CutStreamError, "APIConnectionError or RemoteProtocolError", "RemoteProtocolError"),
    # No SDK sees that the end is missing: what came passes for the whole answer.
    "a tidy cut": Row(CutStream(5, tidy=True), CutStreamError, "", ""),
    "a hang": Row(Hang(5), ModelTimeoutError, "ReadTimeout or APITimeoutError", "ReadTimeout or APITimeoutError"),
}
"""After words have come; each name that the SDKs use for it."""


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", MIDWAY)
async def test_an_answer_that_breaks_off_has_one_class_here(fault: str, wire: Wire) -> None:
    row = MIDWAY[fault]
    hangs = isinstance(row.fault, Hang)
    async with ModelServer(lambda received: Faulty(LONG, row.fault)) as server:
        found = ""
        try:
            reply = await their_reply(wire, server.url, stream=True, seconds=0.2 if hangs else 10)
            assert LONG.text.startswith(reply.text)
        except (openai.APIError, anthropic.APIError, FailedError, httpx2.HTTPError, json.JSONDecodeError) as error:
            found = type(error).__name__
        with pytest.raises(ModelError) as ours:
            await our_reply(wire, server.url, stream=True, timeouts=HASTY if hangs else Timeouts())
    assert found in named(row, wire).split(" or ")
    assert (type(ours.value), ours.value.free) == (row.ours, False)
