"""Batched: work that can wait is handed in once, whatever happens in between, and paid for once."""

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.models.wrappers.house import House
from tests.models.wrappers.timing import NEVER, Timing, instantly

from remit.core.errors import (
    AuthenticationError,
    CutStreamError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    OverloadedError,
    RateLimitError,
)
from remit.core.messages import Usage, UserMessage
from remit.core.ports import Delta, Model, Reply, Request
from remit.models import FlatPrice
from remit.models.batches.notebook import Notebook
from remit.models.batches.port import End
from remit.models.wrappers import Batched, Waits
from remit.testing import ScriptedModel, check_wrapper, says
from remit.testing.scripted import Item

PRICE = FlatPrice(1.0, 1.0)


def question(number: int = 0, session: str = "s") -> Request:
    return Request((UserMessage(f"question {number}"),), session=session)


def scripted(*replies: Item) -> ScriptedModel:
    return ScriptedModel(replies or [says("yes")] * 50, price=PRICE, usage=Usage(1000, 0), name="openai:gpt")


@dataclass
class Place:
    """One provider, one folder, and the processes that come and go there."""

    folder: Path
    model: ScriptedModel = field(default_factory=scripted)
    timing: Timing = field(default_factory=Timing)
    alive: list[Batched] = field(default_factory=list[Batched])

    def __post_init__(self) -> None:
        """Open the house."""
        self.house = House(self.model)

    def process(self, most: int = 1) -> Batched:
        """Begin a process whose batches go out when they are full, and which else waits for nothing."""
        return self._begin(Waits(window=NEVER, most=most, sleep=instantly))

    def slow(self, most: int = 1000) -> Batched:
        """Begin a process that waits by the clock of the test."""
        return self._begin(Waits(most=most, sleep=self.timing.sleep))

    def _begin(self, waits: Waits) -> Batched:
        notebook = Notebook(self.folder / "batches.db", clock=self.timing.clock)
        self.alive.append(Batched(self.model, self.house, notebook, waits=waits))
        return self.alive[-1]


async def until(true: Callable[[], object]) -> None:
    """Wait for what another task, or its thread, will make true."""
    while not true():  # noqa: ASYNC110 - what is waited for has no event, and is not to get one for a test
        await asyncio.sleep(0.001)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A place for one test; whoever still lives there at its end is closed."""
    here = Place(tmp_path)
    yield here
    for process in here.alive:
        await process.close()


async def ask(model: Model, request: Request | None = None) -> Reply:
    return await model.complete(request or question(), lambda _: None)


def asking(model: Model, *requests: Request) -> "list[asyncio.Task[Reply]]":
    return [asyncio.create_task(ask(model, request)) for request in requests]


async def test_it_is_a_model_like_the_one_inside(tmp_path: Path) -> None:
    made: list[Batched] = []
    numbers = itertools.count()

    def wrap(model: Model) -> Model:
        notebook = Notebook(tmp_path / f"{next(numbers)}.db")
        made.append(Batched(model, House(model), notebook, waits=Waits(most=1, sleep=instantly), discount=1.0))
        return made[-1]

    await check_wrapper(wrap)
    for model in made:
        await model.close()


async def test_questions_of_a_while_go_out_together_and_each_gets_its_own_answer(place: Place) -> None:
    place.model.replies = []
    place.house.model = ScriptedModel([_echo] * 9)
    model = place.process(most=5)
    replies = await asyncio.gather(*asking(model, *(question(number) for number in range(5))))
    assert [reply.text for reply in replies] == [f"question {number}" for number in range(5)]
    assert [len(items) for items in place.house.batches.values()] == [5]


def _echo(request: Request) -> Reply:
    said = request.messages[-1]
    assert isinstance(said, UserMessage)
    return says(said.text)


async def test_the_price_is_a_share_and_the_text_is_shown_at_once(place: Place) -> None:
    model = place.process()
    price = model.spec.price
    assert price is not None
    assert price.worst(1000, 1000) * 2 == PRICE.worst(1000, 1000)
    shown: list[Delta] = []
    reply = await model.complete(question(), shown.append)
    assert (shown, reply.cost, reply.hit) == ([Delta("yes")], None, False)
    assert price.cost(reply.usage) * 2 == PRICE.cost(Usage(1000, 0))
    assert Batched(scripted(), place.house, Notebook("never.db")).spec.name == "openai:gpt"
    unpriced = ScriptedModel([], price=None)
    assert Batched(unpriced, place.house, Notebook("never.db")).spec.price is None


async def test_a_batch_goes_out_when_its_time_is_over_and_is_looked_at_ever_more_seldom(place: Place) -> None:
    place.house.polls = 3
    model = place.slow()
    tasks = asking(model, question())
    await until(lambda: place.timing.slept)
    await place.timing.advance(9.9)
    assert not place.house.batches
    await place.timing.advance(0.2)
    await until(lambda: len(place.timing.slept) == 2)
    await place.timing.advance(1000.0)
    await asyncio.gather(*tasks)
    assert place.timing.slept == [10.0, 10.0, 15.0, 22.5, 33.75]


async def test_a_full_batch_goes_out_at_once(place: Place) -> None:
    model = place.slow(most=2)
    tasks = asking(model, question(0), question(1), question(2))
    await until(lambda: place.house.batches)
    assert [len(items) for items in place.house.batches.values()] == [2]
    await model.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [ModelTimeoutError] * 3


async def test_who_leaves_before_a_batch_goes_out_is_not_in_it(place: Place) -> None:
    model = place.slow()
    tasks = asking(model, question(0), question(1))
    await until(lambda: place.timing.slept)
    await place.timing.advance(5.0)
    # The second: it may not have joined yet, and is not in the batch either way.
    tasks[1].cancel()
    await asyncio.wait([tasks[1]])
    await place.timing.advance(5.0)
    await until(lambda: place.house.batches)
    assert [len(items) for items in place.house.batches.values()] == [1]
    await until(lambda: len(place.timing.slept) == 2)
    await place.timing.advance(10.0)
    assert (await tasks[0]).text == "yes"


async def test_when_all_have_left_nothing_goes_out(place: Place) -> None:
    model = place.slow()
    tasks = asking(model, question())
    await until(lambda: place.timing.slept)
    tasks[0].cancel()
    await asyncio.wait(tasks)
    await place.timing.advance(10.0)
    eager = place.process()
    tasks = asking(eager, question())
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.wait(tasks)
    # Whoever left before it was known whether the question is an old one is in no batch either.
    assert (await ask(eager, question(1))).text == "yes"
    assert [len(items) for items in place.house.batches.values()] == [1]


async def test_one_that_never_began_may_be_closed(tmp_path: Path) -> None:
    await Batched(scripted(), House(scripted()), Notebook(tmp_path / "b.db")).close()


async def test_the_same_question_at_the_same_time_is_one_request_and_paid_for_once(place: Place) -> None:
    model = place.process(most=2)
    replies = await asyncio.gather(*asking(model, question(), question(), question(session="other")))
    assert [reply.hit for reply in replies] == [False, True, False]
    assert (replies[1].cost, replies[1].usage, place.house.asked) == (0, Usage(), 2)


async def test_the_same_question_later_has_the_same_answer_and_costs_nothing_more(place: Place) -> None:
    model = place.process()
    assert not (await ask(model)).hit
    again = await ask(model)
    assert (again.text, again.hit, again.cost, place.house.asked) == ("yes", True, 0, 1)
    assert not (await ask(model, replace(question(), sample=1))).hit


# -- crashes -----------------------------------------------------------------------------------------------------------


async def test_after_a_crash_while_the_provider_works_the_batch_is_found_and_not_handed_in_again(place: Place) -> None:
    place.house.polls = 10**9
    first = place.process()
    task = asking(first, question())[0]
    await until(lambda: place.house.polls < 10**9)
    task.cancel()
    await first.close()
    place.house.polls = 0
    reply = await ask(place.process())
    assert (reply.text, reply.hit, len(place.house.batches), place.house.asked) == ("yes", False, 1, 1)


async def test_after_a_crash_the_answer_that_was_written_down_is_given_although_the_provider_forgot(
    place: Place,
) -> None:
    first = place.process(most=2)
    tasks = asking(first, question(0), question(1))
    await tasks[0]
    await asyncio.wait(tasks)
    await first.close()
    place.house.batches.clear()
    second = place.process()
    reply = await ask(second, question(1))
    # It was taken before: the run that took it has paid, or its whole hold was counted when it died.
    assert (reply.text, reply.hit, reply.cost) == ("yes", True, 0)


@pytest.mark.parametrize("made", [True, False])
async def test_after_a_crash_between_handing_in_and_writing_down_the_batch_is_looked_for(
    place: Place, *, made: bool
) -> None:
    gone = asyncio.CancelledError()
    (place.house.after if made else place.house.before).append(gone)
    first = place.process()
    with pytest.raises(ModelTimeoutError, match="given up"):
        await ask(first)
    await first.close()
    assert len(place.house.batches) == made
    reply = await ask(place.process())
    assert (reply.text, len(place.house.batches), place.house.asked) == ("yes", 1, 1)
    assert [(sought.since, sought.size) for sought in place.house.sought] == [(place.timing.now, 1)]


async def test_a_batch_that_may_be_on_its_way_is_given_time_to_arrive(place: Place) -> None:
    place.house.before.append(asyncio.CancelledError())
    first = place.process()
    with pytest.raises(ModelTimeoutError):
        await ask(first)
    place.timing.now += 20.0
    second = place.slow()
    tasks = asking(second, question())
    await until(lambda: place.timing.slept)
    assert (place.timing.slept, place.house.sought) == ([40.0], [])
    await place.timing.advance(40.0)
    for count in (2, 3):
        await until(lambda count=count: len(place.timing.slept) >= count)
        await place.timing.advance(100.0)
    assert (await tasks[0]).text == "yes"


async def test_while_nobody_can_tell_whether_a_batch_was_made_it_is_looked_for_again(place: Place) -> None:
    place.house.after.append(asyncio.CancelledError())
    place.house.unsure = 3
    first = place.process()
    with pytest.raises(ModelTimeoutError):
        await ask(first)
    assert (await ask(place.process())).text == "yes"
    assert (len(place.house.sought), len(place.house.batches)) == (4, 1)


async def test_other_questions_of_a_batch_from_before_a_crash_join_it(place: Place) -> None:
    place.house.after.append(asyncio.CancelledError())
    first = place.process(most=2)
    tasks = asking(first, question(0), question(1))
    await asyncio.wait(tasks)
    second = place.process()
    replies = await asyncio.gather(*asking(second, question(0), question(1), question(2)))
    assert [reply.text for reply in replies] == ["yes"] * 3
    assert len(place.house.sought) == 1
    assert sorted(len(items) for items in place.house.batches.values()) == [1, 2]


# -- errors ------------------------------------------------------------------------------------------------------------


async def test_a_refusal_to_take_a_batch_is_told_to_all_and_forgotten(place: Place) -> None:
    place.house.before.append(RateLimitError("too many batches"))
    model = place.process(most=2)
    results = await asyncio.gather(*asking(model, question(0), question(1)), return_exceptions=True)
    assert [type(result) for result in results] == [RateLimitError, RateLimitError]
    replies = await asyncio.gather(*asking(model, question(0), question(1)))
    assert [reply.text for reply in replies] == ["yes", "yes"]
    assert place.house.sought == []


@pytest.mark.parametrize("made", [True, False])
async def test_when_the_answer_to_a_handing_in_is_lost_the_batch_is_looked_for_before_anyone_is_told(
    place: Place, *, made: bool
) -> None:
    (place.house.after if made else place.house.before).append(CutStreamError("broke off"))
    model = place.process()
    if made:
        assert (await ask(model)).text == "yes"
    else:
        with pytest.raises(CutStreamError):
            await ask(model)
    assert (len(place.house.sought), len(place.house.batches)) == (1, made)


async def test_an_item_that_failed_is_told_and_handed_in_again_when_it_is_asked_again(place: Place) -> None:
    place.house.model = scripted(OverloadedError("no room"), says("one"), says("two"), says("three"))
    model = place.process(most=2)
    results = await asyncio.gather(*asking(model, question(0), question(1)), return_exceptions=True)
    assert isinstance(results[1], OverloadedError)
    assert isinstance(results[0], Reply)
    again = await asyncio.gather(*asking(model, question(1), question(2)))
    assert [reply.hit for reply in again] == [False, False]
    assert len(place.house.batches) == 2


@pytest.mark.parametrize(
    ("end", "expected", "free"),
    [
        ("expired", OverloadedError, True),
        ("failed", ModelRequestError, True),
        ("cancelled", ModelRequestError, True),
        ("", ModelTimeoutError, False),
    ],
)
async def test_what_became_of_a_batch_becomes_a_typed_error(
    place: Place, end: End, expected: type[ModelError], *, free: bool
) -> None:
    place.house.missing, place.house.end = 1, end
    model = place.process()
    with pytest.raises(expected) as raised:
        await ask(model)
    assert raised.value.free == free
    place.house.missing, place.house.end = 0, ""
    assert (await ask(model)).text == "yes"


async def test_looks_that_fail_are_repeated_for_the_batch_goes_on_without_us(place: Place) -> None:
    place.house.looks = [OverloadedError("down"), ModelTimeoutError("late"), RateLimitError("slow", retry_after=7.0)]
    assert (await ask(place.process())).text == "yes"


async def test_a_look_that_can_never_succeed_is_told_and_the_batch_stays_written_down(place: Place) -> None:
    place.house.looks = [AuthenticationError("who are you")]
    model = place.process()
    with pytest.raises(AuthenticationError):
        await ask(model)
    assert (await ask(model)).text == "yes"
    assert len(place.house.batches) == 1


async def test_nothing_is_handed_in_that_cannot_be_written_down(place: Place) -> None:
    (place.folder / "batches.db").write_bytes(b"not a database at all, " * 100)
    with pytest.raises(ModelError, match="cannot be used"):
        await ask(place.process())
    assert not place.house.batches


async def test_many_answers_are_written_down_piece_by_piece(place: Place) -> None:
    place.house.model = scripted(*[says("yes")] * 600)
    model = place.process(most=600)
    replies = await asyncio.gather(*asking(model, *(question(number) for number in range(600))))
    assert len(replies) == place.house.asked == 600


async def test_what_is_old_is_forgotten(place: Place) -> None:
    model = place.process()
    await ask(model)
    place.timing.now += 31 * 86_400.0
    await ask(model, question(1))
    await model.close()
    with closing(sqlite3.connect(place.folder / "batches.db")) as db:
        assert db.execute("SELECT count(*) FROM items").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM batches").fetchone() == (1,)
