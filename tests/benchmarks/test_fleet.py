"""The fleet's figures are worth what its rulers are: they must see what was not done, and say when a bar is missed."""

import asyncio
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.fleet.constants import MissingError, compared, costs, split, written
from benchmarks.fleet.counting import connected, picking
from benchmarks.fleet.crew import StuckError
from benchmarks.fleet.flowing import busy, throughput
from benchmarks.fleet.page import goals, page
from benchmarks.fleet.plan import LENGTH, SHORT, Found, Sizes, median, take
from benchmarks.fleet.postgres import ask, made, named, server, stored_bytes
from benchmarks.fleet.sharing import SETUPS, shared
from benchmarks.fleet.tenants import CAP, NOISY
from benchmarks.fleet.waiting import asleep
from benchmarks.fleet.yard import Site, asked, finished, steps
from benchmarks.launch import KEY, SCRATCH
from benchmarks.processes import Weighed
from benchmarks.record import Figures, Record

from remit.core.events import EffectEnded, RunEnded, RunOpened
from remit.core.events import Record as Entry
from remit.core.messages import Outcome
from remit.telemetry.load import Costs, predict

SIZES = Sizes(repeats=1, crews=(1, 2))
PEERS = Figures([Record("W1", "remit", "postgres", 10, "cpu_us_step", 150.0)])


def found() -> Found:
    """Make up a run in which a step costs 200 µs of a worker and a session 1000 µs beside."""
    figures = dict[str, dict[str, float | None]]()
    for crew in SIZES.crews:
        for length in (LENGTH, SHORT):
            figures[f"flow/{crew}/{length}"] = {
                "steps_s": 3000.0 * crew,
                "worker_us_step": 200 + 1000 / length,
                "server_us_step": 100 + 500 / length,
                "bytes_step": 700 + 2000 / length,
                "driver_us_session": 300.0,
                "others": 3.0,
            }
        for load, rate in (("light", 5.0), ("quarter", 37.5), ("half", 75.0), ("heavy", 112.5)):
            figures[f"start/{crew}/{load}"] = {
                "rate": rate,
                "p50": 5.0,
                "p95": 12.0,
                "p99": 20.0,
                "cores": 0.5,
                "worker_us": 27_000.0,
                "server_us": 7000.0,
            }
        figures[f"pick/{crew}"] = {"pick_ms": 3.0}
    figures["slow/2"] = {"rest_mb": 50.0, "kb_session": 40.0}
    figures["lines"] = {"worker_idle": 4.0, "worker_busy": 9.0, "replica": 5.0, "sync_ms": 0.5}
    figures["fair/cpu"] = {"p50": 10.0, "p95": 20.0, "max": 30.0, "most": 900.0}
    figures["kill/2"] = {"worst_first_s": 4.0, "worst_last_s": 6.0}
    figures["wait/2"] = {
        "worker_ms_s": 12.0, "empty_worker_ms_s": 11.9, "server_ms_s": 9.0, "empty_server_ms_s": 5.0,
        "beyond_bytes": 1200.0,
    }  # fmt: skip
    names = ("day", "machine", "remit", "asyncpg", "procrastinate")
    return Found(SIZES, figures, setting=dict.fromkeys(names, "x"), loads=[0.1])


def test_costs_of_a_step_and_of_a_session_are_told_apart() -> None:
    step, session = split(found(), "worker_us_step")
    assert (step, session) == (pytest.approx(200), pytest.approx(1000))
    known = costs(found())
    assert (known.server_us_step, known.server_us_session, known.bytes_session) == (100, 500, 2000)
    # 5000 and 2500 µs are those of a session; 44 commits take the rest.
    assert (known.commit_worker_us, known.commit_server_us) == (500, round(4500 / 44, 1))
    assert (known.connections_worker, known.connections_replica, known.pick_ms) == (9, 5, 3)
    assert Costs.read(written(known), "f") == known


def test_costs_are_not_made_of_figures_that_are_missing() -> None:
    run = found()
    del run.figures["slow/2"]
    run.errors["slow/2"] = "it broke"
    with pytest.raises(MissingError, match="it broke"):
        costs(run)
    assert "Not compared" in page(run, PEERS)


def test_each_crew_and_load_is_compared_with_its_prediction() -> None:
    run = found()
    lines = compared(run, costs(run), cores=2)
    assert len(lines) == 2 * (2 + 4 * 2)
    # 3 % of a core were others'.
    most = predict(costs(run), cores=2, workers=2, steps=LENGTH, sessions_s=0, others=0.03).steps_s
    what = f"throughput, workers: 2, steps: {LENGTH} (all cores)"
    assert [(one.predicted, one.measured) for one in lines if one.what == what] == [(most, 6000)]
    assert {one.measured for one in lines if one.what.startswith("first step")} == {12.0}


def test_a_bar_that_is_missed_is_said_to_be() -> None:
    text = page(found(), PEERS)
    met = {goal.text: goal.met for goal in goals(found(), PEERS)}
    assert sum("| yes |" in line for line in text.splitlines()) == 7
    assert sum("**no**" in line for line in text.splitlines()) == 3
    assert not met["the same to the last session of the dead, worst kill"]
    assert not met["the same of PostgreSQL"]
    assert met["durable steps a second with PostgreSQL beside, best number of workers"]
    run = found()
    run.figures["flow/1/20"]["steps_s"] = run.figures["flow/2/20"]["steps_s"] = 4999.0
    assert sum("**no**" in line for line in page(run, PEERS).splitlines()) == 4


def test_what_was_not_measured_meets_no_bar() -> None:
    empty = Found(SIZES, setting=found().setting)
    assert not any(goal.met for goal in goals(empty, Figures([])))
    assert page(empty, Figures([])).count("| not measured |") == len(goals(empty, Figures([])))


def test_a_machine_that_was_not_quiet_is_said_to_be() -> None:
    run = found()
    assert "was not quiet" not in page(run, PEERS)
    run.figures["flow/1/20"]["others"] = 80.0
    assert "took up to 80 % of a core" in page(run, PEERS)


def test_a_run_is_read_as_it_was_saved(tmp_path: Path) -> None:
    run = found()
    run.spread["flow/1/20"] = (1.0, 2.0)
    run.save(tmp_path / "found.json")
    again = Found.read(tmp_path / "found.json")
    assert (again.figures, again.sizes, again.setting) == (run.figures, run.sizes, run.setting)
    assert page(again, PEERS) == page(run, PEERS)


def test_the_median_leaves_out_what_is_missing() -> None:
    assert median([{"a": 1.0, "b": None}, {"a": 3.0}, {"a": 2.0, "b": None}]) == {"a": 2.0, "b": None}


def test_the_cpu_of_a_process_and_of_those_below_it_is_seen() -> None:
    spin = "import time\nwhile time.process_time() < 0.2: pass\nprint('done', flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {spin!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        began = time.process_time()
        assert process.stdout.readline() == b"done\n"
        weighed = Weighed([process.pid])
        assert 0.2 <= weighed.cpu() < 30
        assert weighed.memory() > 1
        assert busy() > time.process_time() - began
        process.stdin.write(b"\n")
        process.stdin.close()


@pytest.fixture
def ground(administered: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on which fleets can be measured, of which nothing is left."""
    monkeypatch.setenv("REMIT_KEY", KEY)
    yield administered
    ours = f"SELECT datname FROM pg_database WHERE datname ~ '^bench_fleet_{os.getpid()}_'"
    for (name,) in ask(administered, ours):
        ask(administered, f'DROP DATABASE "{name}" WITH (FORCE)')
    for folder in SCRATCH.glob(f"fleet_{os.getpid()}_*"):
        shutil.rmtree(folder)


@pytest.mark.slow
async def test_a_fleet_gets_its_sessions_done_and_is_weighed(ground: str) -> None:
    figures = await throughput(Site(ground), 1, 5, 2)
    for name in ("steps_s", "worker_us_step", "server_us_step", "bytes_step"):
        value = figures[name]
        assert value is not None
        assert 0 < value < math.inf


def test_what_takes_too_long_is_written_down_and_the_rest_goes_on() -> None:
    run = found()

    async def never() -> dict[str, float | None]:
        await asyncio.Event().wait()
        return {}

    async def soon() -> dict[str, float | None]:
        return {"a": 1.0}

    assert take(run, "x", never(), limit=0.01) is None
    assert run.errors == {"x": "took more than 0.01 s"}
    assert take(run, "x", soon()) == {"a": 1.0}
    assert run.errors == {}


@pytest.mark.slow
async def test_a_capped_tenant_never_has_more_and_a_quiet_one_goes_first(ground: str) -> None:
    site = Site(ground)
    setup = replace(SETUPS["capped"], slots=60)
    figures = await shared(site, setup, 150, 2.0, 60.0)
    assert figures["most"] == CAP
    alike = await shared(site, replace(setup, noisy=NOISY, quiet=NOISY, slots=30), 150, 2.0, 60.0)
    assert (figures["max"] or 0) < (alike["max"] or 0)


@pytest.mark.slow
async def test_connections_are_counted_and_pick_ups_timed(ground: str) -> None:
    lines = await connected(Site(ground), 20)
    for name in ("worker_idle", "worker_busy", "replica"):
        assert (lines[name] or 0) >= 2
    assert (lines["worker_busy"] or 0) >= (lines["worker_idle"] or 0)
    assert 0 < ((await picking(Site(ground), 1, 20))["pick_ms"] or 0) < 10_000


@pytest.mark.slow
async def test_copies_of_sessions_wait_like_those_they_were_made_of(ground: str) -> None:
    figures = await asleep(Site(ground), 1, (40, 10), 0.5)
    assert figures["waiting"] == 40


@pytest.mark.slow
async def test_workers_that_do_nothing_give_no_figure(ground: str) -> None:
    site = Site(ground, (sys.executable, "-c", "raise SystemExit('no worker here')"))
    with pytest.raises(StuckError, match="no worker here"):
        await throughput(site, 1, 5, 2)


def test_a_database_is_made_empty_and_weighed_with_its_server(administered: str) -> None:
    url = made(administered, f"weighed_{os.getpid()}")
    try:
        assert url == named(administered, f"bench_weighed_{os.getpid()}")
        before = stored_bytes(url)
        ask(url, "CREATE TABLE t AS SELECT generate_series(1, 20000) AS n")
        assert stored_bytes(url) - before > 20_000 * 4
        assert server(url).cpu() > 0
        made(administered, f"weighed_{os.getpid()}")
        assert ask(url, "SELECT to_regclass('t')") == [(None,)]
    finally:
        ask(administered, f'DROP DATABASE "bench_weighed_{os.getpid()}" WITH (FORCE)')


def test_a_session_without_its_answer_is_not_finished_and_steps_are_counted_in_order() -> None:
    opened, closed = RunOpened(1, "react@1", "w", 5), RunEnded(1, "done")
    answered = [Entry(at, at * 10, EffectEnded(Outcome(f"c{at}"))) for at in (2, 3)]
    whole = [Entry(1, 5, opened), *answered, Entry(4, 50, closed)]
    assert finished(whole)
    assert not finished(whole[:-1])
    assert not finished([*whole[:-1], Entry(4, 50, RunEnded(1, "failed"))])
    assert steps([whole[2:], whole[:2]]) == [20, 30]
    assert asked(whole) is None
