"""The tool `run_code`: a model that works step by step computes in a box."""

import pytest

from remit import Agent, Home
from remit.core.errors import ConfigError, RejectedError, SandboxBusyError
from remit.core.events import EffectEnded
from remit.core.ports import ToolContext
from remit.core.programs import Bounds, Box, Capabilities, SandboxPolicy
from remit.sandbox import RunCode
from remit.sandbox.monty import MontySandbox
from remit.testing import ScriptedModel, calls, says, use

INTEREST = "cents = 10_000 * 105 ** 10 // 100 ** 10\nprint('ten years')\n[cents, cents / 100]"


class Full:
    """A sandbox without a free box, after the first."""

    def __init__(self) -> None:
        self.opened = 0

    def capabilities(self) -> Capabilities:
        return Capabilities(tier="interpreter", available=True)

    async def open(self, policy: SandboxPolicy) -> Box:
        self.opened += 1
        if self.opened > 1:
            raise SandboxBusyError("all boxes are taken")
        return await MontySandbox().open(policy)

    async def close(self) -> None:
        """Have nothing to let go of."""


async def test_a_model_is_given_what_its_program_computed_and_printed() -> None:
    replies = [calls(use("run_code", code=INTEREST)), calls(use("run_code", code="1 / 0")), says("162.88")]
    agent = Agent("teller", ScriptedModel(replies), toolsets=[RunCode(MontySandbox())])
    async with Home.open("memory") as home:
        result = await home.run(agent, "What do 100 dollars become in ten years at 5 %?")
        records = await home.store.read(result.session)
    assert result.output == "162.88"
    first, second = (event.outcome.output for record in records if isinstance(event := record.event, EffectEnded))
    assert first == {"status": "ok", "value": [16288, 162.88], "printed": "ten years\n"}
    assert isinstance(second, dict)
    assert second["status"] == "error"
    assert "ZeroDivisionError" in str(second["error"])


async def test_a_program_is_held_to_the_bounds_of_the_policy() -> None:
    (tool,) = await (toolset := RunCode(MontySandbox(), SandboxPolicy(bounds=Bounds(wall=0.2)))).open()
    answer = await tool.call({"code": "while True: pass"}, ToolContext())
    assert isinstance(answer, dict)
    assert (answer["status"], answer["value"]) == ("timeout", None)
    assert tool.spec.effect == "read"
    assert tool.check({"code": " "}) == tool.check({}) == "give `code`: a Python program"
    assert not tool.check({"code": "1"})
    assert await tool.probe({}, ToolContext())
    await toolset.close()


async def test_what_this_machine_cannot_give_is_said_when_the_agent_begins() -> None:
    with pytest.raises(ConfigError, match="use: native"):
        await RunCode(MontySandbox(), SandboxPolicy(least="native")).open()


async def test_a_call_without_a_free_box_did_not_happen_and_may_be_made_again() -> None:
    (tool,) = await RunCode(Full()).open()
    with pytest.raises(RejectedError, match="all boxes are taken") as refused:
        await tool.call({"code": "1"}, ToolContext())
    assert refused.value.retryable


async def test_a_program_that_calls_a_tool_is_told_that_there_is_none() -> None:
    (tool,) = await RunCode(MontySandbox()).open()
    answer = await tool.call({"code": "pay('bob')"}, ToolContext())
    assert isinstance(answer, dict)
    assert "NameError" in str(answer["error"])
