"""Sizing keeps its laws: more load never needs less, what is planned holds, and what cannot be meant is refused."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import ConfigError
from remit.telemetry.load import Costs, Load, Room, quantile_wait, size, utilisation

COSTS = Costs(
    measured="2026-01-01",
    machine="a test",
    remit="0",
    worker_us_step=200.0,
    worker_us_session=1000.0,
    server_us_step=100.0,
    server_us_session=500.0,
    commit_worker_us=300.0,
    commit_server_us=200.0,
    driver_us_session=400.0,
    pick_ms=3.0,
    sync_ms=0.5,
    first_step_ms=10.0,
    bytes_step=700.0,
    bytes_session=2000.0,
    payload_step=300.0,
    worker_rest_mb=50.0,
    worker_kb_session=40.0,
    connections_worker=5.0,
    connections_replica=4.0,
)
LOADS = st.builds(
    Load,
    sessions=st.floats(0, 1e8),
    steps=st.floats(1, 500),
    model_seconds=st.floats(0, 60),
    waiting_share=st.floats(0, 1),
    waiting_hours=st.floats(0, 100),
    peak=st.floats(1, 24),
    retention_days=st.floats(0, 400),
)
ROOMS = st.builds(Room, busy=st.floats(0.1, 0.9), server_cores=st.integers(1, 64), spare=st.integers(0, 3))
MORE = ("sessions", "steps", "model_seconds", "waiting_hours", "retention_days", "tokens_written", "result_bytes")
GROWS = ("workers", "cells", "worker_cores", "disk_gb", "disk_gb_day", "under_way", "waiting", "tokens_day")


@given(load=LOADS, room=ROOMS, what=st.sampled_from(MORE), more=st.floats(1.0, 50.0))
def test_more_load_never_needs_less(load: Load, room: Room, what: str, more: float) -> None:
    less, plan = size(load, COSTS, room), size(msgspec.structs.replace(load, **{what: getattr(load, what) * more}),
                                               COSTS, room)  # fmt: skip
    for name in GROWS:
        # A session's own cost is shared by more steps, in floating point.
        assert getattr(plan, name) >= getattr(less, name) * (1 - 1e-9), name


@given(load=LOADS, room=ROOMS)
def test_what_is_planned_holds_what_it_was_planned_for(load: Load, room: Room) -> None:
    plan = size(load, COSTS, room)
    alive = plan.workers - plan.cells * room.spare
    step = (COSTS.worker_us_step + COSTS.worker_us_session / load.steps) / 1e6
    served = (COSTS.server_us_step + COSTS.server_us_session / load.steps) / 1e6
    assert utilisation(alive, plan.steps_s, step) <= room.busy + 1e-9
    assert utilisation(plan.server_cores, plan.steps_s / plan.cells, served) <= room.busy + 1e-9
    assert plan.under_way <= alive * room.worker_sessions + 1e-6
    assert plan.server_cores <= room.server_cores
    assert plan.connections <= room.connections
    assert plan.disk_gb / plan.cells <= room.server_gb * (1 + 1e-9)
    assert utilisation(alive, plan.sessions_s, COSTS.pick_ms / 1e3) <= room.busy + 1e-9
    # Commits that wait for others do so on any number of cores.
    assert plan.first_step_ms <= COSTS.first_step_ms + room.wait_ms + 4 * COSTS.sync_ms + 1e-6


@given(load=LOADS)
def test_sessions_under_way_and_waiting_follow_from_littles_law(load: Load) -> None:
    assert load.under_way == pytest.approx(load.peak_rate * load.seconds)
    assert load.waiting == pytest.approx(load.sessions * load.waiting_share * load.waiting_hours / 24)


def test_a_load_by_hand() -> None:
    load = Load(sessions=864_000, steps=10, model_seconds=1, tool_seconds=0, peak=10, waiting_share=0.5,
                waiting_hours=2, tokens_read=1000, tokens_written=100, result_bytes=600, retention_days=10)  # fmt: skip
    plan = size(load, COSTS, Room(spare=1), (1.0, 2.0))
    assert plan.sessions_s == 100
    assert plan.steps_s == 1000
    assert plan.under_way == 1100
    assert plan.waiting == 36_000
    # 1000 steps a second of 300 µs are 0.3 cores, half of one at 60 %; 1100 sessions need two workers, one is spare.
    assert (plan.worker_cores, plan.workers, plan.why_workers, plan.cells) == (1, 3, "sessions under way", 1)
    # A session has 2000 B of its own and ten steps of 400 B of ours and 1000 B of texts.
    assert plan.disk_gb_day == pytest.approx(864_000 * 16_000 / 1e9)
    assert plan.disk_gb == pytest.approx((8_640_000 + 36_000) * 16_000 / 1e9)
    assert plan.usd_day == pytest.approx(864_000 * 11 * (1000 * 1 + 100 * 2) / 1e6)


def test_a_load_that_one_database_cannot_carry_gets_cells() -> None:
    load = Load(sessions=100_000_000, retention_days=0.1)
    small, large = (size(load, COSTS, Room(server_cores=cores)) for cores in (4, 64))
    assert small.cells > large.cells >= 1
    assert small.server_cores <= 4
    assert small.why_cells == "the CPU of PostgreSQL"
    assert size(msgspec.structs.replace(load, retention_days=365.0), COSTS, Room()).why_cells == "disk"
    assert size(load, COSTS, Room(connections=60, server_cores=64, worker_sessions=10)).why_cells == "connections"


def test_nothing_to_do_takes_one_of_each() -> None:
    plan = size(Load(sessions=0), COSTS, Room(spare=0))
    assert (plan.cells, plan.workers, plan.server_cores, plan.disk_gb) == (1, 1, 1, 0)


def test_a_short_wait_needs_more_workers_than_their_cpu() -> None:
    load = Load(sessions=5_000_000, model_seconds=0, tool_seconds=0)
    loose, tight = size(load, COSTS, Room(wait_ms=1000)), size(load, COSTS, Room(wait_ms=0.8))
    assert tight.workers > loose.workers
    assert tight.why_workers == "the wait of a message"
    assert tight.first_step_ms <= 10.8 + 4 * COSTS.sync_ms


@pytest.mark.parametrize(
    ("load", "why"),
    [
        ({"sessions": -1.0}, "'sessions'"),
        ({"sessions": math.nan}, "'sessions'"),
        ({"sessions": 1.0, "steps": 0.0}, "one step"),
        ({"sessions": 1.0, "waiting_share": 1.5}, "between 0 and 1"),
        ({"sessions": 1.0, "peak": 0.5}, "busiest hour"),
        ({"sessions": 1.0, "model_seconds": math.inf}, "'model seconds'"),
    ],
)
def test_a_load_that_nobody_has_is_refused(load: dict[str, float], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        Load(**load)


@pytest.mark.parametrize(
    ("room", "why"),
    [
        ({"busy": 1.0}, "less than 1"),
        ({"wait_ms": 0.0}, "'wait ms'"),
        ({"server_cores": 0}, "'server cores'"),
        ({"connections": 10}, "connections"),
        ({"spare": -1}, "spare"),
        ({"replicas": -1}, "replicas"),
    ],
)
def test_room_that_is_none_is_refused(room: dict[str, float], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        msgspec.convert(room, Room)


@pytest.mark.parametrize(
    ("room", "why"),
    [
        (Room(worker_mb=40), "nothing to do"),
        (Room(connections=21, spare=3), "no fleet"),
    ],
)
def test_what_no_fleet_can_do_is_said(room: Room, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        size(Load(sessions=1_000_000), COSTS, room)


def test_a_price_below_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="price"):
        size(Load(sessions=1), COSTS, Room(), (-1.0, 0.0))


@pytest.mark.parametrize("name", ["worker_us_step", "bytes_step"])
def test_costs_that_were_not_measured_are_refused(name: str) -> None:
    text = msgspec.json.encode(COSTS)
    assert Costs.read(text, "f") == COSTS
    for wrong in (0, -1):
        spoilt = msgspec.json.encode({**msgspec.json.decode(text), name: wrong})
        with pytest.raises(ConfigError, match="measured costs"):
            Costs.read(spoilt, "f.json")
    with pytest.raises(ConfigError, match=r"f\.json holds no measured costs"):
        Costs.read(b'{"measured": 3}', "f.json")
    with pytest.raises(ConfigError, match="first_step_share"):
        msgspec.structs.replace(COSTS, first_step_share=1.0)


def test_sessions_that_are_short_are_bound_by_how_fast_they_are_taken_up() -> None:
    load = Load(sessions=50_000_000, steps=1, model_seconds=0, tool_seconds=0, peak=1, retention_days=0.01)
    slow = msgspec.structs.replace(COSTS, pick_ms=30.0)
    plan = size(load, slow, Room(wait_ms=1000))
    assert plan.why_workers == "taking sessions up"
    assert plan.workers - plan.cells == math.ceil(load.peak_rate * 0.030 / 0.6)


def test_more_workers_have_more_commits_that_few_share() -> None:
    load = Load(sessions=5_000_000)
    costs = msgspec.structs.replace(COSTS, commit_server_us=1000.0)
    few, many = (size(load, costs, Room(worker_sessions=count)) for count in (4000, 100))
    assert many.workers > few.workers
    assert many.server_cores > few.server_cores


def test_replicas_take_their_connections_too() -> None:
    none, two = (size(Load(sessions=0), COSTS, Room(replicas=count)).connections for count in (0, 2))
    assert two - none == 8


def test_plan_waits_for_the_slower_of_many_workers() -> None:
    # Each worker is a queue of its own: ten half-busy ones make wait longer than one queue for all ten would.
    assert quantile_wait(1, 0.5, 1.0, 0.95) > quantile_wait(10, 5.0, 1.0, 0.95)
