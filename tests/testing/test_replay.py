"""Replay: a journal's answers, again."""

import pytest

from remit.core.errors import ModelRequestError
from remit.core.events import Event, MessageReceived, ModelAnswered, ModelAsked, ModelFailed, Record, RunOpened
from remit.core.messages import Call, Usage, UserMessage
from remit.core.ports import Delta, Request
from remit.testing import ReplayModel

HELLO = Request((UserMessage("hello"),))


def quiet(delta: Delta) -> None:
    """Let the text go by."""


def recorded(*events: Event) -> list[Record]:
    opened = (MessageReceived("hello"), RunOpened(1, "react@1", "w", 0))
    return [Record(number, 0, event) for number, event in enumerate((*opened, *events), 1)]


async def texts(model: ReplayModel, count: int) -> list[str]:
    return [(await model.complete(HELLO, quiet)).text for _ in range(count)]


async def test_answers_come_in_the_order_of_the_questions_not_of_the_answers() -> None:
    model = ReplayModel(
        recorded(
            ModelAsked("1.0.1"), ModelAsked("1.1.1"), ModelAnswered("1.1.1", "second"), ModelAnswered("1.0.1", "first")
        )
    )
    assert model.left == 2
    assert await texts(model, 2) == ["first", "second"]
    assert model.left == 0


async def test_the_same_step_in_another_run_is_another_question() -> None:
    again = RunOpened(2, "react@1", "w", 0)
    records = recorded(ModelAsked("1"), ModelAnswered("1", "one"), again, ModelAsked("1"), ModelAnswered("1", "two"))
    assert await texts(ReplayModel(records), 2) == ["one", "two"]


async def test_a_step_that_was_asked_again_is_one_question() -> None:
    records = recorded(ModelAsked("1"), ModelFailed("1", "died"), ModelAsked("1"), ModelAnswered("1", "at last"))
    assert await texts(ReplayModel(records), 1) == ["at last"]


async def test_each_role_has_its_own_answers() -> None:
    model = ReplayModel(
        recorded(ModelAsked("1", "judge"), ModelAsked("2"), ModelAnswered("1", "guilty"), ModelAnswered("2", "hello"))
    )
    assert await texts(model, 1) == ["hello"]
    assert (await model.complete(Request(HELLO.messages, role="judge"), quiet)).text == "guilty"


async def test_a_reply_is_whole_but_for_the_calls_ids() -> None:
    said = ModelAnswered("1", "text", (Call("t", {"a": 1}, "c1_1_0"),), Usage(3, 2), 99, "", {"r": 1}, "length", "who")
    reply = await ReplayModel(recorded(ModelAsked("1"), said)).complete(HELLO, quiet)
    assert reply.calls == (Call("t", {"a": 1}),)
    assert (reply.text, reply.usage, reply.reasoning, reply.stop, reply.model) == (
        "text",
        Usage(3, 2),
        {"r": 1},
        "length",
        "who",
    )


async def test_asking_more_than_was_recorded_is_refused_loudly() -> None:
    model = ReplayModel(recorded(ModelAsked("1"), ModelAnswered("1", "one")))
    await texts(model, 1)
    with pytest.raises(ModelRequestError, match="no further answer for role 'default' after 1 were given"):
        await texts(model, 1)


async def test_failures_fail_again_and_the_unanswered_is_refused() -> None:
    model = ReplayModel(recorded(ModelAsked("1"), ModelFailed("1", "overloaded", final=True), ModelAsked("2")))
    with pytest.raises(ModelRequestError, match="overloaded"):
        await texts(model, 1)
    with pytest.raises(ModelRequestError, match="ends before step 2 was answered"):
        await texts(model, 1)
