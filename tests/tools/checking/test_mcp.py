"""Tools of real MCP servers over stdio: one that keeps its word, and one that promises more than it gives."""

from tests.tools.mcp.servers import hostile, official, opened

from remit.tools.checking import Options, check_tools


async def test_tools_of_the_official_server_keep_their_contract() -> None:
    async with opened(official(), only=["add", "put", "fail"], trusted=True) as (_, tools):
        report = await check_tools(list(tools.values()), Options(stand_in=True))
    found = {tool.tool: (tool.status, [breach.text for breach in tool.breaches]) for tool in report.tools}
    assert found["s__add"] == found["s__put"] == ("ok", [])
    assert found["s__fail"] == ("unproven", [])
    assert "the shelf is empty" in next(tool.reason for tool in report.tools if tool.tool == "s__fail")


async def test_a_structured_result_without_a_promised_field_is_found_by_its_name() -> None:
    async with opened(hostile("promise")) as (_, tools):
        report = await check_tools(list(tools.values()), Options(stand_in=True))
    (breach,) = report.tools[0].breaches
    assert (breach.kind, breach.field) == ("answer", "id")
    assert breach.text == "`id` of the answer is missing; there is `name`"


async def test_a_server_that_breaks_half_way_is_found() -> None:
    async with opened(hostile("internal")) as (_, tools):
        report = await check_tools(list(tools.values()), Options(stand_in=True))
    assert [breach.kind for breach in report.tools[0].breaches] == ["broke"]
    assert "half-way" in report.tools[0].breaches[0].text
