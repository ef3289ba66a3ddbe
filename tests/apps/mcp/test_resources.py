"""Sessions as resources: newest first, page by page, and only those of the served agents and tenant."""

from dataclasses import dataclass

import mcp_types as types
import msgspec
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from remit import Agent, Home, tool
from remit.apps.mcp import service
from remit.core.limits import Tenant
from remit.core.shape import shape
from remit.home import Settings
from remit.testing import EchoModel, ScriptedModel, says


def echo(name: str) -> Agent:
    return Agent(name, model=EchoModel())


async def test_sessions_of_served_agents_are_listed_newest_first_and_read_as_timelines() -> None:
    async with Home.open("memory") as home:
        runs = [await home.run(echo(name), f"say {name}") for name in ("a", "b", "other", "a")]
        async with Client(service(home, [echo("a"), echo("b")])) as client:
            listed = await client.list_resources()
            text = await client.read_resource(f"remit://sessions/{runs[0].session}")
            (template,) = (await client.list_resource_templates()).resource_templates
            assert not client.server_capabilities.prompts
            for uri in (f"remit://sessions/{runs[2].session}", "remit://sessions/", "remit://sessions/x", "file:///a"):
                with pytest.raises(MCPError, match="no such resource"):
                    await client.read_resource(uri)
    names = [one.uri.removeprefix("remit://sessions/") for one in listed.resources]
    assert sorted(names) == sorted([runs[0].session, runs[1].session, runs[3].session])
    assert template.uri_template == "remit://sessions/{session}"
    (content,) = text.contents
    assert isinstance(content, types.TextResourceContents)
    assert "say a" in content.text
    assert len(content.text.splitlines()) > 2


async def test_a_list_goes_on_at_its_cursor_and_nothing_is_told_twice() -> None:
    async with Home.open("memory") as home, Client(service(home, [echo("a")])) as client:
        for number in range(120):
            await home.run(echo("a"), str(number))
        seen: list[str] = []
        cursor: str | None = None
        for size in (50, 50, 20):
            page = await client.list_resources(cursor=cursor)
            assert len(page.resources) == size
            seen += [one.uri for one in page.resources]
            # What comes meanwhile moves nothing.
            await home.run(echo("a"), "later")
            cursor = page.next_cursor
        assert cursor is None
        assert len(set(seen)) == 120
        for wrong in ("x", ".", "1", "99999999999999999999.x"):
            with pytest.raises(MCPError, match="no such cursor"):
                await client.list_resources(cursor=wrong)


async def test_another_tenants_sessions_are_neither_listed_nor_read() -> None:
    settings = Settings(tenants=[Tenant(name="acme"), Tenant(name="rival")])
    async with Home.open("memory", settings) as home:
        mine = await home.run(echo("a"), "x", tenant="acme")
        theirs = await home.run(echo("a"), "x", tenant="rival")
        async with Client(service(home, [echo("a")], tenant="acme")) as client:
            assert [one.uri for one in (await client.list_resources()).resources] == [
                f"remit://sessions/{mine.session}"
            ]
            with pytest.raises(MCPError, match="no such resource"):
                await client.read_resource(f"remit://sessions/{theirs.session}")


# -- structured answers ------------------------------------------------------------------------------------------------


@dataclass
class City:
    name: str
    people: int


async def test_an_agent_with_a_shape_promises_it_and_gives_it() -> None:
    model = ScriptedModel([says(msgspec.json.encode(City("Oslo", 7)).decode())])
    agent = Agent("atlas", model=model, output=shape(City))
    async with Home.open("memory") as home, Client(service(home, [agent])) as client:
        (listed,) = (await client.list_tools()).tools
        result = await client.call_tool("atlas", {"message": "Oslo"})
    assert listed.output_schema is not None
    assert (listed.output_schema["type"], listed.output_schema["required"]) == ("object", ["name", "people"])
    assert result.structured_content == {"name": "Oslo", "people": 7}


async def test_an_answer_that_is_no_object_is_given_as_the_result_of_one() -> None:
    agent = Agent("counter", model=ScriptedModel([says("[1, 2]")]), output=shape(list[int]))
    async with Home.open("memory") as home, Client(service(home, [agent])) as client:
        result = await client.call_tool("counter", {"message": "count"})
    assert result.structured_content == {"result": [1, 2]}


async def test_a_tool_gives_what_its_contract_promises() -> None:
    @tool(effect="read")
    async def find(name: str) -> City:
        """Find a city."""
        return City(name, 3)

    agent = Agent("a", model=EchoModel(), tools=[find])
    async with Home.open("memory") as home, Client(service(home, tools_of=agent)) as client:
        assert (await client.call_tool("find", {"name": "Rome"})).structured_content == {"name": "Rome", "people": 3}


async def test_what_breaks_here_is_not_told_to_strangers() -> None:
    class Broken:
        """A strategy that is no strategy."""

        def __call__(self, brief: object) -> object:
            raise LookupError("password is hunter2")

    agent = Agent("broken", model=EchoModel(), strategy=Broken())  # pyright: ignore[reportArgumentType]
    async with Home.open("memory") as home, Client(service(home, [agent])) as client:
        try:
            said = str(await client.call_tool("broken", {"message": "go"}))
        except MCPError as error:
            said = str(error)
    assert "hunter2" not in said
    assert "Traceback" not in said
