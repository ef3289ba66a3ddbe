"""Stack: the default wrappers in their order, which shows in what each of them sees."""

import asyncio
from pathlib import Path

import pytest
from tests.models.wrappers.timing import Timing

from remit.core.errors import OverloadedError, RateLimitError
from remit.core.messages import Usage, UserMessage
from remit.core.ports import Request
from remit.models import FlatPrice, known_price
from remit.models.answers import AnswerFile
from remit.models.stack import stack
from remit.models.wrappers import Pace, Rate
from remit.policy import Breakers
from remit.testing import ScriptedModel, check_wrapper, says
from remit.testing.scripted import Item

HELLO = Request((UserMessage("hello"),))


def scripted(*replies: Item) -> ScriptedModel:
    return ScriptedModel(replies, price=None, usage=Usage(1000, 0), name="openai:gpt-4o")


async def test_it_is_a_model_like_the_one_inside() -> None:
    await check_wrapper(lambda model: stack(model, gate=Breakers()))


async def test_the_price_is_known_to_all_above() -> None:
    model = stack(scripted(), gate=Breakers())
    assert model.spec.price is known_price("openai:gpt-4o")
    mine = FlatPrice(9.0, 9.0)
    assert stack(scripted(), gate=Breakers(), prices={"openai:gpt-4o": mine}).spec.price is mine


async def test_a_hit_passes_neither_breaker_nor_rate(tmp_path: Path) -> None:
    gate, timing = Breakers(), Timing()
    rate = Rate(Pace(requests=60, burst=1.0, patience=0.0), clock=timing.clock, sleep=timing.sleep)
    cache = AnswerFile(tmp_path / "answers.db")
    model = stack(scripted(says("yes")), gate=gate, rate=rate, cache=cache, attempts=1)
    assert not (await model.complete(HELLO, lambda _: None)).hit
    for _ in range(20):
        _fail(gate)
    reply = await model.complete(HELLO, lambda _: None)
    assert (reply.hit, reply.cost) == (True, 0)
    await cache.close()


async def test_an_open_breaker_refuses_before_anyone_waits_for_a_turn() -> None:
    gate, timing = Breakers(), Timing()
    rate = Rate(Pace(requests=60, burst=1.0), clock=timing.clock, sleep=timing.sleep)
    model = stack(scripted(says("yes")), gate=gate, rate=rate, attempts=1)
    await rate.take(0)
    for _ in range(20):
        _fail(gate)
    with pytest.raises(OverloadedError, match="openai is not called"):
        await model.complete(HELLO, lambda _: None)
    assert timing.slept == []


async def test_every_attempt_waits_for_its_turn() -> None:
    timing = Timing()
    rate = Rate(Pace(requests=1, burst=120.0), clock=timing.clock, sleep=timing.sleep)
    inner = scripted(RateLimitError("no", retry_after=0.0), says("yes"))
    reply = await stack(inner, gate=Breakers(), rate=rate, attempts=2).complete(HELLO, lambda _: None)
    assert (reply.text, inner.asked) == ("yes", 2)
    task = asyncio.create_task(rate.take(0))
    await timing.advance(59.0)
    assert not task.done()
    await timing.advance(1.0)
    await task


async def test_waiting_too_long_for_a_turn_is_no_failure_of_the_provider() -> None:
    gate, timing = Breakers(), Timing()
    rate = Rate(Pace(requests=1, burst=60.0, patience=0.0), clock=timing.clock, sleep=timing.sleep)
    model = stack(scripted(says("one"), says("two")), gate=gate, rate=rate, attempts=1)
    await model.complete(HELLO, lambda _: None)
    for _ in range(20):
        with pytest.raises(RateLimitError):
            await model.complete(HELLO, lambda _: None)
    assert not isinstance(gate.enter("openai"), str)


def _fail(gate: Breakers) -> None:
    entered = gate.enter("openai")
    if not isinstance(entered, str):
        entered.report(ok=False)
