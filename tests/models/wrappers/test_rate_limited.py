"""Rate limited: nobody gets ahead of the provider's limits, nor of whoever came before."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.models.wrappers.timing import Timing, settle

from remit.core.errors import ConfigError, ModelError, ModelTimeoutError, OverloadedError, RateLimitError
from remit.core.messages import Usage, UserMessage
from remit.core.ports import Request
from remit.models.wrappers import Pace, Rate, RateLimited, shared_rate
from remit.testing import ScriptedModel, check_wrapper, says
from remit.testing.scripted import Item

HELLO = Request((UserMessage("hello"),), max_output=972)
HELD = 1000
"""Tokens that are reserved for it: 85 bytes are about 28 tokens, and the output at most."""


def limited(timing: Timing, pace: Pace, *replies: Item) -> tuple[RateLimited, Rate, ScriptedModel]:
    rate = Rate(pace, clock=timing.clock, sleep=timing.sleep)
    inner = ScriptedModel(replies or [says("yes")] * 100)
    return RateLimited(inner, rate), rate, inner


def asking(model: RateLimited, times: int = 1) -> "list[asyncio.Task[object]]":
    return [asyncio.create_task(model.complete(HELLO, lambda _: None)) for _ in range(times)]


async def test_it_is_a_model_like_the_one_inside() -> None:
    await check_wrapper(lambda model: RateLimited(model, Rate(Pace())))
    await check_wrapper(lambda model: RateLimited(model, Rate(Pace(requests=6000, tokens=10**9))))


async def test_requests_beyond_the_burst_go_at_the_steady_rate() -> None:
    timing = Timing()
    model, rate, inner = limited(timing, Pace(requests=60, burst=2.0))
    tasks = asking(model, 5)
    await settle()
    assert (inner.asked, rate.waiting) == (2, 3)
    await timing.advance(0.99)
    assert inner.asked == 2
    await timing.advance(0.02)
    assert inner.asked == 3
    await timing.advance(2.0)
    assert (inner.asked, rate.waiting) == (5, 0)
    await asyncio.gather(*tasks)


async def test_tokens_are_reserved_before_and_corrected_by_what_was_used() -> None:
    timing = Timing()
    used = replace(says("yes"), usage=Usage(100, 100))
    model, _, inner = limited(timing, Pace(tokens=60 * HELD, burst=1.0), *[used] * 9)
    await asyncio.gather(*asking(model))
    # 200 of the 1000 tokens were used: 200 ms later there is room for the next.
    tasks = asking(model)
    await timing.advance(0.19)
    assert inner.asked == 1
    await timing.advance(0.02)
    assert inner.asked == 2
    await asyncio.gather(*tasks)


async def test_what_was_used_beyond_the_estimate_is_a_debt() -> None:
    timing = Timing()
    used = replace(says("yes"), usage=Usage(2000, 1000))
    model, _, inner = limited(timing, Pace(tokens=60 * HELD, burst=1.0), *[used] * 9)
    await asyncio.gather(*asking(model))
    tasks = asking(model)
    await timing.advance(2.9)
    assert inner.asked == 1
    await timing.advance(0.2)
    assert inner.asked == 2
    await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (replace(says("x"), usage=Usage(1000, 0, cached=1000)), 0.0),
        (replace(says("x"), usage=Usage(900, 100, cached=800)), 0.2),
        (replace(says("x"), hit=True), 0.0),
        (says("nobody counted"), 1.0),
    ],
)
async def test_cached_tokens_and_hits_need_not_count(reply: Item, wait: float) -> None:
    timing = Timing()
    model, _, inner = limited(timing, Pace(tokens=60 * HELD, burst=1.0, cached=0.0), reply, says("next"))
    await asyncio.gather(*asking(model))
    tasks = asking(model)
    await timing.advance(max(wait - 0.01, 0.0))
    assert inner.asked == (1 if wait else 2)
    await timing.advance(0.02)
    assert inner.asked == 2
    await asyncio.gather(*tasks)


@pytest.mark.parametrize(("error", "asked"), [(OverloadedError("no"), 2), (ModelTimeoutError("late"), 1)])
async def test_a_refused_request_gives_its_tokens_back_and_a_lost_one_does_not(error: ModelError, asked: int) -> None:
    timing = Timing()
    model, _, inner = limited(timing, Pace(tokens=60 * HELD, burst=1.0), error, says("yes"))
    with pytest.raises(type(error)):
        await model.complete(HELLO, lambda _: None)
    tasks = asking(model)
    await settle()
    assert inner.asked == asked
    await timing.advance(1.0)
    await asyncio.gather(*tasks)


async def test_a_request_larger_than_the_bucket_goes_when_it_is_full() -> None:
    timing = Timing()
    model, _, inner = limited(timing, Pace(tokens=600, burst=10.0))
    await model.complete(HELLO, lambda _: None)
    assert inner.asked == 1
    with pytest.raises(RateLimitError):
        await model.complete(HELLO, lambda _: None)


async def test_the_providers_wish_stops_everybody() -> None:
    timing = Timing()
    model, _, inner = limited(timing, Pace(), RateLimitError("slow down", retry_after=30.0), *[says("yes")] * 9)
    with pytest.raises(RateLimitError, match="slow down"):
        await model.complete(HELLO, lambda _: None)
    tasks = asking(model, 3)
    await timing.advance(29.9)
    assert inner.asked == 1
    await timing.advance(0.2)
    assert inner.asked == 4
    await asyncio.gather(*tasks)


async def test_a_wish_longer_than_anyone_waits_is_told_at_once_also_to_those_who_wait_already() -> None:
    timing = Timing()
    model, rate, inner = limited(timing, Pace(requests=60, burst=1.0, patience=20.0))
    tasks = asking(model, 3)
    await settle()
    rate.pause(100.0)
    await settle()
    assert [task.done() for task in tasks] == [True, True, True]
    for task in tasks[1:]:
        error = task.exception()
        assert isinstance(error, RateLimitError)
        assert error.retry_after == 100.0
    with pytest.raises(RateLimitError, match=r"100\.0 s, and nobody waits longer than 20 s"):
        await model.complete(HELLO, lambda _: None)
    assert inner.asked == 1


async def test_no_wish_stops_everybody_for_ever() -> None:
    timing = Timing()
    model, rate, inner = limited(timing, Pace(patience=10_000.0))
    rate.pause(10**9)
    tasks = asking(model)
    await timing.advance(600.0)
    assert inner.asked == 1
    await asyncio.gather(*tasks)


async def test_who_would_wait_too_long_is_refused_at_once_counting_all_who_came_before() -> None:
    timing = Timing()
    model, rate, _ = limited(timing, Pace(requests=60, burst=1.0, patience=2.5))
    tasks = asking(model, 5)
    await settle()
    assert rate.waiting == 2
    errors = [task.exception() for task in tasks if task.done()]
    assert [getattr(error, "retry_after", None) for error in errors] == [None, 3.0, 3.0]
    await timing.advance(3.0)
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_leaves_the_queue_makes_room_for_those_behind() -> None:
    timing = Timing()
    model, rate, inner = limited(timing, Pace(requests=60, burst=1.0))
    tasks = asking(model, 4)
    await settle()
    tasks[1].cancel()
    await settle()
    assert rate.waiting == 2
    await timing.advance(1.01)
    assert inner.asked == 2
    assert tasks[2].done()
    await timing.advance(1.0)
    assert inner.asked == 3
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_tokens_given_back_wake_the_next_at_once() -> None:
    timing = Timing()
    model, rate, inner = limited(timing, Pace(tokens=60.0 * HELD, burst=1.0))
    tasks = asking(model, 2)
    await settle()
    assert inner.asked == 1
    rate.give_back(HELD)
    await settle()
    assert inner.asked == 2
    await asyncio.gather(*tasks)


async def test_threads_with_loops_of_their_own_share_one_rate() -> None:
    rate = Rate(Pace(requests=6000, burst=0.01))
    model = RateLimited(ScriptedModel([says("yes")] * 40), rate)

    async def ask() -> None:
        await asyncio.gather(*asking(model, 10))

    threads = [threading.Thread(target=lambda: asyncio.run(ask())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert rate.waiting == 0


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(0, 3000)), min_size=1, max_size=12),
    st.integers(1, 120),
    st.integers(100, 60_000),
    st.floats(0.5, 30),
)
async def test_in_no_stretch_of_time_goes_more_than_was_saved_up_and_came_in_and_always_in_order(
    asks: Sequence[tuple[float, int]], requests: int, tokens: int, burst: float
) -> None:
    timing = Timing()
    pace = Pace(requests=requests, tokens=tokens, burst=burst, patience=1e9)
    rate = Rate(pace, clock=timing.clock, sleep=timing.sleep)
    went: list[tuple[float, int, int]] = []

    async def ask(place: int, size: int) -> None:
        await rate.take(size)
        went.append((timing.now, place, size))

    tasks: list[asyncio.Task[None]] = []
    for place, (pause, size) in enumerate(asks):
        await timing.advance(pause)
        tasks.append(asyncio.create_task(ask(place, size)))
    await timing.advance(1e6)
    await asyncio.gather(*tasks)
    assert [place for _, place, _ in went] == list(range(len(asks)))
    for first in range(len(went)):
        for last in range(first, len(went)):
            seconds = went[last][0] - went[first][0]
            allowed = max(1.0, requests / 60 * burst) + requests / 60 * seconds
            assert last - first + 1 <= allowed + 1e-6
            # The last may be larger than the bucket: it leaves a debt.
            spent = sum(size for _, _, size in went[first:last])
            assert spent <= max(1.0, tokens / 60 * burst) + tokens / 60 * seconds + 1e-3


def test_the_same_provider_and_key_have_the_same_rate_with_one_pace() -> None:
    pace = Pace(requests=60)
    rate = shared_rate("shared-test", "key-one", pace)
    assert shared_rate("shared-test", "key-one", Pace(requests=60)) is rate
    assert shared_rate("shared-test", "key-two", pace) is not rate
    assert shared_rate("other-test", "key-one", pace) is not rate
    with pytest.raises(ConfigError, match="two paces") as raised:
        shared_rate("shared-test", "key-one", Pace(requests=61))
    assert "key-one" not in str(raised.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pace(requests=0),
        lambda: Pace(tokens=-1.0),
        lambda: Pace(burst=0.0),
        lambda: Pace(cached=1.5),
        lambda: Pace(patience=-1.0),
    ],
)
def test_paces_with_which_nothing_would_go_are_refused(make: Callable[[], Pace]) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        make()
