"""Cached: the same question is asked once; a hit costs nothing and only good answers are kept."""

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from remit.core.errors import ModelRequestError, OverloadedError
from remit.core.messages import AssistantMessage, Call, Message, Outcome, ToolMessage, Usage, UserMessage
from remit.core.ports import Delta, Emit, Model, ModelSpec, Reply, Request
from remit.core.shape import shape
from remit.models import FlatPrice
from remit.models.answers import AnswerFile
from remit.models.wrappers import ByRole, Cached, Routed
from remit.testing import ScriptedModel, check_wrapper, says
from remit.testing.scripted import Item

HELLO = Request((UserMessage("hello"),), tenant="acme", session="s1")


@pytest.fixture
async def answers(tmp_path: Path) -> AsyncIterator[AnswerFile]:
    """A file of answers for one test."""
    file = AnswerFile(tmp_path / "answers.db")
    yield file
    await file.close()


def scripted(*replies: Item) -> ScriptedModel:
    return ScriptedModel(replies, usage=Usage(10, 2), price=FlatPrice(1.0, 1.0))


async def ask(model: Model, request: Request = HELLO) -> Reply:
    return await model.complete(request, lambda _: None)


class Held:
    """A model that answers when a test says so."""

    def __init__(self) -> None:
        """Hold all answers back."""
        self.spec = ModelSpec("held", FlatPrice(1.0, 1.0))
        self.asked: list[asyncio.Future[Reply]] = []
        self.came = asyncio.Semaphore(0)

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Wait."""
        self.asked.append(asyncio.get_running_loop().create_future())
        self.came.release()
        return await self.asked[-1]


async def test_it_is_a_model_like_the_one_inside(tmp_path: Path) -> None:
    files: list[AnswerFile] = []
    numbers = itertools.count()

    def wrap(model: Model) -> Model:
        files.append(AnswerFile(tmp_path / f"{next(numbers)}.db"))
        return Cached(model, files[-1])

    await check_wrapper(wrap)
    for file in files:
        await file.close()


async def test_the_second_time_the_answer_is_there_and_costs_nothing(answers: AnswerFile) -> None:
    inner = scripted(says("yes indeed"), says("never"))
    model = Cached(inner, answers)
    first = await ask(model)
    shown: list[Delta] = []
    second = await model.complete(replace(HELLO, session="s2"), shown.append)
    assert (first.hit, first.usage) == (False, Usage(10, 2))
    assert second == replace(first, hit=True, cost=0, usage=Usage())
    assert shown == [Delta("yes indeed")]
    assert (inner.asked, model.spec) == (1, inner.spec)


async def test_equal_conversations_of_two_sessions_hit_although_their_calls_have_other_ids(answers: AnswerFile) -> None:
    def talk(name: str) -> tuple[Message, ...]:
        call = Call("look", {}, name)
        return (UserMessage("x"), AssistantMessage("", (call,)), ToolMessage(Outcome(name, output=1), "look"))

    model = Cached(scripted(says("yes")), answers)
    await ask(model, replace(HELLO, messages=talk("c1_0_0")))
    assert (await ask(model, replace(HELLO, messages=talk("c4_0_0")))).hit


@pytest.mark.parametrize(
    "other",
    [replace(HELLO, tenant="other"), replace(HELLO, sample=1), replace(HELLO, messages=(UserMessage("hi"),))],
)
async def test_another_question_tenant_or_sample_is_no_hit(answers: AnswerFile, other: Request) -> None:
    model = Cached(scripted(says("one"), says("two")), answers)
    await ask(model)
    assert (await ask(model, other)).text == "two"


@pytest.mark.parametrize(
    "bad",
    [
        replace(says("half"), stop="length"),
        replace(says("no"), stop="filter"),
        says("", Call("look", {}, malformed="{")),
    ],
)
async def test_only_whole_and_readable_answers_are_kept(answers: AnswerFile, bad: Reply) -> None:
    model = Cached(scripted(bad, says("good")), answers)
    await ask(model)
    again = await ask(model)
    assert (again.text, again.hit) == ("good", False)
    assert (await ask(model)).hit


async def test_errors_are_not_kept(answers: AnswerFile) -> None:
    model = Cached(scripted(OverloadedError("down"), says("up")), answers)
    with pytest.raises(OverloadedError):
        await ask(model)
    assert (await ask(model)).text == "up"


async def test_a_poisoned_entry_is_dropped_and_asked_anew(answers: AnswerFile, tmp_path: Path) -> None:
    inner = scripted(says("one"), says("two"))
    model = Cached(inner, answers)
    await ask(model)
    with closing(sqlite3.connect(tmp_path / "answers.db", isolation_level=None)) as db:
        db.execute("UPDATE answers SET body = zeroblob(length(body))")
    again = await ask(model)
    assert (again.text, again.hit, answers.counts.dropped) == ("two", False, 1)
    assert (await ask(model)).text == "two"


async def test_an_answer_from_another_cache_below_is_not_kept_twice(answers: AnswerFile) -> None:
    model = Cached(scripted(replace(says("one"), hit=True), says("two")), answers)
    await ask(model)
    assert (await ask(model)).text == "two"


async def test_the_same_question_at_the_same_time_is_asked_once(answers: AnswerFile) -> None:
    inner = Held()
    # Two wrappers around one file, as two agents with the same model have.
    models = [Cached(inner, answers), Cached(inner, answers)]
    tasks = [asyncio.create_task(ask(models[place % 2])) for place in range(6)]
    await inner.came.acquire()
    inner.asked[0].set_result(replace(says("yes"), usage=Usage(10, 2)))
    replies = await asyncio.gather(*tasks)
    assert [reply.hit for reply in replies] == [False, True, True, True, True, True]
    assert {reply.text for reply in replies} == {"yes"}
    assert len(inner.asked) == 1


async def test_when_the_one_that_asked_fails_each_asks_for_itself_and_pays_for_itself(answers: AnswerFile) -> None:
    inner = Held()
    tasks = [asyncio.create_task(ask(Cached(inner, answers))) for _ in range(3)]
    await inner.came.acquire()
    inner.asked[0].set_exception(ModelRequestError("no"))
    await inner.came.acquire()
    await inner.came.acquire()
    for asked in inner.asked[1:]:
        asked.set_result(says("yes"))
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], ModelRequestError)
    assert [isinstance(result, Reply) and not result.hit for result in results[1:]] == [True, True]


async def test_an_answer_that_is_not_kept_is_not_shared_either(answers: AnswerFile) -> None:
    inner = Held()
    tasks = [asyncio.create_task(ask(Cached(inner, answers))) for _ in range(2)]
    await inner.came.acquire()
    inner.asked[0].set_result(replace(says("half"), stop="length"))
    await inner.came.acquire()
    inner.asked[1].set_result(says("whole"))
    assert [reply.text for reply in await asyncio.gather(*tasks)] == ["half", "whole"]


async def test_when_the_one_that_asked_is_cancelled_another_takes_its_place(answers: AnswerFile) -> None:
    inner = Held()
    tasks = [asyncio.create_task(ask(Cached(inner, answers))) for _ in range(3)]
    await inner.came.acquire()
    tasks[0].cancel()
    await inner.came.acquire()
    inner.asked[1].set_result(says("yes"))
    replies = await asyncio.gather(*tasks[1:])
    assert [reply.hit for reply in replies] == [False, True]
    assert len(inner.asked) == 2
    assert tasks[0].cancelled()


async def test_who_waits_may_leave_without_disturbing_the_others(answers: AnswerFile) -> None:
    inner = Held()
    tasks = [asyncio.create_task(ask(Cached(inner, answers))) for _ in range(3)]
    await inner.came.acquire()
    tasks[1].cancel()
    await asyncio.wait([tasks[1]])
    inner.asked[0].set_result(says("yes"))
    assert [(await task).hit for task in (tasks[0], tasks[2])] == [False, True]


async def test_a_hit_found_in_the_file_is_shared_with_who_waits(answers: AnswerFile) -> None:
    model = Cached(scripted(says("yes")), answers)
    await ask(model)
    replies = await asyncio.gather(*(ask(model) for _ in range(3)))
    assert all(reply.hit for reply in replies)


async def test_an_answer_without_words_shows_nothing(answers: AnswerFile) -> None:
    model = Cached(scripted(says("", Call("look", {}))), answers)
    await ask(model)
    shown: list[Delta] = []
    reply = await model.complete(HELLO, shown.append)
    assert (reply.calls, shown) == ((Call("look", {}),), [])


async def test_roles_that_are_routed_to_two_models_never_share_an_answer(answers: AnswerFile) -> None:
    routed = Routed(
        {"small": scripted(says("small")), "large": scripted(says("large"))}, ByRole(judge="large"), default="small"
    )
    model = Cached(routed, answers)
    assert (await ask(model)).text == "small"
    assert (await ask(model, replace(HELLO, role="judge"))).text == "large"


@pytest.mark.parametrize(("text", "kept"), [("[1]", True), ('["x"]', False), ("one", False), ("[" * 5000, False)])
async def test_an_answer_without_the_asked_shape_is_not_kept(answers: AnswerFile, text: str, kept: bool) -> None:  # noqa: FBT001 - a parameter of the test
    model = scripted(says(text), says("[2]"))
    asked = replace(HELLO, shape=shape(list[int]))
    await ask(Cached(model, answers), asked)
    assert (await ask(Cached(model, answers), asked)).hit == kept


async def test_calls_on_the_way_to_a_shape_are_kept(answers: AnswerFile) -> None:
    model = scripted(Reply("", (Call("look", {}),)))
    asked = replace(HELLO, shape=shape(list[int]))
    await ask(Cached(model, answers), asked)
    assert (await ask(Cached(model, answers), asked)).hit
