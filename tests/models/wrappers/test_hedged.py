"""Hedged: a second request when the first is late; the quicker one answers and both are paid for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from tests.models.wrappers.timing import Timing, settle

from remit.core.errors import ConfigError, ModelError, ModelTimeoutError, OverloadedError, RateLimitError
from remit.core.messages import Usage, UserMessage
from remit.core.ports import Delta, Emit, ModelSpec, Reply, Request
from remit.models import FlatPrice
from remit.models.wrappers import Hedged
from remit.testing import ScriptedModel, check_wrapper

HELLO = Request((UserMessage("hello"),))
PRICE = FlatPrice(1.0, 1.0)
WORST = PRICE.worst(64 + 16 + len("hello"), HELLO.max_output)
COST = PRICE.cost(Usage(10, 10))


@dataclass
class Said:
    """One request as the model sees it: a test says when it speaks and how it ends."""

    emit: Emit
    end: "asyncio.Future[Reply]"
    cancelled: bool = False

    def speak(self, text: str) -> None:
        """Say a piece."""
        self.emit(Delta(text))

    def answer(self, text: str) -> None:
        """End with an answer."""
        self.end.set_result(Reply(text, usage=Usage(10, 10)))

    def fail(self, error: BaseException) -> None:
        """End with an error."""
        self.end.set_exception(error)


@dataclass
class Puppet:
    """A model whose every request a test holds in its hands."""

    spec: ModelSpec = field(default_factory=lambda: ModelSpec("puppet", PRICE))
    said: list[Said] = field(default_factory=list[Said])

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Do as the test says."""
        said = Said(emit, asyncio.get_running_loop().create_future())
        self.said.append(said)
        try:
            return await said.end
        except asyncio.CancelledError:
            said.cancelled = True
            raise


@dataclass
class Stage:
    """A hedged puppet, and what was shown."""

    timing: Timing = field(default_factory=Timing)
    puppet: Puppet = field(default_factory=Puppet)
    shown: list[Delta] = field(default_factory=list[Delta])
    share: float = 1.0
    after: float | None = 5.0

    def __post_init__(self) -> None:
        """Dress it."""
        self.model = Hedged(
            self.puppet, after=self.after, share=self.share, clock=self.timing.clock, sleep=self.timing.sleep
        )

    async def ask(self) -> "asyncio.Task[Reply]":
        """Begin one question."""
        task = asyncio.create_task(self.model.complete(HELLO, self.shown.append))
        await settle()
        return task

    async def both(self) -> "tuple[asyncio.Task[Reply], Said, Said]":
        """Begin one question and let it become two requests."""
        task = await self.ask()
        await self.timing.advance(5.0)
        first, second = self.puppet.said
        return task, first, second

    async def timed(self, *seconds: float) -> None:
        """Let requests be answered after so many seconds each."""
        for each in seconds:
            task = await self.ask()
            said = self.puppet.said[-1]
            self.timing.now += each
            said.answer("done")
            await task


async def test_it_is_a_model_like_the_one_inside() -> None:
    await check_wrapper(Hedged)
    await check_wrapper(lambda model: Hedged(model, after=3600.0, share=1.0))


async def test_a_quick_answer_is_the_only_request_and_costs_what_it_costs() -> None:
    stage = Stage()
    task = await stage.ask()
    await stage.timing.advance(4.9)
    stage.puppet.said[0].speak("hi")
    stage.puppet.said[0].answer("hi")
    reply = await task
    assert (reply.text, reply.cost, len(stage.puppet.said)) == ("hi", None, 1)
    assert stage.model.spec.calls == 2


async def test_of_two_requests_the_one_that_speaks_first_answers_and_the_other_is_cancelled_and_counted() -> None:
    stage = Stage()
    task, first, second = await stage.both()
    second.speak("se")
    await settle()
    assert first.cancelled
    first.emit(Delta("too late"))
    second.speak("cond")
    second.answer("second")
    reply = await task
    assert (reply.text, reply.cost) == ("second", COST + WORST)
    assert stage.shown == [Delta("se"), Delta("cond")]


async def test_the_first_may_still_win_after_the_second_went_out() -> None:
    stage = Stage()
    task, first, second = await stage.both()
    first.speak("first")
    first.answer("first")
    reply = await task
    assert (reply.text, reply.cost, second.cancelled) == ("first", COST + WORST, True)


async def test_an_answer_of_calls_alone_wins_without_a_word() -> None:
    stage = Stage()
    task, first, second = await stage.both()
    second.answer("")
    assert (await task).cost == COST + WORST
    assert first.cancelled
    assert stage.shown == []


@pytest.mark.parametrize(("error", "lost"), [(OverloadedError("no"), 0), (ModelTimeoutError("late"), WORST)])
@pytest.mark.parametrize("place", [0, 1])
async def test_when_one_fails_the_other_goes_on(error: ModelError, lost: int, place: int) -> None:
    stage = Stage()
    task, *both = await stage.both()
    both[place].fail(error)
    await settle()
    both[1 - place].answer("other")
    reply = await task
    assert (reply.text, reply.cost or COST) == ("other", COST + lost)


async def test_a_failure_before_the_second_went_out_is_raised_at_once() -> None:
    stage = Stage()
    task = await stage.ask()
    error = RateLimitError("slow down")
    stage.puppet.said[0].fail(error)
    with pytest.raises(RateLimitError) as raised:
        await task
    assert raised.value is error
    await stage.timing.advance(60.0)
    assert len(stage.puppet.said) == 1


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((OverloadedError("one"), RateLimitError("two")), RateLimitError),
        ((ModelTimeoutError("one"), RateLimitError("two")), ModelTimeoutError),
        ((RateLimitError("one"), ModelTimeoutError("two")), ModelTimeoutError),
    ],
)
async def test_when_both_fail_the_error_is_free_only_if_both_were(
    errors: tuple[ModelError, ModelError], expected: type[ModelError]
) -> None:
    stage = Stage()
    task, first, second = await stage.both()
    first.fail(errors[0])
    await settle()
    second.fail(errors[1])
    with pytest.raises(expected, match="two"):
        await task


async def test_a_winner_that_breaks_off_is_not_passed_off_as_free() -> None:
    stage = Stage()
    task, first, second = await stage.both()
    second.speak("half")
    await settle()
    second.fail(OverloadedError("broke off"))
    with pytest.raises(ModelTimeoutError, match="broke off"):
        await task
    assert first.cancelled


async def test_a_caller_that_leaves_takes_both_along() -> None:
    stage = Stage()
    task, first, second = await stage.both()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert first.cancelled
    assert second.cancelled


async def test_a_time_out_of_the_models_own_is_not_mistaken_for_a_lost_race() -> None:
    stage = Stage()
    task, first, second = await stage.both()
    first.fail(TimeoutError("from inside"))
    with pytest.raises(TimeoutError, match="from inside"):
        await task
    assert second.cancelled


async def test_without_a_given_time_nothing_is_hedged_before_twenty_calls_and_then_after_the_95th_percentile() -> None:
    stage = Stage(after=None)
    await stage.timed(*(float(second) for second in range(1, 20)))
    assert stage.timing.slept == []
    await stage.timed(20.0)
    task = await stage.ask()
    assert stage.timing.slept == [19.0]
    stage.puppet.said[-1].answer("x")
    await task


async def test_what_a_loser_took_is_measured_too_or_the_percentile_would_sink() -> None:
    stage = Stage()
    await stage.timed(*([1.0] * 18))
    task, _, second = await _late(stage)
    second.speak("x")
    second.answer("x")
    await task
    # Twenty are timed: eighteen of 1 s, the winner's 0 s and the loser's 5 s.
    task = await stage.ask()
    assert stage.timing.slept[-1] == 1.0
    await stage.timing.advance(1.0)
    stage.puppet.said[-1].answer("x")
    await task


async def _late(stage: Stage) -> "tuple[asyncio.Task[Reply], Said, Said]":
    task = await stage.ask()
    await stage.timing.advance(5.0)
    return task, stage.puppet.said[-2], stage.puppet.said[-1]


async def test_no_more_than_the_share_is_hedged_however_slow_all_are() -> None:
    stage = Stage(share=0.1)
    for asked in range(1, 41):
        task = await stage.ask()
        await stage.timing.advance(100.0)
        stage.puppet.said[-1].answer("x")
        await task
        assert len(stage.puppet.said) - asked <= asked * 0.1 + 1e-9
    assert len(stage.puppet.said) == 44


async def test_questions_at_the_same_time_share_what_may_be_hedged() -> None:
    stage = Stage(share=0.5)
    tasks = [await stage.ask() for _ in range(2)]
    tasks.append(await stage.ask())
    await stage.timing.advance(5.0)
    assert len(stage.puppet.said) == 4
    for said in stage.puppet.said:
        if not said.end.done():
            said.answer("x")
    await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Hedged(ScriptedModel([]), share=0.0),
        lambda: Hedged(ScriptedModel([]), share=1.5),
        lambda: Hedged(ScriptedModel([]), after=-1.0),
    ],
)
def test_impossible_numbers_are_refused(make: Callable[[], Hedged]) -> None:
    with pytest.raises(ConfigError, match="share is above 0"):
        make()
