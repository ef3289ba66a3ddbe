"""Traffic: rates are kept by all callers together, bulkheads by as many as there is room for, and waiting ends."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.wrappers.timing import Timing

from remit.core.errors import ConfigError
from remit.core.limits import Flow
from remit.core.ports import Turn
from remit.core.toolspec import ToolSpec
from remit.runtime import Traffic


def spec(name: str = "act", flow: Flow | None = None, *hosts: str) -> ToolSpec:
    return ToolSpec(name=name, description="", schema={}, flow=flow, hosts=hosts)


def taken(turn: Turn | str) -> Turn:
    assert not isinstance(turn, str), turn
    return turn


async def test_where_nothing_is_bounded_nobody_waits() -> None:
    traffic = Traffic({"host:other": Flow(at_once=1)})
    turns = [taken(await traffic.take(spec("act", None, "here"))) for _ in range(100)]
    assert {turn.waited for turn in turns} == {0.0}
    for turn in turns:
        turn.release()


async def test_attempts_begin_evenly_spaced_after_a_first_burst() -> None:
    timing = Timing()
    traffic = Traffic(clock=timing.clock, sleep=timing.sleep)
    limited = spec(flow=Flow(per_second=2, burst=3))
    begun: list[float] = []

    async def go() -> None:
        taken(await traffic.take(limited))
        begun.append(timing.clock())

    start = timing.clock()
    going = [asyncio.create_task(go()) for _ in range(6)]
    for _ in range(8):
        await timing.advance(0.25)
    await asyncio.gather(*going)
    assert [at - start for at in begun] == [0, 0, 0, 0.5, 1.0, 1.5]


async def test_a_turn_that_would_come_too_late_is_refused_at_once_and_takes_nothing() -> None:
    timing = Timing()
    traffic = Traffic(clock=timing.clock, sleep=timing.sleep)
    slow = spec(flow=Flow(per_second=0.1, wait=5))
    taken(await traffic.take(slow))
    refusal = await traffic.take(slow)
    assert refusal == "`tool:act` is busy: 0.1 a second, and the next turn is in 10.0 s"
    await timing.advance(10)
    assert taken(await traffic.take(slow)).waited == 0


async def test_tools_of_one_host_share_its_rate_and_its_room() -> None:
    timing = Timing()
    traffic = Traffic({"host:api": Flow(per_second=1, at_once=2, wait=0)}, clock=timing.clock, sleep=timing.sleep)
    first = taken(await traffic.take(spec("a", None, "api")))
    assert "host:api" in str(await traffic.take(spec("b", None, "api")))
    await timing.advance(1)
    taken(await traffic.take(spec("b", None, "api", "elsewhere")))
    await timing.advance(1)
    assert await traffic.take(spec("c", None, "api")) == ("`host:api` is busy: 2 at once, and none ended within 0 s")
    first.release()
    first.release()
    taken(await traffic.take(spec("c", None, "api")))
    assert isinstance(await traffic.take(spec("c", None, "api")), str)


async def test_what_the_home_says_of_a_tool_goes_before_what_it_says_itself() -> None:
    traffic = Traffic({"tool:act": Flow(at_once=1, wait=0)})
    taken(await traffic.take(spec(flow=Flow(at_once=50))))
    assert isinstance(await traffic.take(spec(flow=Flow(at_once=50))), str)


async def test_room_goes_to_who_waited_longest() -> None:
    traffic = Traffic()
    narrow = spec(flow=Flow(at_once=1))
    inside = taken(await traffic.take(narrow))
    order: list[int] = []

    async def go(number: int) -> None:
        turn = taken(await traffic.take(narrow))
        order.append(number)
        turn.release()

    going = [asyncio.create_task(go(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert order == []
    inside.release()
    await asyncio.gather(*going)
    assert order == [0, 1, 2, 3, 4]


async def test_who_waited_too_long_for_room_is_refused_and_leaves_no_gap() -> None:
    traffic = Traffic()
    narrow = spec(flow=Flow(at_once=1, wait=0.01))
    inside = taken(await traffic.take(narrow))
    assert await traffic.take(narrow) == "`tool:act` is busy: 1 at once, and none ended within 0.01 s"
    inside.release()
    taken(await traffic.take(narrow)).release()
    taken(await traffic.take(narrow))


async def test_who_is_cancelled_while_waiting_takes_no_room_with_them() -> None:
    timing = Timing()
    traffic = Traffic({"host:api": Flow(at_once=1), "host:slow": Flow(per_second=0.1)}, clock=timing.clock,
                      sleep=timing.sleep)  # fmt: skip
    api = spec("a", None, "api")
    inside = taken(await traffic.take(api))
    waiting = asyncio.create_task(traffic.take(api))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    given_and_gone = asyncio.create_task(traffic.take(api))
    await asyncio.sleep(0)
    inside.release()
    given_and_gone.cancel()
    await asyncio.gather(given_and_gone, return_exceptions=True)
    both = spec("b", None, "api", "slow")
    taken(await traffic.take(both)).release()
    for_the_rate = asyncio.create_task(traffic.take(both))
    await asyncio.sleep(0)
    for_the_rate.cancel()
    await asyncio.gather(for_the_rate, return_exceptions=True)
    taken(await traffic.take(api)).release()


async def test_a_tool_declared_with_another_flow_begins_anew() -> None:
    traffic = Traffic()
    taken(await traffic.take(spec(flow=Flow(at_once=1, wait=0))))
    taken(await traffic.take(spec(flow=Flow(at_once=2, wait=0))))


@pytest.mark.parametrize("wrong", [{"per_second": 0}, {"burst": 0}, {"at_once": 0}, {"wait": -1}])
def test_a_flow_in_which_nothing_moves_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="needs a rate above 0"):
        Flow(**wrong)


@given(
    rate=st.sampled_from([0.5, 1, 4]),
    burst=st.integers(1, 4),
    gaps=st.lists(st.sampled_from([0.0, 0.1, 0.5, 1, 3]), min_size=1, max_size=40),
)
async def test_no_window_of_time_ever_holds_more_than_the_rate_and_one_burst(
    rate: float, burst: int, gaps: list[float]
) -> None:
    now = [100.0]
    begun: list[float] = []

    async def sleep(seconds: float) -> None:
        # Turns are given in the order they were asked for, so the time of each is known at once.
        begun.append(now[0] + seconds)

    traffic = Traffic(clock=lambda: now[0], sleep=sleep)
    limited = spec(flow=Flow(per_second=rate, burst=burst, wait=10))
    for gap in gaps:
        now[0] += gap
        before = len(begun)
        turn = await traffic.take(limited)
        if not isinstance(turn, str) and len(begun) == before:
            begun.append(now[0])
    begun.sort()
    for first, at in enumerate(begun):
        for last in range(first, len(begun)):
            assert last - first + 1 <= burst + rate * (begun[last] - at) + 1e-6
