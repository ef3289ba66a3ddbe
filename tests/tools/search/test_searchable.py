"""Searchable: what it puts behind the search, what stays on offer, and how it opens and closes."""

from collections.abc import Sequence
from typing import cast

import pytest
from tests.tools.search.tools import SPECS, Group, Plain, spec

from remit.core.errors import ConfigError
from remit.core.ports import Probe, Tool, ToolContext, Toolset
from remit.testing import check_tool
from remit.tools.search import Searchable

TOOLS = [Plain(one) for one in SPECS]


async def opened(toolset: Searchable) -> dict[str, Tool]:
    return {tool.spec.name: tool for tool in await toolset.open()}


async def test_all_but_the_search_and_what_is_always_offered_is_deferred() -> None:
    toolset = Searchable(TOOLS, always=["track_shipment", "jira_*"])
    tools = await opened(toolset)
    offered = [name for name, tool in tools.items() if not tool.spec.deferred]
    assert offered == ["find_tools", "jira_create_issue", "jira_delete_issue", "track_shipment"]
    assert len(tools) == len(SPECS) + 1
    found = await tools["find_tools"].call({"query": "issue", "limit": 20}, ToolContext())
    assert isinstance(found, dict)
    assert "jira" not in str(found["tools"])
    await toolset.close()


async def test_a_deferred_tool_is_otherwise_the_tool() -> None:
    tool = Plain(spec("look", "Look.", source="x"))
    async_tools = Searchable([tool], always=())
    deferred = (await opened(async_tools))["look"]
    assert deferred.spec.digest() == tool.spec.digest()
    assert deferred.check({}) == "id: is required"
    assert await deferred.call({"id": "1"}, ToolContext()) == {"did": "look", "id": "1"}
    assert tool.calls == [{"id": "1"}]
    assert await deferred.probe({}, ToolContext(key="k")) == Probe(happened=True, output="k")
    await async_tools.close()


async def test_the_search_it_gives_conforms() -> None:
    toolset = Searchable(TOOLS, limit=1, name="search")
    tools = await opened(toolset)
    await check_tool(tools["search"], {"query": "shipment"}, [{}])
    await toolset.close()


async def test_toolsets_and_tools_are_mixed_and_closed_in_turn() -> None:
    events: list[str] = []
    jira, github = Group("jira", TOOLS[:2], events=events), Group("github", TOOLS[2:4], events=events)
    parts: list[Toolset | Tool] = [jira, TOOLS[4], github]
    toolset = Searchable(parts)
    assert toolset.name == "find_tools(jira, github)"
    assert list(await opened(toolset)) == ["find_tools", *(one.name for one in SPECS[:2]), "track_shipment"] + [
        one.name for one in SPECS[2:4]
    ]
    await toolset.close()
    await toolset.close()
    assert events == ["open jira", "open github", "close github", "close jira"]


async def test_it_may_be_opened_again() -> None:
    toolset = Searchable(Group("all", TOOLS))
    for _ in range(2):
        tools = await opened(toolset)
        assert "shipment" in str(await tools["find_tools"].call({"query": "shipment"}, ToolContext()))
        await toolset.close()


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (Group("other", broken=True), "other cannot be opened"),
        (Group("other", TOOLS[:1]), "two tools named 'jira_create_issue'"),
        (Plain(spec("find_tools")), "two tools named 'find_tools'"),
    ],
)
async def test_what_cannot_be_opened_leaves_nothing_open(extra: Group | Plain, said: str) -> None:
    group = Group("all", TOOLS)
    with pytest.raises(ConfigError, match=said):
        await Searchable([group, extra]).open()
    assert group.events == ["open all", "close all"]


async def test_an_always_that_names_nothing_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="no tool is named 'jria_"):
        await Searchable(TOOLS, always="jria_*").open()


async def test_what_is_neither_tool_nor_toolset_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="'jira' is neither"):
        await Searchable(cast("Sequence[Tool]", ["jira"])).open()


@pytest.mark.parametrize("limit", [0, 21])
def test_a_limit_has_bounds(limit: int) -> None:
    with pytest.raises(ConfigError, match="1 to 20"):
        Searchable(TOOLS, limit=limit)


def test_a_name_that_no_provider_takes_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot name a tool"):
        Searchable(TOOLS, name="find tools")
    assert Searchable(TOOLS).name == "find_tools"
