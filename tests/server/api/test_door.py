"""The door: what is too large, malformed or meant for nobody is answered in the form of problems."""

import asyncio

import pytest
from tests.server.agents import asking, echo
from tests.server.rig import bearer, rigged

from remit.core.agent import Agent
from remit.core.errors import JournalBusyError
from remit.core.ports import ToolContext
from remit.core.values import JsonValue
from remit.server.api.problems import problem
from remit.server.entrance import Bounds
from remit.testing import ScriptedModel, says, use
from remit.tools import tool

SMALL = Bounds(body=1000, headers=2000)
MESSAGE = {"Content-Type": "application/json", **bearer()}


async def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not() -> None:
    async def pieces():  # noqa: ANN202 - an async generator of bytes
        for _ in range(10):
            yield b"x" * 500

    async with rigged(echo(), bounds=SMALL) as rig:
        said = await rig.client.post("/v1/sessions", content=b"x" * 5000, headers=MESSAGE)
        unsaid = await rig.client.post("/v1/sessions", content=pieces(), headers=MESSAGE)
        assert (said.status_code, unsaid.status_code) == (413, 413)
        assert said.headers["content-type"] == "application/problem+json"


async def test_headers_that_are_too_large_are_refused() -> None:
    async with rigged(echo(), bounds=SMALL) as rig:
        refused = await rig.client.get("/health/live", headers={"X-Much": "x" * 3000})
        assert refused.status_code == 431
        huge = await rig.client.get("/health/live", headers={"X-Much": "x" * 60_000})
        assert huge.status_code in {400, 431}


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"agent": "\xff"}', "application/json", 400),
        (b'{"agent": 3}', "application/json", 422),
        (b'{"agent": "echo", "more": 1}', "application/json", 422),
        (b'{"agent": "echo", "text": "   "}', "application/json", 422),
        (b'{"agent": "echo", "session": "../x"}', "application/json", 422),
        (b'{"agent": "echo"}', "text/plain", 415),
        (b"agent=echo", "application/x-www-form-urlencoded", 415),
        (b"", "application/json", 400),
    ],
)
async def test_a_body_that_is_not_what_is_wanted_changes_nothing(body: bytes, media: str, status: int) -> None:
    async with rigged(echo()) as rig:
        refused = await rig.client.post("/v1/sessions", content=body, headers={**bearer(), "Content-Type": media})
        assert refused.status_code == status
        problem = refused.json()
        assert (problem["status"], problem["type"]) == (status, "about:blank")
        assert (await rig.good("GET", "/v1/sessions"))["sessions"] == []


async def test_paths_and_methods_that_there_are_not_are_problems_too() -> None:
    async with rigged(echo()) as rig:
        missing = await rig.ask("GET", "/v1/nothing")
        wrong = await rig.ask("PUT", "/v1/sessions/x")
        assert (missing.status_code, wrong.status_code) == (404, 405)
        assert missing.headers["content-type"] == wrong.headers["content-type"] == "application/problem+json"


async def test_the_bytes_of_a_long_result_are_given_as_a_file_that_no_browser_runs() -> None:
    @tool(effect="read")
    async def long(context: ToolContext) -> JsonValue:
        """Say a lot."""
        said: list[JsonValue] = ["<script>"] * 10_000
        return said

    agent = Agent("teller", ScriptedModel([says("", use("long")), says("done")]), tools=[long])
    async with rigged(agent) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "teller", "text": "go"}))["id"]
        ended = next(one for one in await rig.until(session, "RunEnded") if one["kind"] == "EffectEnded")
        given = await rig.ask("GET", f"/v1/sessions/{session}/blobs/{ended['fields']['outcome']['blob']}")
        assert given.json() == ["<script>"] * 10_000
        assert given.headers["content-disposition"] == "attachment"
        assert "sandbox" in given.headers["content-security-policy"]
        assert given.headers["x-content-type-options"] == "nosniff"


async def test_agents_tools_budget_version_and_health_are_told() -> None:
    async with rigged(echo(), Agent("second", ScriptedModel([]), instructions="be kind")) as rig:
        agents = (await rig.good("GET", "/v1/agents"))["agents"]
        assert [(one["name"], one["instructions"]) for one in agents] == [("echo", ""), ("second", "be kind")]
        assert (await rig.good("GET", "/v1/tools"))["tools"] == []
        (budget,) = (await rig.good("GET", "/v1/budgets"))["budgets"]
        assert (budget["cap_usd"], budget["running_cap"], budget["running"]) == (5.0, 100, 0)
        assert (await rig.good("GET", "/v1/version"))["version"]
        assert (await rig.client.get("/health/ready")).json() == {"status": "ready"}


async def test_what_is_nested_too_deeply_to_be_read_breaks_nothing() -> None:
    async with rigged(asking()) as rig:
        session = (await rig.good("POST", "/v1/sessions", {"agent": "asking", "text": "go"}))["id"]
        await rig.until(session, "RunSuspended")
        call = (await rig.good("GET", f"/v1/sessions/{session}"))["waits"][0]["call"]
        for depth in (100_000, 900, 400, 150):
            body = b'{"given": {"colour": "red", "x": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}}"
            path = f"/v1/sessions/{session}/answers/{call}"
            refused = await rig.client.post(path, content=body, headers=MESSAGE)
            assert refused.status_code in {400, 409}, f"{depth}: {refused.text}"
            await rig.good("GET", f"/v1/sessions/{session}")


async def test_a_body_that_does_not_come_is_not_waited_for_for_ever() -> None:
    async with rigged(echo(), bounds=Bounds(slow=0.05)) as rig:
        host, port = rig.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer()['Authorization']}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{{".encode())
        assert b"408" in await reader.readline()
        writer.close()
        await writer.wait_closed()


def test_a_client_is_not_told_where_the_store_is() -> None:
    told = problem(JournalBusyError("/srv/home/journal.db stayed locked by another process"))
    assert (told.status_code, told.headers["retry-after"]) == (503, "1")
    assert b"srv" not in told.body


async def test_a_body_of_two_lengths_is_refused_and_nothing_after_it_is_heard() -> None:
    async with rigged(echo()) as rig:
        host, port = rig.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(f"{head}0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        told = await reader.read()
        assert told.startswith(b"HTTP/1.1 400")
        assert b"live" not in told
        writer.close()
        await writer.wait_closed()


async def test_nobody_is_sent_elsewhere_by_a_slash_too_many() -> None:
    async with rigged(echo()) as rig:
        answer = await rig.client.get("/v1/sessions/", headers={"Host": "elsewhere", **bearer()})
        assert answer.status_code == 404
