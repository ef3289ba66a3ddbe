"""The client: one request, one answer, and no key in anything it says."""

import asyncio
import json
import traceback

import pytest
from tests.models.wires.canned import STREAM, Answered, Canned, split
from tests.models.wires.chunks import COUNTED, DONE, STOP, chunk, says
from tests.models.wires.conversations import streamed

from remit.core.errors import (
    AuthenticationError,
    ContextTooLongError,
    CutStreamError,
    ModelError,
    ModelTimeoutError,
    OverloadedError,
    RateLimitError,
    UnreadableAnswerError,
)
from remit.core.messages import AssistantMessage, Call, Outcome, ToolMessage, Usage, UserMessage
from remit.core.ports import Delta, Price, Reply, Request, ToolSpec
from remit.core.values import JsonObject
from remit.models.http.port import Timeouts
from remit.models.prices import FlatPrice
from remit.models.wires.client import WireModel
from remit.models.wires.openai_chat import OpenAIChat
from remit.models.wires.profiles import COMPATIBLE
from remit.testing import check_model, use
from remit.testing import says as scripted
from remit.testing.server import Html, ModelServer, RateLimited

KEY = "sk-very-secret-0123456789"
HELLO = Request((UserMessage("hello"),))
SAID = streamed([says("two "), says("words"), STOP, COUNTED], named=False) + DONE
JSON = {"content-type": "application/json", "request-id": "req_9"}


def model(
    *answers: Answered | ModelError, key: str = KEY, price: Price | None = None, longest: int = 10_000
) -> WireModel:
    """A model behind canned answers."""
    wire = OpenAIChat("gpt-5")
    return WireModel(
        wire,
        name="openai:gpt-5",
        url="https://api.example.org/v1/",
        key=lambda: key,
        price=price,
        transport=Canned(*answers),
        longest=longest,
    )


async def answer(asked: WireModel, request: Request = HELLO) -> tuple[Reply, list[str]]:
    shown: list[Delta] = []
    reply = await asked.complete(request, shown.append)
    return reply, [delta.text for delta in shown]


async def failure(asked: WireModel, request: Request = HELLO) -> ModelError:
    with pytest.raises(ModelError) as raised:
        await asked.complete(request, lambda _: None)
    return raised.value


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
async def test_an_answer_is_shown_while_it_comes(size: int) -> None:
    reply, shown = await answer(model(Answered(tuple(split(SAID, size)))))
    assert reply == Reply("two words", usage=Usage(100, 40))
    assert shown == ["two ", "words"]


async def test_one_request_is_sent_to_the_wires_path_with_the_key_of_the_moment() -> None:
    keys = iter([KEY, ""])
    transport = Canned(Answered((SAID,)), Answered((SAID,)))
    timeouts = Timeouts(first=5.0)
    asked = WireModel(
        OpenAIChat("gpt-5"),
        name="openai:gpt-5",
        url="http://127.0.0.1:1/v1",
        key=lambda: next(keys),
        transport=transport,
        timeouts=timeouts,
        variant="cold",
    )
    await answer(asked)
    await answer(asked)
    first, second = transport.sent
    assert (first.method, first.url, first.timeouts) == ("POST", "http://127.0.0.1:1/v1/chat/completions", timeouts)
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert first.headers["content-type"] == "application/json"
    assert "authorization" not in second.headers
    assert json.loads(first.body)["messages"] == [{"role": "user", "content": "hello"}]
    assert (asked.spec.name, asked.spec.variant, asked.spec.price) == ("openai:gpt-5", "cold", None)


async def test_the_stream_is_read_to_its_end_so_that_the_connection_can_be_used_again() -> None:
    ends = Answered((SAID, b"\n"))
    await answer(model(ends))
    assert ends.read_to_end
    assert ends.left


@pytest.mark.parametrize(
    "rest",
    [Answered((SAID,), hangs=True), Answered((SAID,), error=CutStreamError("closed")), Answered((SAID, b"x" * 99))],
    ids=["hangs", "is cut", "goes on"],
)
async def test_nothing_after_the_end_of_an_answer_can_spoil_it(rest: Answered) -> None:
    reply, _ = await answer(model(rest))
    assert reply.text == "two words"
    assert rest.left


@pytest.mark.parametrize("error", [CutStreamError("closed"), ModelTimeoutError("nothing came for 60 s")])
async def test_an_answer_that_is_whole_needs_no_farewell(error: ModelError) -> None:
    whole = streamed([says("yes"), STOP], named=False)
    reply, _ = await answer(model(Answered((whole,), error=error)))
    assert reply.text == "yes"


async def test_a_server_that_does_not_stream_is_understood() -> None:
    message: JsonObject = {"role": "assistant", "content": "two words"}
    body: JsonObject = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    whole = Answered((json.dumps(body).encode(),), headers=JSON)
    assert await answer(model(whole)) == (Reply("two words"), ["two words"])
    silent: JsonObject = {"choices": [{"index": 0, "message": {"content": None}, "finish_reason": "stop"}]}
    assert await answer(model(Answered((json.dumps(silent).encode(),), headers=JSON))) == (Reply(""), [])


async def test_a_stream_that_is_not_called_one_is_read() -> None:
    reply, _ = await answer(model(Answered((SAID,), headers={})))
    assert reply.text == "two words"


async def test_each_call_is_one_request_whatever_comes_of_it() -> None:
    asked = model(Answered((b"{}",), 503, JSON), Answered((SAID,)))
    await failure(asked)
    assert (await answer(asked))[0].text == "two words"
    assert isinstance(asked.transport, Canned)
    assert len(asked.transport.sent) == 2


# -- cost --------------------------------------------------------------------------------------------------------------


async def test_an_answer_without_usage_costs_what_was_held_for_it() -> None:
    silent = Answered((streamed([says("yes"), STOP], named=False),))
    price = FlatPrice(1.0, 2.0)
    reply, _ = await answer(model(silent, price=price), Request(HELLO.messages, max_output=100))
    assert reply.usage == Usage()
    assert reply.cost is not None
    assert reply.cost >= price.worst(len("hello"), 100)
    assert (await answer(model(silent)))[0].cost is None


@pytest.mark.parametrize("usage", [{"prompt_tokens": 9}, {"completion_tokens": 9}, {"prompt_tokens": -9}])
async def test_an_answer_with_half_a_usage_costs_what_was_held_for_it(usage: JsonObject) -> None:
    half = Answered((streamed([says("yes"), STOP, {**COUNTED, "usage": usage}], named=False),))
    price = FlatPrice(1.0, 2.0)
    reply, _ = await answer(model(half, price=price), Request(HELLO.messages, max_output=100))
    assert reply.cost is not None
    assert reply.cost >= price.worst(len("hello"), 100)


async def test_an_answer_with_usage_is_priced_by_who_holds_the_price() -> None:
    reply, _ = await answer(model(Answered((SAID,)), price=FlatPrice(1.0, 2.0)))
    assert reply.cost is None


# -- failures ----------------------------------------------------------------------------------------------------------


async def test_a_refusal_is_an_error_of_the_tree_that_names_the_request() -> None:
    body = b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}'
    headers = {**JSON, "retry-after": "3"}
    error = await failure(model(Answered((body,), 429, headers)))
    assert type(error) is RateLimitError
    assert str(error) == "HTTP 429: slow down (request req_9)"
    assert error.retry_after == 3.0


@pytest.mark.parametrize("status", [201, 204, 302])
async def test_only_one_status_is_an_answer(status: int) -> None:
    assert f"HTTP {status}" in str(await failure(model(Answered((SAID,), status))))


async def test_a_refusal_is_told_even_when_it_is_endless_or_breaks_off() -> None:
    message = b'{"error": {"message": "prompt is too long: 9 tokens > 8 maximum"}}'
    cut = Answered((message,), 400, JSON, error=CutStreamError("closed"))
    assert type(await failure(model(cut))) is ContextTooLongError
    endless = Answered(tuple(split(b"<p>no</p>" * 20_000, 1000)), 502, JSON)
    error = await failure(model(endless))
    assert type(error) is OverloadedError
    assert not endless.read_to_end
    assert len(str(error)) < 700


async def test_an_error_in_the_stream_names_the_request() -> None:
    report: JsonObject = {"error": {"message": "The server had an error", "type": "server_error"}}
    error = await failure(model(Answered((streamed([says("a"), report], named=False),))))
    assert type(error) is OverloadedError
    assert str(error) == "The server had an error (request req_7)"


async def test_a_page_for_people_is_no_answer() -> None:
    page = Answered((b"<html>\n<h1>Sign in</h1>" + b"x" * 9000,), headers={"content-type": "text/html"})
    error = await failure(model(page))
    assert type(error) is UnreadableAnswerError
    assert "text/html" in str(error)
    assert "<html> <h1>Sign in</h1>" in str(error)
    assert len(str(error)) < 400


async def test_an_answer_without_end_is_cut_where_no_answer_is_so_long() -> None:
    many = Answered(tuple(streamed([says("word " * 20)], named=False) for _ in range(1000)))
    error = await failure(model(many, longest=5000))
    assert type(error) is UnreadableAnswerError
    assert not many.read_to_end
    assert many.left
    whole = Answered((b" " * 6000,), headers=JSON)
    assert type(await failure(model(whole, longest=5000))) is UnreadableAnswerError


@pytest.mark.parametrize(
    ("answered", "error"),
    [
        (Answered((streamed([says("a")], named=False),)), CutStreamError),
        (Answered((streamed([says("a")], named=False),), error=CutStreamError("closed")), CutStreamError),
        (Answered((streamed([says("a")], named=False),), error=ModelTimeoutError("late")), ModelTimeoutError),
        (Answered((), error=ModelTimeoutError("late")), ModelTimeoutError),
        (Answered(()), CutStreamError),
        (Answered((b"data: {\n\n",)), UnreadableAnswerError),
        (Answered((b"data: " + b"x" * 100,)), CutStreamError),
        (Answered((DONE,)), UnreadableAnswerError),
        (OverloadedError("no connection"), OverloadedError),
    ],
)
async def test_an_answer_that_is_not_whole_is_none(answered: Answered | ModelError, error: type[ModelError]) -> None:
    assert type(await failure(model(answered))) is error


async def test_a_call_that_is_cancelled_leaves_its_exchange() -> None:
    hangs = Answered((streamed([says("a")], named=False),), hangs=True)
    asked = model(hangs)
    begun = asyncio.Event()
    task = asyncio.create_task(asked.complete(HELLO, lambda _: begun.set()))
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert hangs.left


# -- the key -----------------------------------------------------------------------------------------------------------


def caused(cause: Exception) -> ModelError:
    """An error that was raised from another."""
    error = OverloadedError("cannot send")
    error.__cause__ = cause
    return error


LEAKS = [
    Answered((f'{{"error": {{"message": "Incorrect API key provided: {KEY}."}}}}'.encode(),), 401, JSON),
    Answered((f"<h1>Bearer {KEY}</h1>".encode(),), headers={"content-type": "text/html"}),
    Answered((f"data: {{{KEY}\n\n".encode(),)),
    Answered((streamed([{"error": {"message": f"who is {KEY}?"}}], named=False),)),
    Answered((b"{}",), 500, {**JSON, "request-id": KEY}),
    OverloadedError(f"cannot send {KEY}"),
    caused(ValueError(f"bad header: Bearer {KEY}")),
    caused(caused(ValueError(KEY))),
]


@pytest.mark.parametrize("leak", LEAKS)
async def test_the_key_is_in_no_error_and_no_traceback(leak: Answered | ModelError) -> None:
    asked = model(leak)
    error = await failure(asked)
    told = "".join(traceback.format_exception(error)) + repr(error) + str(error.args) + repr(asked) + repr(asked.spec)
    assert KEY not in told
    assert "sk-very" not in told


@pytest.mark.parametrize("left", [6, 8, len(KEY) - 1])
async def test_a_key_that_a_message_was_cut_in_is_not_shown_in_part(left: int) -> None:
    report = {"error": {"message": "x" * (499 - left) + KEY + " is not known"}}
    error = await failure(model(Answered((json.dumps(report).encode(),), 401, JSON)))
    assert KEY[:6] not in str(error)
    assert "[key]\u2026" in str(error)


async def test_an_error_keeps_its_cause_when_there_is_no_key_in_it() -> None:
    error = await failure(model(caused(OSError("refused"))))
    assert isinstance(error.__cause__, OSError)


async def test_a_word_that_is_hardly_a_key_is_not_taken_out_of_messages() -> None:
    body = b'{"error": {"message": "none of it is right"}}'
    assert "none of it" in str(await failure(model(Answered((body,), 400, JSON), key="none")))


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}\r\nx: y", "sk-gr\u00fcn-0123"])
async def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    asked = model(Answered((SAID,)), key=key)
    error = await failure(asked)
    assert type(error) is AuthenticationError
    assert "openai:gpt-5" in str(error)
    assert key.strip() not in str(error)
    assert isinstance(asked.transport, Canned)
    assert asked.transport.sent == []


# -- over a real connection --------------------------------------------------------------------------------------------


def at(server: ModelServer) -> WireModel:
    return WireModel(
        OpenAIChat("test-model", profile=COMPATIBLE),
        name="m",
        url=f"{server.url}/v1",
        key=lambda: KEY,
        price=FlatPrice(1, 1),
    )


WEATHER = ToolSpec(name="weather", description="Weather now.", schema={"type": "object", "properties": {}})


async def test_it_is_a_model_like_any_other() -> None:
    async with ModelServer([scripted("two words")] * 4, usage=Usage(10, 5, 3)) as server:
        await check_model(at(server))
    assert len(server.requests) == 4


async def test_an_agents_steps_go_over_the_shared_connections() -> None:
    wish = scripted("Let me look.", use("weather", city="Rome"), use("weather", city="Oslo"))
    async with ModelServer([wish, scripted("It is hot.")], usage=Usage(10, 5)) as server:
        asked = at(server)
        first, shown = await answer(asked, Request(HELLO.messages, tools=(WEATHER,)))
        assert "".join(shown) == first.text == "Let me look."
        assert first.calls == (Call("weather", {"city": "Rome"}), Call("weather", {"city": "Oslo"}))
        calls = tuple(Call(call.tool, call.args, f"c1_0_{number}") for number, call in enumerate(first.calls))
        outcomes = [ToolMessage(Outcome(call.id, "ok", {"degrees": 31}), call.tool) for call in calls]
        told = (*HELLO.messages, AssistantMessage(first.text, calls, first.reasoning), *outcomes)
        second, _ = await answer(asked, Request(told, tools=(WEATHER,)))
        assert second.text == "It is hot."


async def test_refusals_of_a_real_server_are_errors_of_the_tree() -> None:
    async with ModelServer([RateLimited(2.0), Html(502), scripted("yes")]) as server:
        asked = at(server)
        limited = await failure(asked)
        assert type(limited) is RateLimitError
        assert limited.retry_after == 2.0
        assert "(request " in str(limited)
        assert type(await failure(asked)) is OverloadedError
        assert (await answer(asked))[0].text == "yes"


async def test_what_a_stream_says_first_may_be_nothing() -> None:
    opening = streamed([chunk({"role": "assistant", "content": ""}), STOP], named=False)
    assert await answer(model(Answered((opening,), headers=STREAM))) == (Reply(""), [])


async def test_what_a_provider_had_begun_is_not_free_though_nothing_of_it_was_shown() -> None:
    error: JsonObject = {"error": {"message": "slow down", "type": "rate_limit_error"}}
    thinking = chunk({"reasoning_content": "hm"})
    for events, free in (([error], True), ([thinking, error], False)):
        with pytest.raises(RateLimitError) as raised:
            await answer(model(Answered([streamed(events, named=False)])))
        assert raised.value.free is free
