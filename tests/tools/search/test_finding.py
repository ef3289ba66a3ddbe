"""FindTools: what a model is told of what was found, and of what there is when nothing was."""

from collections.abc import Sequence
from typing import cast

import pytest
from tests.tools.search.tools import SPECS, spec

from remit.core.errors import RejectedError
from remit.core.ports import ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject
from remit.policy import Embed
from remit.testing import check_tool
from remit.tools.search import FindTools, ToolIndex
from remit.tools.search.areas import areas
from remit.tools.search.finding import shortened

BAD: list[JsonObject] = [{}, {"query": ""}, {"query": 1}, {"query": "x", "limit": 0}, {"query": "x", "limit": 21}]


async def broken(texts: Sequence[str]) -> list[list[float]]:
    raise TimeoutError("https://embedder.example?key=k")


async def answer(specs: Sequence[ToolSpec], args: JsonObject, embed: Embed | None = None) -> JsonObject:
    index = ToolIndex(specs, embed)
    try:
        return cast("JsonObject", await FindTools(index, limit=2).call(args, ToolContext()))
    finally:
        index.close()


async def test_it_is_a_tool_like_any_other() -> None:
    index = ToolIndex(SPECS)
    await check_tool(FindTools(index), {"query": "issue", "limit": 3}, [*BAD, {"query": "x", "more": 1}])
    with pytest.raises(RejectedError):
        await FindTools(index).call({"query": "x", "limit": 21}, ToolContext())
    index.close()


def test_its_contract_says_what_is_behind_it() -> None:
    index = ToolIndex(SPECS)
    contract = FindTools(index, limit=3, name="search").spec
    index.close()
    assert (contract.name, contract.effect, contract.reveals, contract.deferred) == ("search", "read", True, False)
    assert "There are 6 more" in contract.description
    assert "github (2), jira (2), dhl (1), stripe (1)" in contract.description
    assert "3 if left out" in str(contract.schema)


async def test_what_is_found_is_told_by_name_description_and_required_arguments() -> None:
    told = await answer(SPECS, {"query": "create a jira issue"})
    assert told == {
        "tools": [
            {"name": "jira_create_issue", "description": "Create a new issue.", "required": ["id"]},
            {"name": "github_create_issue", "description": "Create a new issue.", "required": ["id"]},
        ]
    }


async def test_a_model_may_want_more() -> None:
    told = await answer(SPECS, {"query": "issue", "limit": 3})
    assert len(cast("list[JsonObject]", told["tools"])) == 3


async def test_a_tool_without_required_arguments_says_so() -> None:
    told = await answer([ToolSpec(name="now", description="", schema={"type": "object"})], {"query": "now"})
    assert told == {"tools": [{"name": "now", "description": "", "required": []}]}


async def test_a_deprecated_tool_says_what_to_use_instead() -> None:
    told = await answer([spec("old", "Old way.", deprecated="use new")], {"query": "old"})
    assert told["tools"] == [{"name": "old", "description": "Old way.", "required": ["id"], "deprecated": "use new"}]


async def test_when_nothing_fits_the_areas_are_named() -> None:
    told = await answer(SPECS, {"query": "pizza"})
    assert told == {
        "tools": [],
        "areas": ["github (2)", "jira (2)", "dhl (1)", "stripe (1)"],
        "note": "No tool fits. Try other words for the thing and the action, or name one of the areas.",
    }


async def test_an_empty_registry_has_no_areas() -> None:
    told = await answer([], {"query": "pizza"}, broken)
    assert (told["tools"], told["areas"]) == ([], [])


async def test_a_failing_embedder_is_said_without_its_words() -> None:
    told = await answer(SPECS, {"query": "shipment"}, broken)
    assert told["note"] == "Only words were compared, not meaning: the embedder failed (TimeoutError)."
    assert "No tool fits." in str((await answer(SPECS, {"query": "pizza"}, broken))["note"])


def test_areas_are_sources_or_how_names_begin() -> None:
    assert areas(SPECS)[:2] == ["github (2)", "jira (2)"]
    assert areas([spec("jira_a"), spec("jira_b"), spec("githubC")]) == ["jira (2)", "github (1)"]
    assert areas([spec("a_x", source="shop"), spec("b_x", source="shop")]) == ["a (1)", "b (1)"]
    assert areas([spec("_")]) == ["_ (1)"]
    many = areas([spec("x", source=f"mcp:s{number:02}") for number in range(30)])
    assert (len(many), many[0], many[-1]) == (25, "s00 (1)", "6 more")


def test_a_long_description_is_cut_between_words() -> None:
    assert shortened("short\n  text") == "short text"
    assert shortened("word " * 100) == "word " * 39 + "word …"
    assert shortened("x" * 300) == "x" * 200 + " …"
