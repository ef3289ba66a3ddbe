"""Sessions with tools of MCP servers that die: nothing is done twice, and what nobody can know a person is asked."""

import pytest
from tests.tools.mcp.servers import hostile, official

from remit import Agent, Home
from remit.core.ports import Model
from remit.testing import ScriptedModel, calls, says, use
from remit.tools.mcp import McpToolset


def script(tool: str) -> Model:
    return ScriptedModel([calls(use(tool)), says("done")])


async def test_a_once_call_whose_server_died_waits_for_a_person() -> None:
    agent = Agent("a", model=script("s__go"), toolsets=[McpToolset("s", hostile("dies"))])
    async with Home.open("memory") as home:
        run = await home.run(agent, "go")
    assert (run.status, "did s__go" in run.reason) == ("waiting", True)


async def test_a_read_whose_server_died_is_tried_again_and_its_failure_is_told_to_the_model() -> None:
    toolset = McpToolset("s", hostile("dies"), overrides={"go": {"effect": "read", "retries": 1}})
    agent = Agent("a", model=script("s__go"), toolsets=[toolset])
    async with Home.open("memory") as home:
        run = await home.run(agent, "go")
    assert (run.status, run.output) == ("done", "done")


@pytest.mark.parametrize("mode", ["garbage", ""])
async def test_a_call_that_went_well_ends_the_run(mode: str) -> None:
    agent = Agent("a", model=script("s__go"), toolsets=[McpToolset("s", hostile(mode))])
    async with Home.open("memory") as home:
        assert (await home.run(agent, "go")).status == "done"


async def test_a_large_result_goes_to_a_blob() -> None:
    model = ScriptedModel([calls(use("s__big", size=2 << 20)), says("done")], keep=True)
    agent = Agent("a", model=model, toolsets=[McpToolset("s", official())])
    async with Home.open("memory") as home:
        assert (await home.run(agent, "go")).status == "done"
    assert "kept as blob" in str(model.requests[-1].messages[-1])
