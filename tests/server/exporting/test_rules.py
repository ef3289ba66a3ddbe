"""The rules that ship are ones Prometheus takes, about metrics there are, and lead to a page that helps."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import httpx2
import pytest
import yaml
from tests.ports import free_port
from tests.server.exporting.receivers import watched

from remit import Agent, AskBefore, Home, tool
from remit.cli.entry import COMMANDS
from remit.core.values import JsonObject, JsonValue, now_ms
from remit.server.exporting import Follower, metrics
from remit.server.exporting.prometheus import Exposition
from remit.server.exporting.rules import FILES, FOLDER, copy
from remit.telemetry.metrics import BREAKERS, FAMILIES, QUEUE, READERS, Metrics
from remit.testing import ScriptedModel, calls, use

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/how-to/incidents.md"
KNOWN = {family.name: family for family in (*FAMILIES, *BREAKERS, *QUEUE, *READERS)}

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")


def rules(name: str) -> list[dict[str, JsonValue]]:
    document = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def found(value: JsonValue, key: str) -> Iterator[str]:
    """Give all texts under a key, however deep."""
    match value:
        case dict():
            for name, inner in value.items():
                if name == key and isinstance(inner, str):
                    yield inner
                yield from found(inner, key)
        case list():
            for inner in value:
                yield from found(inner, key)
        case _:
            pass


def dashboard() -> JsonObject:
    return cast("JsonObject", json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8")))


def expressions() -> list[str]:
    told = [str(rule["expr"]) for name in ("recording.yml", "alerts.yml") for rule in rules(name)]
    return [*told, *found(dashboard(), "expr"), *found(dashboard(), "query")]


def test_each_metric_that_rules_and_the_dashboard_name_is_exported() -> None:
    named = {name for text in expressions() for name in re.findall(r"(?<![:\w])remit_\w+", text)}
    exported = {
        told
        for name, family in KNOWN.items()
        for told in ([f"{name}_bucket", f"{name}_sum", f"{name}_count"] if family.kind == "histogram" else [name])
    }
    assert named
    assert named - exported == set()


def test_each_recorded_series_that_is_named_is_recorded() -> None:
    recorded = {str(rule["record"]) for rule in rules("recording.yml")}
    named = {name for text in expressions() for name in re.findall(r"\w+:remit_\w+:\w+", text)}
    assert named <= recorded
    # And none is recorded for nobody.
    assert recorded <= named


def test_each_label_that_is_asked_for_is_one_that_its_metric_has() -> None:
    for text in expressions():
        for name, matchers in re.findall(r"(?<![:\w])(remit_\w+)\{([^}]*)\}", text):
            family = KNOWN[re.sub(r"_(bucket|sum|count)$", "", name) if name not in KNOWN else name]
            asked = set(re.findall(r"(\w+)\s*[=!]~?", matchers)) - {"job", "store", "instance", "le"}
            assert asked <= set(family.labels), (name, asked)


def test_each_alert_leads_to_a_section_that_names_it_and_commands_that_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    sections = {
        re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-"): body
        for head, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    }
    for alert in rules("alerts.yml"):
        url = cast("dict[str, str]", alert["annotations"])["runbook_url"]
        page, _, anchor = url.partition("#")
        assert page == str(PAGE.relative_to(ROOT))
        assert f"`{alert['alert']}`" in sections[anchor]
    assert set(re.findall(r"remit ([a-z]+)(?= |$|`)", "\n".join(re.findall(r"^remit .*$", text, re.M)), re.M)) <= set(
        COMMANDS
    )


def test_files_are_copied_to_where_they_are_wanted(tmp_path: Path) -> None:
    written = copy(tmp_path / "new")
    assert [path.read_bytes() for path in written] == [(FOLDER / name).read_bytes() for name in FILES]


@needs_promtool
def test_promtool_takes_the_rules() -> None:
    files = [str(FOLDER / name) for name in FILES if name.endswith(".yml")]
    done = subprocess.run(["promtool", "check", "rules", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_promtool
def test_each_alert_fires_when_it_should(tmp_path: Path) -> None:
    for name in ("recording.yml", "alerts.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    tests = Path(__file__).with_name("rules_test.yml")
    shutil.copy(tests, tmp_path)
    done = subprocess.run(
        ["promtool", "test", "rules", "rules_test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tried = set(re.findall(r"alertname: (\w+)", tests.read_text(encoding="utf-8")))
    assert tried == {str(rule["alert"]) for rule in rules("alerts.yml")}


def configured(folder: Path, target: str) -> Sequence[str]:
    copy(folder)
    # The rules as they ship, but at once.
    alerts = folder / "remit-alerts.yml"
    alerts.write_text(re.sub(r"\n +for: \w+", "", alerts.read_text(encoding="utf-8")), encoding="utf-8")
    configuration = {
        "global": {"scrape_interval": "200ms", "evaluation_interval": "200ms"},
        "rule_files": ["remit-recording.yml", "remit-alerts.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [target]}]}]},
        "scrape_configs": [{"job_name": "remit", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    return (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", "--log.level=warn")


@tool(effect="once")
async def refund(usd: float) -> str:
    """Pay money back."""
    return f"paid {usd}"


@needs_prometheus
async def test_prometheus_scrapes_a_real_run_and_an_alert_fires(tmp_path: Path) -> None:
    accumulated, port = Metrics(), free_port()
    model = ScriptedModel([calls(use("refund", usd=3))])
    clerk = Agent("clerk", model=model, tools=[refund], guards=[AskBefore("refund")])
    async with Home.open("memory") as home:
        follower = Follower(home.store, [accumulated])
        await home.run(clerk, "I want my money back")
        await follower.look()
    # Two hours later, by the clock of what is exposed.
    exposed = Exposition([metrics(accumulated)], clock=lambda: now_ms() + 7_200_000)
    with watched(exposed.text) as (target, alerts):
        options = configured(tmp_path, target.removeprefix("http://"))
        process = await asyncio.create_subprocess_exec(
            "prometheus", *options, f"--web.listen-address=127.0.0.1:{port}",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            firing = await asyncio.to_thread(alerts.get, timeout=60)
            answer = httpx2.get(
                f"http://127.0.0.1:{port}/api/v1/query", params={"query": "remit_model_calls_total"}, trust_env=False
            )
        finally:
            process.terminate()
            await process.wait()
    assert firing == "RemitApprovalsAgeing"
    (counted,) = answer.json()["data"]["result"]
    assert (counted["metric"]["agent"], counted["value"][1]) == ("clerk", "1")
