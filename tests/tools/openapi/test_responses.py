"""Responses: a refusal is certain, and what is not certain is not called one."""

from email.utils import formatdate

import msgspec
import pytest
from tests.tools.openapi.stand_in import CONTEXT, Listening, answer, one, raw, tool_of

from remit.core.errors import RejectedError, ToolError
from remit.core.values import JsonValue
from remit.policy import Secrets
from remit.tools.http.port import Incoming
from remit.tools.openapi import Choice
from remit.tools.openapi.responses import failure


async def shown(said: Incoming) -> JsonValue:
    return await (await tool_of(one({}), Listening(said))).call({}, CONTEXT)


async def refused(said: Incoming, choice: Choice | None = None, method: str = "post") -> ToolError:
    tool = await tool_of(one({}, method=method), Listening(said), choice)
    with pytest.raises(ToolError) as caught:
        await tool.call({}, CONTEXT)
    return caught.value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (answer({"a": [1, None]}), {"a": [1, None]}),
        (raw(b'{"a":1}', "application/problem+json; charset=utf-8"), {"a": 1}),
        (raw(b"\xe9", "text/plain; charset=latin-1"), "é"),
        (raw(b"\xff", "text/plain"), "\ufffd"),
        (raw(b"a", "text/plain; charset=no-such"), "a"),
        (raw(b"<a/>", "application/xml"), "<a/>"),
        (raw(b"{cut", "application/json"), "{cut"),
        (raw(b"\0\1", "application/pdf"), {"media": "application/pdf", "bytes": 2}),
        (raw(b"\0\1", ""), {"media": "application/octet-stream", "bytes": 2}),
        (answer(None, 204), {"status": 204}),
        (answer(None, 201, location="/things/7"), {"status": 201, "location": "/things/7"}),
        (answer(1 << 100), str(1 << 100)),
    ],
)
async def test_a_good_answer_is_read_by_its_media_type(said: Incoming, value: JsonValue) -> None:
    found = await shown(said)
    assert found == value
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found)) == found


@pytest.mark.parametrize(
    "status", [307, 400, 401, 402, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422, 426, 428, 431, 451]
)
async def test_a_refusal_is_certain_and_final(status: int) -> None:
    error = await refused(answer({"detail": "name is taken"}, status))
    assert isinstance(error, RejectedError)
    assert not error.retryable
    assert str(error).startswith(f"{status} ")
    assert str(error).endswith(': {"detail":"name is taken"}')


@pytest.mark.parametrize(("status", "arguments"), [(400, True), (422, True), (404, False), (409, False), (415, False)])
async def test_a_refusal_of_the_arguments_themselves_is_told_from_others(status: int, *, arguments: bool) -> None:
    error = await refused(answer({}, status))
    assert isinstance(error, RejectedError)
    assert error.arguments is arguments


@pytest.mark.parametrize("status", [423, 425, 429])
async def test_not_now_is_certain_and_may_be_tried_later(status: int) -> None:
    error = await refused(answer({}, status, retry_after="7"))
    assert isinstance(error, RejectedError)
    assert (error.retryable, error.retry_after) == (True, 7.0)


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("7", 7.0),
        ("soon", None),
        ("-1", None),
        (formatdate(0, usegmt=True), 0.0),
        ("Thu, 01 Jan 1970 00:00:00 -0000", 0.0),
    ],
)
async def test_the_wish_when_to_come_back_is_read_in_both_forms(wish: str, seconds: float | None) -> None:
    error = await refused(answer({}, 429, retry_after=wish))
    assert isinstance(error, RejectedError)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "landing"),
    [
        (302, False),
        (408, True),
        (418, False),
        (499, False),
        (500, False),
        (502, False),
        (503, False),
        (504, False),
        (599, False),
    ],
)
async def test_what_nobody_can_know_is_no_refusal(status: int, *, landing: bool) -> None:
    error = await refused(answer({}, status))
    assert type(error) is ToolError
    assert error.landing is landing


async def test_a_conflict_of_a_key_may_be_an_earlier_attempt_that_is_under_way() -> None:
    error = await refused(answer({}, 409), Choice(effect="idempotent"))
    assert type(error) is ToolError
    assert error.landing


async def test_what_a_model_is_shown_of_an_error_is_bounded_and_readable() -> None:
    long = str(await refused(raw(b"x" * 9000, "text/plain", 400)))
    assert (len(long) < 2100, long.endswith("...")) == (True, True)
    assert str(await refused(raw(b"<html>" * 99, "text/html", 404))) == "404 Not Found"
    assert str(await refused(raw(b"no\n  way", "text/plain", 499))) == "499 an unknown status: no way"


def test_a_server_that_is_busy_says_when_to_come_back_also_when_nobody_knows_what_it_did() -> None:
    busy = Incoming(503, {"retry-after": "7"}, b"", "https://a.test/")
    error = failure(busy, Secrets(), keyed=False)
    assert (type(error), error.retry_after) == (ToolError, 7.0)
