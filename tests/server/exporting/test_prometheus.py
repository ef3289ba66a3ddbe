"""What is said at `/metrics` is what Prometheus reads."""

import shutil
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.telemetry.metrics.test_accumulator import OPENED, PAY, RUN, fed

from remit.core import events as ev
from remit.core.messages import Outcome
from remit.policy import Breakers
from remit.policy.breaker import Tolerance
from remit.server.exporting import Queued, breakers, metrics, queue
from remit.server.exporting.prometheus import Exposition

NOW = 1_700_000_100_000


def exposed() -> Exposition:
    accumulated = fed(
        OPENED, RUN, ev.ModelAsked("0"), ev.ModelAnswered("0", "", (PAY,), cost=5),
        ev.EffectStarted("c1_0_0"), ev.EffectEnded(Outcome("c1_0_0")),
    )  # fmt: skip
    circuits = Breakers(Tolerance(failures=1))
    for name, ok in (("tool:pay", False), ("tool:look", True)):
        entered = circuits.enter(name)
        assert not isinstance(entered, str)
        entered.report(ok=ok)
    told = [
        metrics(accumulated),
        breakers(circuits.snapshot),
        queue(lambda: Queued(3, NOW - 30_000)),
        queue(Queued),
    ]
    return Exposition(told[:3], clock=lambda: NOW)


def read(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_counters_gauges_and_histograms_are_read_back() -> None:
    body, content = exposed().text()
    assert content.startswith("text/plain")
    found = read(body.decode())
    who = "agent=clerk"
    assert found[f"remit_model_calls_total{{{who},model=gpt,status=ok,tenant=acme}}"] == 1
    assert found[f"remit_tool_seconds_bucket{{{who},le=0.5,tenant=acme,tool=pay}}"] == 0
    assert found[f"remit_tool_seconds_bucket{{{who},le=1.0,tenant=acme,tool=pay}}"] == 1
    assert found[f"remit_tool_seconds_count{{{who},tenant=acme,tool=pay}}"] == 1
    assert found[f"remit_tool_seconds_sum{{{who},tenant=acme,tool=pay}}"] == 1.0
    assert found["remit_breaker_open{name=tool:pay}"] == 1
    assert found["remit_breaker_open{name=tool:look}"] == 0
    assert (found["remit_queue_depth{}"], found["remit_queue_oldest_seconds{}"]) == (3, 30)


def test_a_queue_that_is_empty_has_no_age() -> None:
    assert [measured.samples[0].value for measured in queue(Queued)(NOW)] == [0.0, 0.0]


def test_workers_are_told_where_there_can_be_several() -> None:
    told = queue(lambda: Queued(workers=2))(NOW)
    assert [(measured.family.name, measured.samples[0].value) for measured in told][2:] == [
        ("remit_workers_alive", 2.0)
    ]


def test_openmetrics_is_spoken_to_those_who_ask_for_it() -> None:
    body, content = exposed().text("application/openmetrics-text; version=1.0.0")
    assert content.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus")
def test_promtool_finds_nothing_to_say() -> None:
    body, _ = exposed().text()
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")
