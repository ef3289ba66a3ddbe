"""Toolsets of functions: what a model sees of them, what they are given, and what holds for all their tools."""

import asyncio
from typing import Annotated, Any, cast

import pytest
from tests.tools.functions.shelf import CONTEXT, Database, Handle, answer, find, opened, whose

from remit.core.agent import Agent
from remit.core.errors import ConfigError, RejectedError
from remit.core.limits import Flow
from remit.core.ports import Probe, ToolContext
from remit.core.values import JsonObject
from remit.testing.tools import check_tool
from remit.tools import INJECTED, FunctionToolset, Injected, PerTenant, Provide, tool


async def test_a_model_neither_sees_nor_sets_what_is_injected() -> None:
    toolset = FunctionToolset("people", [find], {Database: Database("main")})
    assert toolset.name == "people"
    async with opened(toolset) as tools:
        one = tools["find"]
        assert one.spec.schema["properties"] == {"name": {"type": "string"}}
        wrong: JsonObject = {"name": "Ann", "db": "other"}
        assert one.check(wrong) == "db: there is no such argument; known: name"
        with pytest.raises(RejectedError, match="db: there is no such argument"):
            await one.call(wrong, CONTEXT)
        assert await one.call({"name": "Ann"}, CONTEXT) == "Ann in main"


def test_a_tool_says_what_it_needs_and_no_agent_takes_it_without() -> None:
    assert find.spec.needs == ("db: Database",)
    with pytest.raises(ConfigError, match="needs db: Database; put it into a toolset"):
        Agent("helper", "none", tools=[find])


async def test_a_tool_that_is_called_without_its_toolset_says_where_it_belongs() -> None:
    with pytest.raises(ConfigError, match="'find' needs db: Database; put it into a toolset"):
        await find.call({"name": "Ann"}, CONTEXT)


async def test_the_function_itself_can_still_be_called_with_all_its_parameters() -> None:
    assert await find("Ann", Database("mine")) == "Ann in mine"


async def test_both_ways_of_marking_mean_the_same() -> None:
    @tool
    async def look(db: Annotated[Database, "the main one", INJECTED]) -> str:
        return db.name

    assert look.spec.needs == ("db: Database",)
    assert await answer(FunctionToolset("one", [look], {Database: Database("main")})) == "main"


async def test_a_default_stands_when_nobody_provides() -> None:
    @tool
    async def greet(name: str, greeting: Injected[str] = "hello") -> str:
        return f"{greeting} {name}"

    assert greet.spec.needs == ()
    assert await greet.call({"name": "Ann"}, CONTEXT) == "hello Ann"
    assert await answer(FunctionToolset("one", [greet]), {"name": "Ann"}) == "hello Ann"
    assert await answer(FunctionToolset("one", [greet], {"greeting": "hi"}), {"name": "Ann"}) == "hi Ann"


async def test_a_probe_is_given_the_tenants_client_too() -> None:
    async def happened(key: str, args: JsonObject, handle: Injected[Handle], context: ToolContext) -> str | None:
        return f"{handle.tenant} {key} {args['name']} {context.call}" if key == "k1" else None

    @tool(reconcile=happened)
    async def book(name: str) -> str:
        return name

    assert book.spec.needs == ("handle: Handle",)
    assert await book.probe({"name": "Ann"}, CONTEXT) is None
    provide: Provide = {Handle: PerTenant(lambda tenant: Handle(Database("main"), tenant))}
    async with opened(FunctionToolset("one", [book], provide)) as tools:
        context = ToolContext(key="k1", tenant="zeta", call="c1")
        assert await tools["book"].probe({"name": "Ann"}, context) == Probe(True, "zeta k1 Ann c1")  # noqa: FBT003 - as the port has it
        assert await tools["book"].probe({"name": "Ann"}, ToolContext(key="k2")) == Probe(happened=False)


async def test_a_probe_that_lacks_something_knows_nothing() -> None:
    def happened(key: str, handle: Injected[Handle]) -> str:
        return f"{key} {handle}"

    def broken(context: ToolContext) -> Handle:
        raise OSError(context.tenant)

    @tool(reconcile=happened)
    async def book(name: str) -> str:
        return name

    @tool
    async def unknown(handle: Injected[Handle]) -> None: ...

    async with opened(FunctionToolset("one", [book, unknown], {Handle: broken})) as tools:
        assert await tools["book"].probe({"name": "Ann"}, CONTEXT) is None
        assert await tools["unknown"].probe({}, CONTEXT) is None


def test_what_holds_for_all_tools_gives_way_to_what_a_tool_says_itself() -> None:
    @tool(owner="team-b", timeout=5, hosts=["b.example.com"], labels=["pii"], flow=Flow(at_once=2))
    async def own() -> None: ...

    async def specs() -> list[object]:
        toolset = FunctionToolset(
            "crm",
            [find, own],
            {Database: Database("main")},
            owner="team-a",
            timeout=9,
            hosts=["API.example.com"],
            labels=["confidential", "pii"],
            flow=Flow(per_second=3),
        )
        return [one.spec for one in await toolset.open()]

    first, second = cast("list[Any]", asyncio.run(specs()))
    assert (first.owner, first.timeout, first.hosts, first.flow) == (
        "team-a",
        9,
        ("api.example.com",),
        Flow(per_second=3),
    )
    assert (second.owner, second.timeout, second.hosts, second.flow) == (
        "team-b",
        5,
        ("b.example.com",),
        Flow(at_once=2),
    )
    # Labels say what must not leave, so a tool cannot take the set's away.
    assert (first.labels, second.labels) == (("confidential", "pii"), ("pii", "confidential"))
    assert (first.needs, first.source, find.spec.owner, find.spec.source) == ((), "functions:crm", "", "")


# -- conformance -------------------------------------------------------------------------------------------------------


async def test_tools_of_a_set_conform() -> None:
    provide: Provide = {Database: Database("main"), Handle: lambda context: Handle(Database("main"), context.tenant)}
    async with opened(FunctionToolset("people", [find, whose], provide)) as tools:
        await check_tool(tools["find"], {"name": "Ann"}, [{}, {"name": 1}, {"name": "Ann", "db": "main"}])
        await check_tool(tools["whose"], {}, [{"handle": "main"}])
