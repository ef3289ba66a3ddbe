"""What a server tells of its sessions, to whom, and that it does so to the end."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.cli.bench import Bench
from tests.cli.serving.served import served
from tests.server.exporting.receivers import collecting

from remit.cli.serving.telemetry import COLLECTOR
from remit.server.exporting.rules import FILES


async def begun(http: httpx2.AsyncClient, text: str) -> str:
    """Begin a session and wait until its run has ended."""
    session = (await http.post("/v1/sessions", json={"agent": "clerk", "text": text})).json()["id"]
    async with http.stream("GET", f"/v1/sessions/{session}/events") as events:
        async for line in events.aiter_lines():
            if '"kind":"RunEnded"' in line:
                return session
    raise AssertionError("the stream ended before the run")


async def scraped(http: httpx2.AsyncClient, url: str) -> dict[str, float]:
    """Read all metrics: those of the agent by their name and what else they are labelled with."""
    response = await http.get(url)
    assert response.status_code == 200, response.text
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            rest = [value for name, value in sorted(sample.labels.items()) if name not in {"agent", "tenant"}]
            found[" ".join([sample.name, *rest])] = sample.value
    return found


async def counted(http: httpx2.AsyncClient, url: str, name: str, wanted: float) -> dict[str, float]:
    """Scrape until a counter is what it must come to; whoever waits in vain is stopped by the time limit of tests."""
    while True:
        found = await scraped(http, url)
        if found.get(name, 0.0) >= wanted:
            return found


async def test_a_scrape_tells_the_counters_of_sessions_that_the_api_began(tmp_path: Path) -> None:
    async with (
        served(tmp_path, "--metrics", "0") as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        assert server.metrics.startswith("http://127.0.0.1:")
        await begun(http, "one")
        await begun(http, "two")
        found = await counted(http, server.metrics, "remit_runs_total done", 2)
        refused = await http.get(f"{server.url}/metrics")
        assert await server.end(signal.SIGTERM) == 0
    assert found["remit_sessions_opened_total"] == 2
    assert found["remit_tool_calls_total ok effect"] == 10
    assert found["remit_breaker_open tool:effect"] == 0
    assert (found["remit_queue_depth"], found["remit_reader_failures_total"]) == (0, 0)
    # Whoever the API lets in is of one tenant, so it is not there.
    assert refused.status_code == 404


async def test_metrics_are_told_to_this_machine_only_and_not_to_other_websites(tmp_path: Path) -> None:
    async with served(tmp_path, "--metrics", "127.0.0.1:0") as server, httpx2.AsyncClient(timeout=30) as http:
        for headers in ({"Host": "evil.example"}, {"X-Forwarded-For": "192.0.2.7"}, {"Sec-Fetch-Site": "cross-site"}):
            assert (await http.get(server.metrics, headers=headers)).status_code == 403
        assert (await http.post(server.metrics)).status_code == 405
        assert (await http.get(server.metrics)).status_code == 200


async def test_work_that_no_agent_here_can_do_is_told_as_a_queue(tmp_path: Path) -> None:
    async with served(tmp_path) as server, httpx2.AsyncClient(base_url=server.url, timeout=30) as http:
        session = await begun(http, "one")
        assert await server.end(signal.SIGTERM) == 0
    sent = await asyncio.create_subprocess_exec(
        *_remit("send", session, "two"), cwd=tmp_path, stdout=asyncio.subprocess.DEVNULL
    )
    assert await sent.wait() == 0
    async with served(tmp_path, "--metrics", "0", agents=()) as server, httpx2.AsyncClient(timeout=30) as http:
        found = await scraped(http, server.metrics)
    assert found["remit_queue_depth"] == 1
    assert found["remit_queue_oldest_seconds"] > 0


@pytest.mark.parametrize("by", ["option", "variable"])
async def test_spans_reach_a_collector_though_the_server_is_stopped_at_once(by: str, tmp_path: Path) -> None:
    with collecting() as collector:
        address = collector.url.removesuffix("/v1/traces")
        words, more = (("--otlp", address), {}) if by == "option" else ((), {COLLECTOR: address})
        async with (
            served(tmp_path, *words, more=more) as server,
            httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
        ):
            session = await begun(http, "one")
            assert await server.end(signal.SIGTERM) == 0
    names = [span.name for span in collector.spans]
    assert (names.count("invoke_agent clerk"), names.count("execute_tool effect")) == (1, 5)
    assert {pair.value.string_value for span in collector.spans for pair in span.attributes} >= {session}


async def test_logs_are_lines_of_json_to_the_end(tmp_path: Path) -> None:
    async with (
        served(tmp_path, "--log", "remit.log", "--metrics", "0") as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        session = await begun(http, "my wish")
        assert await server.end(signal.SIGTERM) == 0
    lines: list[Any] = [msgspec.json.decode(line) for line in (tmp_path / "remit.log").read_bytes().splitlines()]
    told = [line["event"] for line in lines if line.get("session") == session]
    assert (told[0], told[-1], told.count("tool.ended")) == ("session.opened", "run.ended", 5)
    assert "my wish" not in str(lines)


async def test_a_collector_that_is_away_keeps_nobody_from_working(tmp_path: Path) -> None:
    async with (
        served(tmp_path, "--otlp", "http://127.0.0.1:9/v1/traces", "--metrics", "0") as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        await begun(http, "one")
        found = await counted(http, server.metrics, "remit_runs_total done", 1)
    assert found["remit_spans_exported_total"] == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--metrics", "often"),
        ("--metrics", "99999"),
        ("--otlp", "collector:4318"),
        ("--otlp", "ftp://collector"),
        ("--log", "no/such/folder"),
    ],
)
def test_what_cannot_be_told_is_refused(words: tuple[str, str], bench: Bench) -> None:
    refused = bench("serve", bench.ref("agent"), "--port", "0", *words)
    assert refused.status == 2
    assert words[0 if words[0] != "--log" else 1] in refused.err


def test_rules_and_a_dashboard_are_written_and_nothing_is_served(bench: Bench) -> None:
    written: Any = bench("serve", "--write-rules", str(bench.folder / "monitoring")).json["written"]
    assert [Path(path).name for path in written] == [f"remit-{name}" for name in FILES]
    assert all(Path(path).is_file() for path in written)


def _remit(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "remit", *words)
