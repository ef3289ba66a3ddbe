"""What is predicted of a machine keeps to what its cores, its workers and their taking up can do."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.telemetry.load.test_sizing import COSTS

from remit.telemetry.load import predict


@given(workers=st.integers(1, 8), cores=st.integers(1, 16), steps=st.floats(1, 100), busy=st.floats(0, 0.99))
def test_a_machine_is_predicted_to_do_what_its_cores_can(workers: int, cores: int, steps: float, busy: float) -> None:
    most = predict(COSTS, cores=cores, workers=workers, steps=steps, sessions_s=0)
    assert most.first_step_ms == pytest.approx(COSTS.first_step_ms)
    more = predict(COSTS, cores=cores + 1, workers=workers + 1, steps=steps, sessions_s=0)
    assert more.steps_s > most.steps_s
    loaded = predict(COSTS, cores=cores, workers=workers, steps=steps, sessions_s=busy * most.steps_s / steps)
    assert most.first_step_ms <= loaded.first_step_ms < math.inf
    assert loaded.cores_busy <= cores + 1e-9
    over = predict(COSTS, cores=cores, workers=workers, steps=steps, sessions_s=1.01 * most.steps_s / steps)
    assert over.first_step_ms == math.inf


@given(load=st.floats(0, 0.9), away=st.floats(0, 1.5))
def test_what_other_programs_take_makes_it_slower(load: float, away: float) -> None:
    alone = predict(COSTS, cores=2, workers=2, steps=20, sessions_s=50 * load)
    beside = predict(COSTS, cores=2, workers=2, steps=20, sessions_s=50 * load, others=away)
    assert beside.steps_s <= alone.steps_s
    assert beside.first_step_ms >= alone.first_step_ms


@pytest.mark.parametrize(
    ("cores", "workers", "pick_ms", "steps_s", "bound"),
    [
        # 1 ms and twenty times 200 µs are 5 ms of a worker: 200 sessions a second.
        (16, 1, 1.0, 200 * 20, "the workers' CPU"),
        # With 500 µs and twenty times 100 µs of PostgreSQL and 400 µs of the driver all is 7.9 ms.
        (2, 8, 1.0, 2 / 0.0079 * 20, "all cores"),
        (16, 2, 50.0, 2 / 0.050 * 20, "taking up"),
    ],
)
def test_what_is_busy_first_bounds_the_rate(
    cores: int, workers: int, pick_ms: float, steps_s: float, bound: str
) -> None:
    costs = msgspec.structs.replace(COSTS, pick_ms=pick_ms)
    most = predict(costs, cores=cores, workers=workers, steps=20, sessions_s=0)
    assert (most.steps_s, most.bound) == (pytest.approx(steps_s), bound)


def test_a_first_step_by_hand() -> None:
    costs = msgspec.structs.replace(COSTS, pick_ms=2.0, sync_ms=1.0, commit_worker_us=0.0, commit_server_us=0.0)
    said = predict(costs, cores=2, workers=1, steps=20, sessions_s=100)
    # A worker is busy half of its time with steps, so all takes it twice as long; 0.79 of two cores are busy.
    shared = 1 + (0.79**2 / (2 + 0.79)) / (2 - 0.79)
    slower = math.log(20) * (1.0 * (2 - 1) + 0.5 * (shared - 1))
    # One that comes finds another being taken up in one case of five, and the disk busy always.
    queued = math.log(0.2 / 0.05) * 2.0 / (1 - 0.2)
    assert said.first_step_ms == pytest.approx(10 + slower + queued + 4 * 1.0)


@given(workers=st.integers(1, 4), steps=st.floats(1, 100), busy=st.floats(0, 1))
def test_commits_that_few_share_cost_more_until_the_machine_is_full(workers: int, steps: float, busy: float) -> None:
    free = msgspec.structs.replace(COSTS, commit_worker_us=0.0, commit_server_us=0.0)
    most = predict(COSTS, cores=4, workers=workers, steps=steps, sessions_s=0).steps_s / steps
    costly, cheap = (
        predict(one, cores=4, workers=workers, steps=steps, sessions_s=busy * most) for one in (COSTS, free)
    )
    assert costly.steps_s == cheap.steps_s
    assert costly.cores_busy >= cheap.cores_busy - 1e-9
    if busy in (0, 1):
        assert costly.cores_busy == pytest.approx(cheap.cores_busy)


def test_a_few_sessions_cost_what_commits_of_their_own_do() -> None:
    said = predict(COSTS, cores=4, workers=1, steps=20, sessions_s=0.01)
    # 7.9 ms are measured where 200 sessions a second make 8800 appends: with a commit of 1 ms at a time these are 898.
    assert said.cores_busy / 0.01 == pytest.approx(0.0079 + (44 - 898 / 200) * 500e-6, rel=0.01)
