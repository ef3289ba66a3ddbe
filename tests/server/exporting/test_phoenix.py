"""A real Arize Phoenix shows a session of the support desk as it was. It runs where somebody has installed one.

`scripts/try_phoenix.sh` installs it into an environment of its own and runs this.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from tests.apps.desk.rig import rig as opened
from tests.ports import free_port

from remit.apps.desk.model import OfflineModel
from remit.core.values import usd
from remit.models.prices import FlatPrice
from remit.server.exporting import Follower, watching
from remit.server.exporting.otlp import Exporting, SpanExport
from remit.testing import ScriptedModel, says

PYTHON = os.environ.get("REMIT_TEST_PHOENIX", "")
MAIL, OTHER = "01-sync-duplicates.eml", "02-pay-outage.eml"
PROMPT, COMPLETION = 0.15, 0.60
"""Dollars a million tokens, as Phoenix has them for this model."""
MODEL = "gpt-4o-mini"

pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="REMIT_TEST_PHOENIX names no Python that has arize-phoenix"),
    pytest.mark.timeout(300),
]


@pytest_asyncio.fixture
async def phoenix(tmp_path: Path) -> AsyncGenerator[httpx2.AsyncClient]:
    """Run a Phoenix that knows nothing yet."""
    http, grpc = free_port(), free_port()
    environ = os.environ | {
        "PHOENIX_WORKING_DIR": str(tmp_path / "phoenix"), "PHOENIX_HOST": "127.0.0.1", "PHOENIX_PORT": str(http),
        "PHOENIX_GRPC_PORT": str(grpc), "PHOENIX_TELEMETRY_ENABLED": "false",
    }  # fmt: skip
    quiet = asyncio.subprocess.DEVNULL
    command = (PYTHON, "-m", "phoenix.server.main", "serve")
    process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=quiet, stderr=quiet)
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{http}", timeout=30) as client:
            await up(client, process)
            yield client
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def up(client: httpx2.AsyncClient, process: asyncio.subprocess.Process) -> None:
    """Wait until it answers; whoever waits in vain is stopped by the time limit of tests."""
    while True:
        assert process.returncode is None, "Phoenix ended; run it by hand to see why"
        try:
            if (await client.get("/healthz")).status_code == 200:
                return
        except httpx2.TransportError:
            await asyncio.sleep(0.2)


async def spans(client: httpx2.AsyncClient, count: int) -> list[dict[str, Any]]:
    """Read the spans of the project, once Phoenix has filed so many."""
    while True:
        response = await client.get("/v1/projects/desk/spans", params={"limit": 1000})
        if response.status_code == 200 and len(response.json()["data"]) >= count:
            return response.json()["data"]
        await asyncio.sleep(0.2)


async def asked(client: httpx2.AsyncClient, query: str) -> Any:
    response = await client.post("/graphql", json={"query": query})
    assert "errors" not in response.json(), response.text
    return response.json()["data"]


SUMMED = """{ projects(first: 10) { edges { node { name traceCount tokenCountTotal costSummary { total { cost } }
  sessions(first: 5) { edges { node { sessionId numTraces tokenUsage { total } costSummary { total { cost } }
    firstInput { value } lastOutput { value } } } } } } } }"""


async def summed(client: httpx2.AsyncClient) -> Any:
    """Read what Phoenix makes of the project, once it has computed what that cost."""
    while True:
        found = await asked(client, SUMMED)
        (project,) = (one["node"] for one in found["projects"]["edges"] if one["node"]["name"] == "desk")
        if project["costSummary"]["total"]["cost"]:
            return project
        await asyncio.sleep(0.2)


async def test_a_case_of_the_desk_is_there_with_kinds_tokens_cost_session_input_and_output(
    phoenix: httpx2.AsyncClient, tmp_path: Path
) -> None:
    where = str(phoenix.base_url).rstrip("/")
    export = SpanExport(Exporting(endpoint=f"{where}/v1/traces", project="desk", content=True))
    async with opened(tmp_path / "desk") as rig, watching(rig.home, [], [export]):
        agent = rig.thinking(OfflineModel(FlatPrice(PROMPT, COMPLETION), f"openai:{MODEL}"))
        handled = await rig.handle(MAIL, agent)
        assert handled.result is not None
        spent, output = handled.result.spent, handled.result.output
    assert (export.failed, spent > 0) == (0, True)
    found = await spans(phoenix, export.exported)
    assert len(found) == export.exported

    (root,) = (span for span in found if span["parent_id"] is None)
    assert (root["name"], root["span_kind"]) == ("invoke_agent desk", "AGENT")
    assert root["attributes"]["input.value"].startswith("A mail has come in.")
    assert root["attributes"]["output.value"] == output
    below = [span for span in found if span is not root]
    assert {span["parent_id"] for span in below} == {root["context"]["span_id"]}
    assert {span["context"]["trace_id"] for span in found} == {root["context"]["trace_id"]}
    tools = {span["name"] for span in below if span["span_kind"] == "TOOL"}
    assert {"execute_tool create_ticket", "execute_tool send_reply"} <= tools
    asks = [span for span in below if span["span_kind"] == "LLM"]
    assert len(asks) + len([span for span in below if span["span_kind"] == "TOOL"]) == len(below)

    told = [span["attributes"] for span in asks]
    assert {(one["llm.model_name"], one["llm.provider"]) for one in told} == {(MODEL, "openai")}
    assert sum(one["llm.cost.total"] for one in told) == pytest.approx(usd(spent))
    tokens = sum(one["llm.token_count.total"] for one in told)
    assert all(
        "llm.output_messages.0.message.role" in one and "llm.input_messages.0.message.role" in one for one in told
    )

    project = await summed(phoenix)
    assert (project["traceCount"], project["tokenCountTotal"]) == (1, tokens)
    # Phoenix reckons with prices of its own, and comes to the same.
    assert project["costSummary"]["total"]["cost"] == pytest.approx(usd(spent))
    (session,) = (one["node"] for one in project["sessions"]["edges"])
    assert (session["sessionId"], session["numTraces"]) == (handled.session, 1)
    assert session["tokenUsage"]["total"] == tokens
    assert session["firstInput"]["value"] == root["attributes"]["input.value"]
    assert session["lastOutput"]["value"] == output


async def test_what_failed_is_an_error_there_once_however_often_it_is_exported_and_nothing_was_said(
    phoenix: httpx2.AsyncClient, tmp_path: Path
) -> None:
    where = str(phoenix.base_url).rstrip("/")
    sent = 0
    async with opened(tmp_path / "desk") as rig:
        # The first case is exported twice: the second time before the other one, so that it has come when that has.
        for mail in (MAIL, OTHER):
            handled = await rig.handle(mail, rig.thinking(ScriptedModel([says("no reading")])))
            assert handled.result is not None
            export = SpanExport(Exporting(endpoint=f"{where}/v1/traces", project="desk"))
            await Follower(rig.home.store, [export], since=0).look()
            await export.close()
            assert export.failed == 0
            sent = export.exported
    found = await spans(phoenix, sent)
    assert len(found) == sent
    roots = [span for span in found if span["parent_id"] is None]
    assert [(root["status_code"], root["attributes"]["remit.status"]) for root in roots] == [("ERROR", "failed")] * 2
    assert "Duplicate files" not in repr(found)
