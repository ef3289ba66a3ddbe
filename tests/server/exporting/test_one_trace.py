"""One trace from whoever asks, through the agents of several servers and processes, to the last call."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from tests.server.agents import echo
from tests.server.exporting.receivers import Collector, collecting
from tests.server.rig import Rig, bearer, rigged

from remit import Agent, Home, ToolContext, tool
from remit.core.values import JsonObject
from remit.policy.hosts import HostPolicy
from remit.server.exporting import watching
from remit.server.exporting.otlp import Exporting, SpanExport
from remit.telemetry.spans import Span, Tracing, span_id, trace_id
from remit.testing import EchoModel, ScriptedModel, calls, says, use
from remit.tools.http import Bounds, Egress
from remit.tools.mcp import McpToolset, Stdio
from remit.tools.openapi import Choice, OpenAPI, OpenAPITools

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADER = f"00-{TRACE}-{CALLER}-01"


@asynccontextmanager
async def told(collector: Collector, *agents: Agent) -> AsyncGenerator[Rig]:
    """Serve agents, whose spans go to a collector."""
    export = SpanExport(Exporting(endpoint=collector.url))
    async with rigged(*agents) as rig, watching(rig.service.home, [], [export]):
        yield rig


async def begun(rig: Rig, body: JsonObject, trace: str = "") -> str:
    headers = bearer() | ({"traceparent": trace} if trace else {})
    response = await rig.client.post("/v1/sessions", json=body, headers=headers)
    assert response.status_code == 201, response.text
    session = str(response.json()["id"])
    await rig.until(session, "RunEnded")
    return session


async def asking(other: Rig, bounds: Bounds | None = None) -> tuple[Agent, Egress]:
    """An agent whose tool is the API of another server."""

    async def credentials(origin: str, tenant: str) -> Mapping[str, str]:
        return bearer()

    document = OpenAPI.read((await other.client.get("/openapi.json", headers=bearer())).json())
    place = other.url.removeprefix("http://")
    egress = Egress(HostPolicy(allow=[place]), credentials=credentials, bounds=bounds)
    key = next(one for one in document.keys if document.entry(one).path == "/v1/sessions" and "post" in one.lower())
    tools = await OpenAPITools(document, egress, only={key: Choice(name="delegate")}, server=other.url).open()
    assert "traceparent" not in str(tools[0].spec.schema)
    script = [calls(use("delegate", body={"agent": "echo", "text": "do it"})), says("done")]
    return Agent("chief", ScriptedModel(script), tools=tools), egress


def named(spans: Sequence[Sent], name: str) -> Sent:
    (found,) = (span for span in spans if span.name == name)
    return found


async def test_an_agent_that_calls_the_api_of_another_server_and_who_asked_it_are_one_trace() -> None:
    with collecting() as collector:
        async with told(collector, echo()) as other:
            chief, egress = await asking(other)
            async with egress, told(collector, chief) as rig:
                await begun(rig, {"agent": "chief", "text": "go"}, HEADER)
                (row,) = await other.service.home.sessions()
                await other.until(row.id, "RunEnded")
    spans = collector.spans
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    run, call, below = (
        named(spans, name) for name in ("invoke_agent chief", "execute_tool delegate", "invoke_agent echo")
    )
    assert run.parent_span_id.hex() == CALLER
    assert call.parent_span_id == run.span_id
    assert below.parent_span_id == call.span_id
    ids = {span.span_id for span in spans} | {bytes.fromhex(CALLER)}
    assert len(ids) == len(spans) + 1
    assert all(span.parent_span_id in ids for span in spans)


async def test_a_host_that_is_not_to_know_is_not_told() -> None:
    with collecting() as collector:
        async with told(collector, echo()) as other:
            chief, egress = await asking(other, Bounds(traced=HostPolicy(allow=["api.example.com"])))
            async with egress, told(collector, chief) as rig:
                await begun(rig, {"agent": "chief", "text": "go"}, HEADER)
                (row,) = await other.service.home.sessions()
                await other.until(row.id, "RunEnded")
    below = named(collector.spans, "invoke_agent echo")
    assert (below.trace_id, below.parent_span_id) == (trace_id(row.id), b"")


async def test_each_message_has_its_own_trace_and_one_that_cannot_be_read_is_ignored() -> None:
    with collecting() as collector:
        async with told(collector, echo()) as rig:
            session = await begun(rig, {"agent": "echo", "text": "one"}, "00-nothing-01")
            for number, header in enumerate((HEADER, HEADER.replace(TRACE, TRACE[::-1])), 2):
                headers = bearer() | {"traceparent": header}
                response = await rig.client.post(
                    f"/v1/sessions/{session}/messages", json={"text": "more"}, headers=headers
                )
                assert response.status_code == 202
                await rig.until(session, "RunEnded", after=response.json()["seq"])
                assert (await rig.service.home.session(session)).runs == number
    runs = [span for span in collector.spans if span.name == "invoke_agent echo"]
    assert [run.trace_id.hex() for run in runs] == [trace_id(session).hex(), TRACE, TRACE[::-1]]
    assert [run.parent_span_id.hex() for run in runs] == ["", CALLER, CALLER]


async def test_a_trace_that_its_beginner_does_not_record_is_not_exported_and_one_that_they_do_is() -> None:
    with collecting() as collector:
        export = SpanExport(Exporting(endpoint=collector.url, share=0.0))
        async with Home.open("memory") as home, watching(home, [], [export]):
            await home.run(echo(), "of nobody")
            await home.run(echo(), "not recorded", trace=f"{HEADER[:-2]}00")
            await home.run(echo(), "recorded", trace=HEADER)
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}


# -- processes ---------------------------------------------------------------------------------------------------------

CHILD = """
import asyncio
from remit import Agent, Home
from remit.testing import EchoModel

async def main():
    async with Home.open({folder!r}) as home:
        print((await home.run(Agent("child", EchoModel()), "go")).session)

asyncio.run(main())
"""


async def traced(home: Home, session: str) -> list[Span]:
    """Give the spans of a session as a reader does that knows no other session."""
    tracing = Tracing()
    return [span for record in await home.store.read(session) for span in tracing.see(session, record)]


async def test_a_sub_agent_in_another_process_stands_below_its_call_though_nobody_reads_its_parent(
    tmp_path: Path,
) -> None:
    ran: list[str] = []

    async def script(context: ToolContext, *command: str) -> str:
        environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)} | context.environ()
        child = await asyncio.create_subprocess_exec(*command, env=environ, stdout=asyncio.subprocess.PIPE)
        ran.append((await child.communicate())[0].decode().strip())
        return "ok"

    @tool(effect="once", timeout=60)
    async def start(context: ToolContext) -> str:
        """Start a process with an agent of its own."""
        return await script(context, sys.executable, "-c", CHILD.format(folder=str(tmp_path)))

    async with Home.open(tmp_path) as home:
        parent = Agent("parent", ScriptedModel([calls(use("start")), says("done")]), tools=[start])
        for number, header in enumerate(("", HEADER)):
            parent = Agent("parent", ScriptedModel([calls(use("start")), says("done")]), tools=[start])
            result = await home.run(parent, "go", trace=header)
            *_, call = (span for span in await traced(home, result.session) if span.name == "execute_tool start")
            (run,) = (span for span in await traced(home, ran[number]) if span.name == "invoke_agent child")
            assert (run.trace, run.parent) == (call.trace, call.id)
            assert run.trace == (bytes.fromhex(TRACE) if header else trace_id(result.session))


async def test_a_child_of_the_same_process_needs_no_more_than_the_token() -> None:
    child, names = Agent("child", EchoModel()), list[str]()
    async with Home.open("memory") as home:

        @tool(effect="once")
        async def delegate(context: ToolContext) -> str:
            """Have the child do it."""
            names.append((await home.run(child, "do it", token=context.token)).session)
            return "ok"

        script = [calls(use("delegate"), use("delegate")), says("done")]
        result = await home.run(Agent("parent", ScriptedModel(script), tools=[delegate]), "go", trace=HEADER)
        below = {(await traced(home, name))[-1].parent for name in names}
        mine = {span.id for span in await traced(home, result.session) if span.name == "execute_tool delegate"}
    # Both were under way at the same time: nobody could tell from times which of them began which.
    assert below == mine
    assert len(mine) == 2


async def test_after_a_crash_a_call_is_known_to_others_by_the_same_name(tmp_path: Path) -> None:
    seen: list[str] = []
    called = asyncio.Event()

    @tool(effect="idempotent")
    async def look(context: ToolContext) -> str:
        """Look, and be cut off at the first time."""
        seen.append(context.trace)
        called.set()
        if len(seen) == 1:
            await asyncio.Event().wait()
        return "ok"

    script = ScriptedModel([calls(use("look")), says("done")])
    agent = Agent("a", script, tools=[look])
    async with Home.open(tmp_path) as home:
        running = asyncio.create_task(home.run(agent, "go", session="s", trace=HEADER))
        await called.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    async with Home.open(tmp_path) as home:
        assert (await home.resume(agent, "s")).status == "done"
        spans = await traced(home, "s")
        again = await traced(home, "s")
    (call,) = (span for span in spans if span.name == "execute_tool look")
    assert seen == [f"00-{TRACE}-{call.id.hex()}-01"] * 2
    assert call.id == span_id("s", 1, "tool", str(call.attributes["gen_ai.tool.call.id"]))
    assert spans == again


SERVED = """
from remit import Agent
from remit.testing import EchoModel

agent = Agent("helper", EchoModel())
"""


async def test_an_agent_that_is_called_over_mcp_is_in_the_trace_unless_its_server_is_not_to_know(
    tmp_path: Path,
) -> None:
    (tmp_path / "agent.py").write_text(SERVED)
    store = str(tmp_path / "store")
    command = ["-m", "remit", "mcp", "serve", str(tmp_path / "agent.py"), "--store", store]
    link = Stdio(sys.executable, command, env={"PYTHONPATH": ":".join(sys.path)})
    found: list[Span] = []
    async with Home.open("memory") as home:
        for knows in (True, False):
            tools = McpToolset("other", link, traced=knows)
            try:
                (name,) = (one.spec.name for one in await tools.open())
                script = ScriptedModel([calls(use(name, message="hi")), says("done")])
                result = await home.run(Agent("chief", script, tools=await tools.open()), "go", trace=HEADER)
            finally:
                await tools.close()
            found += [one for one in await traced(home, result.session) if one.name.startswith("execute_tool")]
    async with Home.open(store) as other:
        rows = await other.sessions()
        runs = [(await traced(other, row.id))[-1] for row in reversed(rows)]
    below, apart = runs
    assert (below.trace.hex(), below.parent) == (TRACE, found[0].id)
    assert (apart.trace, apart.parent) == (trace_id(rows[0].id), None)
