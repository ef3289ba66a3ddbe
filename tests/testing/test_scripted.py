"""Scripted models: say what they are told to, once each."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import ModelRequestError, RateLimitError
from remit.core.messages import AssistantMessage, Call, Message, Outcome, ToolMessage, Usage, UserMessage
from remit.core.ports import Delta, Reply, Request
from remit.models import FREE, FlatPrice
from remit.testing import EchoModel, ScriptedModel, calls, check_model, says, use
from remit.testing.scripted import speak

HELLO = Request((UserMessage("hello"),))


def quiet(delta: Delta) -> None:
    """Let the text go by."""


async def test_scripted_and_echo_models_conform() -> None:
    await check_model(
        ScriptedModel([says("one  two\n"), calls(use("look")), says(""), says(" x")], usage=Usage(9, 2, 3))
    )
    await check_model(EchoModel())


async def test_replies_come_in_order_with_their_deltas() -> None:
    shown: list[str] = []
    model = ScriptedModel([says("first answer"), calls(use("look", at="it"))])
    first = await model.complete(HELLO, lambda delta: shown.append(delta.text))
    second = await model.complete(HELLO, quiet)
    assert (first.text, shown) == ("first answer", ["first", " answer"])
    assert second == Reply("", (Call("look", {"at": "it"}),))
    assert says("both", use("look")) == Reply("both", (Call("look", {}),))
    assert model.spec.price is FREE


async def test_an_exhausted_script_says_so_and_what_it_was_asked() -> None:
    model = ScriptedModel([says("only")], name="short")
    await model.complete(HELLO, quiet)
    with pytest.raises(ModelRequestError, match=r"script of 'short' ended after 1 replies.*'hello'"):
        await model.complete(HELLO, quiet)
    with pytest.raises(ModelRequestError, match="nothing was said"):
        await ScriptedModel([]).complete(Request(()), quiet)


async def test_errors_are_raised_and_functions_are_asked() -> None:
    model = ScriptedModel([RateLimitError("slow"), KeyboardInterrupt(), lambda request: says(request.role)])
    with pytest.raises(RateLimitError):
        await model.complete(HELLO, quiet)
    with pytest.raises(KeyboardInterrupt):
        await model.complete(HELLO, quiet)
    assert (await model.complete(HELLO, quiet)).text == "default"


async def test_many_who_ask_at_once_get_a_reply_each() -> None:
    model = ScriptedModel([says(str(number)) for number in range(50)], delay=0.001)
    replies = await asyncio.gather(*(model.complete(HELLO, quiet) for _ in range(50)))
    assert [reply.text for reply in replies] == [str(number) for number in range(50)]
    assert model.asked == 50


async def test_an_endless_script_never_runs_out() -> None:
    model = ScriptedModel(itertools.repeat(says("again")))
    assert {(await model.complete(HELLO, quiet)).text for _ in range(100)} == {"again"}


async def test_usage_is_given_to_replies_without_their_own() -> None:
    model = ScriptedModel([says("a"), Reply("b", usage=Usage(1, 1))], price=FlatPrice(1.0, 1.0), usage=Usage(5, 5))
    assert (await model.complete(HELLO, quiet)).usage == Usage(5, 5)
    assert (await model.complete(HELLO, quiet)).usage == Usage(1, 1)


async def test_requests_are_kept_only_when_asked_for_and_as_they_were() -> None:
    thread: list[Message] = [UserMessage("one")]
    kept, other = ScriptedModel([says("a")], keep=True), ScriptedModel([says("a")])
    for model in (kept, other):
        await model.complete(Request(thread), quiet)
    thread.append(UserMessage("two"))
    assert kept.requests == [Request((UserMessage("one"),))]
    assert other.requests == []


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (UserMessage("hi there"), "hi there"),
        (AssistantMessage("said"), "said"),
        (ToolMessage(Outcome("c", output="plain"), "t"), "plain"),
        (ToolMessage(Outcome("c", output={"a": 1}), "t"), '{"a":1}'),
    ],
)
async def test_an_echo_says_the_last_thing_back(message: Message, text: str) -> None:
    reply = await EchoModel().complete(Request((UserMessage("x"), message)), quiet)
    assert (reply.text, reply.usage.output) == (text, len(text.split()))
    assert (await EchoModel().complete(Request(()), quiet)).text == ""


@given(st.text())
def test_the_pieces_of_a_text_add_up_to_it(text: str) -> None:
    pieces: list[Delta] = []
    speak(text, pieces.append)
    assert "".join(piece.text for piece in pieces) == text
