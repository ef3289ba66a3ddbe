"""Toolsets are opened once, by whoever needs them first, and closed with their home."""

import asyncio
from collections.abc import Sequence

import pytest

from remit.core.agent import Agent
from remit.core.errors import ConfigError, ToolError
from remit.core.ports import Tool
from remit.home import MEMORY, Home
from remit.runtime import Toolsets
from remit.testing import EffectCounter, ScriptedModel, calls, says, use


class Shop:
    """A toolset that counts how often it is opened and closed."""

    def __init__(self, *tools: Tool, name: str = "shop", fails: bool = False) -> None:
        """Take the tools it has once it is open."""
        self.name, self._tools, self._fails = name, tools, fails
        self.stuck = False
        self.opened = self.closed = 0

    async def open(self) -> Sequence[Tool]:
        """Open after a breath, so that another could come in between."""
        await asyncio.sleep(0)
        self.opened += 1
        if self._fails:
            raise ToolError("the shop is shut")
        return self._tools

    async def close(self) -> None:
        """Count."""
        self.closed += 1
        if self.stuck:
            raise ToolError("the door is stuck")


async def test_an_agent_uses_the_tools_of_its_toolsets_which_are_opened_once() -> None:
    counter = EffectCounter("read", name="look")
    shop = Shop(counter)

    def asks(name: str) -> Agent:
        return Agent(name, ScriptedModel([calls(use("look")), says("seen")]), toolsets=[shop])

    async with Home.open(MEMORY) as home:
        runs = await asyncio.gather(*(home.run(asks(f"a{n}"), "go") for n in range(3)))
        assert [run.output for run in runs] == ["seen"] * 3
        opened = (await home.session(runs[0].session)).opened
        assert opened is not None
        assert set(opened.tools) == {"look"}
        assert (shop.opened, shop.closed) == (1, 0)
    assert (shop.opened, shop.closed) == (1, 1)
    assert len(counter.happened()) == 3


async def test_a_name_is_used_once_in_an_agent() -> None:
    shop = Shop(EffectCounter("read", name="look"))
    agent = Agent("a", ScriptedModel([]), tools=[EffectCounter("read", name="look")], toolsets=[shop])
    async with Home.open(MEMORY) as home:
        with pytest.raises(ConfigError, match="toolset 'shop' brings a second tool 'look'"):
            await home.run(agent, "go")
        assert await home.sessions() == []


async def test_a_toolset_that_cannot_be_opened_keeps_the_session_from_beginning() -> None:
    agent = Agent("a", ScriptedModel([]), toolsets=[Shop(fails=True)])
    async with Home.open(MEMORY) as home:
        with pytest.raises(ToolError, match="shut"):
            await home.run(agent, "go")
        assert await home.sessions() == []


async def test_one_that_cannot_be_closed_keeps_no_other_open() -> None:
    first, broken, last = Shop(name="first"), Shop(name="broken"), Shop(name="last")
    toolsets = Toolsets()
    await toolsets.tools(Agent("a", ScriptedModel([]), toolsets=[first, broken, last]))
    broken.stuck = True
    with pytest.raises(ToolError, match="stuck"):
        await toolsets.close()
    assert (first.closed, broken.closed, last.closed) == (1, 1, 1)
