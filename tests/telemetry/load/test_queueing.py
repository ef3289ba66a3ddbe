"""The arithmetic of queues, against closed forms and against queues that are played through."""

import heapq
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.telemetry.load import quantile_wait, stretch, utilisation, waits

LOADS = st.floats(0.0, 0.99)
SERVERS = st.integers(1, 200)


@given(busy=LOADS)
def test_one_server_makes_wait_as_often_as_it_is_busy(busy: float) -> None:
    assert waits(1, busy, 1.0) == pytest.approx(busy)


@given(busy=LOADS)
def test_two_servers_make_wait_as_the_closed_form_says(busy: float) -> None:
    assert waits(2, 2 * busy, 1.0) == pytest.approx(2 * busy**2 / (1 + busy))


@pytest.mark.parametrize(("servers", "offered", "known"), [(10, 8.0, 0.4092), (5, 4.0, 0.5541), (100, 90.0, 0.2170)])
def test_many_servers_make_wait_as_the_tables_of_erlang_say(servers: int, offered: float, known: float) -> None:
    assert waits(servers, offered, 1.0) == pytest.approx(known, abs=1e-3)


@given(servers=SERVERS, busy=LOADS, more=st.floats(0.0, 1.0))
def test_more_work_waits_longer_and_more_servers_shorten_it(servers: int, busy: float, more: float) -> None:
    rate = servers * busy
    wait = quantile_wait(servers, rate, 1.0, 0.95)
    assert quantile_wait(servers, rate + more, 1.0, 0.95) >= wait - 1e-9
    assert quantile_wait(servers + 1, rate, 1.0, 0.95) <= wait + 1e-9


@given(servers=SERVERS, over=st.floats(1.0, 10.0))
def test_servers_that_cannot_keep_up_make_wait_for_ever(servers: int, over: float) -> None:
    rate = servers * over
    assert utilisation(servers, rate, 1.0) >= 1.0
    assert waits(servers, rate, 1.0) == 1.0
    assert quantile_wait(servers, rate, 1.0, 0.95) == math.inf


@pytest.mark.parametrize(("servers", "rate"), [(1, 0.7), (3, 2.4)])
def test_a_queue_that_is_played_through_waits_as_long(servers: int, rate: float) -> None:
    lots = random.Random(5)
    free, now, found = [0.0] * servers, 0.0, list[float]()
    for _ in range(200_000):
        now += lots.expovariate(rate)
        begin = max(now, heapq.heappop(free))
        heapq.heappush(free, begin + lots.expovariate(1.0))
        found.append(begin - now)
    found.sort()
    assert found[int(0.95 * len(found))] == pytest.approx(quantile_wait(servers, rate, 1.0, 0.95), rel=0.08)


@given(busy=LOADS)
def test_one_server_that_is_shared_is_slower_by_what_is_left_of_it(busy: float) -> None:
    assert stretch(1, busy, 1.0) == pytest.approx(1 / (1 - busy))
    assert stretch(1, 1.0 + busy, 1.0) == math.inf


@given(servers=SERVERS, busy=LOADS, more=st.floats(0.0, 1.0))
def test_shared_servers_are_slower_with_more_work_and_faster_with_more_of_them(
    servers: int, busy: float, more: float
) -> None:
    slower = stretch(servers, servers * busy, 1.0)
    assert slower >= 1.0
    assert stretch(servers, servers * busy + more, 1.0) >= slower - 1e-9
    assert stretch(servers + 1, servers * busy, 1.0) <= slower + 1e-9


@pytest.mark.parametrize(("servers", "rate"), [(1, 0.6), (2, 1.2)])
def test_a_shared_server_that_is_played_through_is_as_much_slower(servers: int, rate: float) -> None:
    lots = random.Random(7)
    now, due, here, took, asked = 0.0, lots.expovariate(rate), list[tuple[float, float]](), list[float](), 0.0
    while len(took) < 60_000:
        # Each has its share of the servers, and no more than one of them.
        speed = min(1.0, servers / len(here)) if here else 1.0
        left = min(here)[0] / speed if here else math.inf
        step = min(due - now, left)
        here = [(work - step * speed, came) for work, came in here]
        now += step
        if left <= due - now + step:
            work, came = min(here)
            here.remove((work, came))
            took.append(now - came)
        else:
            need = lots.expovariate(1.0)
            asked += need
            here.append((need, now))
            due = now + lots.expovariate(rate)
    assert sum(took) / asked == pytest.approx(stretch(servers, rate, 1.0), rel=0.08)
