"""Retrying: repeats what is safe to repeat, and counts what may have been lost."""

from dataclasses import dataclass, field

import pytest

from remit.core.errors import (
    AuthenticationError,
    ConfigError,
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
from remit.core.messages import AssistantMessage, Call, Outcome, ToolMessage, Usage, UserMessage
from remit.core.ports import Delta, Emit, ModelSpec, Reply, Request, ToolSpec
from remit.models import FlatPrice, Retrying
from remit.models.wrappers.retrying import Backoff
from remit.testing import ScriptedModel, check_wrapper, says
from remit.testing.scripted import Item

HELLO = Request((UserMessage("hello"),))
PRICE = FlatPrice(1.0, 1.0)


@dataclass
class Waits:
    seconds: list[float] = field(default_factory=list[float])

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@dataclass
class HalfSaid:
    """A model that breaks off in the middle of its first answers."""

    errors: list[ModelError]
    spec: ModelSpec = field(default_factory=lambda: ModelSpec("half", PRICE))

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Say half, and the rest once no error is left."""
        emit(Delta("half "))
        if self.errors:
            raise self.errors.pop(0)
        emit(Delta("whole"))
        return Reply("half whole", usage=Usage(10, 10))


def retrying(replies: list[Item], waits: Waits | None = None, *, ambiguous: int = 0) -> Retrying:
    model = ScriptedModel(replies, price=PRICE, usage=Usage(10, 10))
    return Retrying(model, 3, ambiguous, backoff=Backoff(sleep=waits or Waits(), draw=lambda: 0.5))


async def test_it_is_a_model_like_the_one_inside() -> None:
    await check_wrapper(lambda model: Retrying(model, backoff=Backoff(sleep=Waits())))
    await check_wrapper(lambda model: Retrying(model, 3, 2, backoff=Backoff(sleep=Waits())))


async def test_refusals_are_repeated_with_growing_waits() -> None:
    waits = Waits()
    model = retrying([RateLimitError("slow down"), OverloadedError("busy"), says("yes")], waits)
    reply = await model.complete(HELLO, lambda _: None)
    assert (reply.text, reply.cost) == ("yes", None)
    assert waits.seconds == [0.25, 0.5]


async def test_the_providers_wish_is_honoured_up_to_a_cap() -> None:
    waits = Waits()
    errors: list[Item] = [RateLimitError("x", retry_after=7.0), RateLimitError("x", retry_after=3600.0), says("yes")]
    await retrying(errors, waits).complete(HELLO, lambda _: None)
    assert waits.seconds == [7.25, 30.0]


async def test_the_last_attempts_error_is_raised_as_it_is() -> None:
    errors: list[Item] = [OverloadedError("first"), OverloadedError("second"), RateLimitError("third"), says("never")]
    with pytest.raises(RateLimitError, match="third"):
        await retrying(errors).complete(HELLO, lambda _: None)


@pytest.mark.parametrize(
    "error",
    [
        ModelRequestError("no"),
        AuthenticationError("who"),
        QuotaError("empty"),
        ContentFilterError("never"),
        ContextTooLongError("long"),
        ModelError("odd"),
        ModelTimeoutError("late"),
        CutStreamError("cut"),
        UnreadableAnswerError("what"),
    ],
)
async def test_what_cannot_succeed_or_may_have_been_billed_is_not_repeated(error: ModelError) -> None:
    waits = Waits()
    with pytest.raises(type(error)):
        await retrying([error, says("never")], waits).complete(HELLO, lambda _: None)
    assert waits.seconds == []


@pytest.mark.parametrize("error", [ModelTimeoutError("late"), CutStreamError("cut"), UnreadableAnswerError("what")])
async def test_lost_calls_are_repeated_only_as_often_as_the_hold_covers_them(error: ModelError) -> None:
    model = retrying([error, says("yes")], ambiguous=1)
    assert model.spec.calls == 2
    reply = await model.complete(HELLO, lambda _: None)
    lost = PRICE.worst(64 + 16 + len("hello"), HELLO.max_output)
    assert reply.cost == PRICE.cost(Usage(10, 10)) + lost
    twice: list[Item] = [ModelTimeoutError("late"), ModelTimeoutError("later"), says("never")]
    with pytest.raises(ModelTimeoutError, match="later"):
        await retrying(twice, ambiguous=1).complete(HELLO, lambda _: None)


async def test_a_refusal_after_a_lost_call_is_not_passed_off_as_free() -> None:
    errors: list[Item] = [ModelTimeoutError("late"), ModelRequestError("no"), says("never")]
    with pytest.raises(ModelTimeoutError, match=r"no \(what 1 lost calls cost is unknown\)"):
        await retrying(errors, ambiguous=1).complete(HELLO, lambda _: None)


async def test_all_of_a_request_counts_toward_what_a_lost_call_may_have_cost() -> None:
    tool = ToolSpec(name="t", description="d", schema={"type": "object"})
    said = AssistantMessage("text", (Call("t", {"a": 1}, "c1"),))
    came = ToolMessage(Outcome("c1", output="result"), "t")
    full = Request((*HELLO.messages, said, came), instructions="be brief", tools=(tool,))
    costs: list[int] = []
    for request in (HELLO, full):
        reply = await retrying([ModelTimeoutError("late"), says("yes")], ambiguous=1).complete(request, lambda _: None)
        assert reply.cost is not None
        costs.append(reply.cost)
    assert costs[1] - costs[0] > PRICE.worst(len('textresult{"a":1}be brief{"type":"object"}'), 0)


async def test_text_shown_by_a_failed_attempt_is_void_and_makes_it_a_loss() -> None:
    shown: list[Delta] = []
    model = Retrying(HalfSaid([OverloadedError("broke off")]), 3, 1, backoff=Backoff(sleep=Waits()))
    reply = await model.complete(HELLO, shown.append)
    assert shown == [Delta("half "), Delta("", fresh=True), Delta("half "), Delta("whole")]
    assert reply.cost is not None
    assert reply.cost > PRICE.cost(Usage(10, 10))


async def test_an_answer_broken_off_may_be_billed_so_without_a_hold_for_it_nothing_is_repeated() -> None:
    model = Retrying(HalfSaid([OverloadedError("broke off")]), 3, backoff=Backoff(sleep=Waits()))
    with pytest.raises(ModelTimeoutError, match="broke off"):
        await model.complete(HELLO, lambda _: None)


async def test_without_a_price_the_cost_stays_unknown() -> None:
    model = ScriptedModel([ModelTimeoutError("late"), says("yes")], price=None)
    reply = await Retrying(model, 3, 1, backoff=Backoff(sleep=Waits())).complete(HELLO, lambda _: None)
    assert reply.cost is None


@pytest.mark.parametrize(("attempts", "ambiguous"), [(0, 0), (1, -1)])
def test_impossible_numbers_are_refused(attempts: int, ambiguous: int) -> None:
    with pytest.raises(ConfigError, match="at least"):
        Retrying(ScriptedModel([]), attempts, ambiguous)


def test_no_more_is_held_than_attempts_can_spend() -> None:
    assert Retrying(ScriptedModel([]), 2, 5).spec.calls == 2
