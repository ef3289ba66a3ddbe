"""MCP toolsets over stdio: what is offered, how calls end, and what a server that dies does to them."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.tools.mcp.servers import CONTEXT, call, hostile, official, opened

from remit.core.errors import ConfigError, RejectedError, ToolError
from remit.testing import check_tool
from remit.tools.mcp import McpToolset, Progress, Stdio
from remit.tools.mcp.arguments import SchemaCheck
from remit.tools.mcp.callbacks import Callbacks
from remit.tools.mcp.connection import Connection


async def test_tools_of_a_server_conform() -> None:
    async with opened(official(), trusted=True, resources=True) as (_, tools):
        await check_tool(tools["s__add"], {"a": 1, "b": 2}, [{}, {"a": "x", "b": 1}])
        await check_tool(tools["s__put"], {"name": "x"}, [{"name": 1}])
        await check_tool(tools["s__read_resource"], {"uri": "note://today"}, [{}, {"uri": 1}])


async def test_an_effect_is_once_unless_the_server_is_trusted_or_you_say_so() -> None:
    async with opened(official()) as (_, tools):
        assert {tool.spec.effect for tool in tools.values()} == {"once"}
    async with opened(official(), trusted=True, overrides={"pid": {"effect": "read"}}) as (_, tools):
        effects = {name: tool.spec.effect for name, tool in tools.items()}
    assert (effects["s__add"], effects["s__put"], effects["s__pid"]) == ("read", "idempotent", "read")
    assert effects["s__fail"] == "once"


async def test_overrides_say_what_a_tool_is_here() -> None:
    own = {"name": "plus", "description": "Sum.", "price": 0.5, "timeout": 2.0, "retries": 0, "dangerous": True}
    async with opened(official(), only=["add"], overrides={"add": own}) as (_, tools):  # pyright: ignore[reportArgumentType]
        spec = tools["s__plus"].spec
    assert list(tools) == ["s__plus"]
    assert (spec.description, spec.price, spec.timeout, spec.retries, spec.dangerous) == (
        "Sum.",
        500_000_000,
        2.0,
        0,
        True,
    )


async def test_the_output_is_promised_as_a_call_gives_it() -> None:
    async with opened(official()) as (_, tools):
        promise = tools["s__add"].spec.output
        assert tools["s__put"].spec.output is None
        assert promise is not None
        check = SchemaCheck(promise)
        assert check.problem(await call(tools, "add", a=1, b=2)) == ""
        assert check.problem({"result": {"result": 3}, "attached": [{"type": "image"}]}) == ""
        assert check.problem({"result": "3"}) != ""


@pytest.mark.parametrize("options", [{"only": ["nope"]}, {"overrides": {"nope": {"effect": "read"}}}])
async def test_a_tool_that_the_server_does_not_have_is_a_mistake_that_names_those_it_has(options: object) -> None:
    toolset = McpToolset("s", official(), **options)  # pyright: ignore[reportCallIssue]
    with pytest.raises(ConfigError, match=r"has no tool nope; it has: add, .*put"):
        await toolset.open()


async def test_results_are_structured_content_or_text_or_blocks_and_bytes_go_to_files(tmp_path: Path) -> None:
    async with opened(official(), files=tmp_path) as (_, tools):
        assert await call(tools, "add", a=1, b=2) == {"result": 3}
        assert await call(tools, "put", name="x") == "put x"
        blocks = await call(tools, "picture")
    (kept,) = os.scandir(tmp_path)
    assert kept.stat().st_size == 15
    assert blocks == [
        {"type": "text", "text": "look"},
        {"type": "image", "media": "image/png", "size": 15, "file": kept.path},
        {"type": "audio", "media": "audio/wav", "problem": "its bytes are not base64"},
        {"type": "resource_link", "uri": "file:///a", "name": "a"},
        {"type": "resource", "uri": "file:///b", "media": "", "text": "b"},
    ]


async def test_without_a_folder_bytes_are_only_named_and_what_cannot_be_kept_is_told(tmp_path: Path) -> None:
    async with opened(official(), only=["picture"]) as (_, tools):
        assert {"type": "image", "media": "image/png", "size": 15} in list(await call(tools, "picture") or [])  # pyright: ignore[reportArgumentType]
    (tmp_path / "file").write_text("no folder")
    async with opened(official(), only=["picture"], files=tmp_path / "file") as (_, tools):
        assert "it could not be kept" in str(await call(tools, "picture"))


async def test_resources_are_listed_and_read_by_tools_and_prompts_are_given_to_you() -> None:
    async with opened(official(), only=[], resources=True) as (toolset, tools):
        assert list(tools) == ["s__list_resources", "s__read_resource"]
        listed = await call(tools, "list_resources")
        read = await call(tools, "read_resource", uri="note://today")
        assert await toolset.prompts() == {"greet": "How to greet."}
        assert await toolset.prompt("greet", {"name": "Ann"}) == "Greet Ann warmly."
        with pytest.raises(ToolError):
            await toolset.prompt("nope")
        with pytest.raises(ToolError):
            await call(tools, "read_resource", uri="note://never")
    assert "note://today" in str(listed)
    assert read == [{"type": "resource", "uri": "note://today", "media": "text/plain", "text": "rain"}]


async def test_a_server_gets_only_the_environment_that_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "x")
    async with opened(official(LISTED="1")) as (_, tools):
        names = str(await call(tools, "environment")).split()
    assert "LISTED" in names
    assert "PATH" in names
    assert "SECRET_KEY" not in names


async def test_what_a_tool_says_of_its_failure_is_the_outcome_unless_you_doubt_it() -> None:
    async with opened(official()) as (_, tools):
        with pytest.raises(RejectedError, match="the shelf is empty"):
            await call(tools, "fail")
    async with opened(official(), overrides={"fail": {"failures": "doubted"}}) as (_, tools):
        with pytest.raises(ToolError, match=r"perhaps half-way: .*the shelf is empty") as caught:
            await call(tools, "fail")
    assert not isinstance(caught.value, RejectedError)


async def test_progress_is_told_with_the_call_it_belongs_to() -> None:
    heard: list[Progress] = []
    async with opened(official(), progress=heard.append) as (_, tools):
        assert await call(tools, "count", to=3) == "counted"
    assert heard == [Progress("s__count", "s1", "c1", n, 3, f"number {n}") for n in (1, 2, 3)]


async def test_a_hundred_calls_at_the_same_time_get_each_its_own_answer() -> None:
    async with opened(official()) as (_, tools):
        answers = await asyncio.gather(*(call(tools, "add", a=n, b=1) for n in range(100)))
    assert answers == [{"result": n + 1} for n in range(100)]


async def test_a_server_killed_in_the_middle_of_a_call_leaves_doubt_and_is_started_again() -> None:
    async with opened(official()) as (_, tools):
        victim = int(str(await call(tools, "pid")))
        hanging = [asyncio.create_task(call(tools, "hang", file="/nowhere")) for _ in range(3)]
        await call(tools, "add", a=1, b=1)
        os.kill(victim, signal.SIGKILL)
        for task in hanging:
            with pytest.raises(ToolError, match="whether the call happened is unknown") as caught:
                await task
            assert not isinstance(caught.value, RejectedError)
        assert int(str(await call(tools, "pid"))) != victim
        assert await call(tools, "add", a=1, b=1) == {"result": 2}


async def test_a_call_that_is_given_up_is_stopped_at_the_server(tmp_path: Path) -> None:
    file = tmp_path / "stopped"
    async with opened(official()) as (_, tools):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await call(tools, "hang", file=str(file))
        async with asyncio.timeout(10):
            while not file.exists():
                await call(tools, "put", name="x")
        assert await call(tools, "add", a=1, b=1) == {"result": 2}


async def test_closing_ends_the_server_and_it_can_be_opened_again() -> None:
    toolset = McpToolset("s", official())
    first = {tool.spec.name: tool for tool in await toolset.open()}
    victim = int(str(await call(first, "pid")))
    await toolset.close()
    with pytest.raises(ProcessLookupError):
        os.kill(victim, 0)
    again = {tool.spec.name: tool for tool in await toolset.open()}
    assert await call(again, "add", a=1, b=1) == {"result": 2}
    await toolset.close()
    await toolset.close()


async def test_a_tool_that_changed_is_withheld_and_the_others_go_on() -> None:
    async with opened(official()) as (toolset, tools):
        assert await call(tools, "change") == "changed"
        async with asyncio.timeout(10):
            while not toolset.drift:
                await call(tools, "pid")
        assert dict(toolset.drift) == {"add": "its server changed what it says of it"}
        with pytest.raises(RejectedError, match="s__add is withheld: its server changed what it says of it"):
            await call(tools, "add", a=1, b=1)
        assert await call(tools, "put", name="x") == "put x"


async def test_a_change_that_an_older_server_tells_is_seen_too() -> None:
    async with opened(hostile("changes")) as (toolset, tools):
        assert await call(tools, "go") == ""
        with pytest.raises(RejectedError, match="s__go is withheld"):
            await call(tools, "go")
        assert list(toolset.drift) == ["go"]


# -- servers that misbehave --------------------------------------------------------------------------------------------


async def test_words_of_a_server_are_cut_and_cleaned_and_what_cannot_be_is_left_out() -> None:
    async with opened(hostile("words")) as (toolset, tools):
        spec = tools["s__go"].spec
    assert spec.description.startswith("Go.[31m Ignorexxx")
    assert len(spec.description) == 4001
    assert spec.schema["properties"] == {"a": {"type": "string", "description": "A word"}}
    assert list(tools) == ["s__go"]
    assert toolset.left_out == {}


async def test_tools_are_left_out_with_the_reason() -> None:
    toolset = McpToolset("s", hostile("words"))
    await toolset.open()
    why = dict(toolset.left_out)
    await toolset.close()
    assert sorted(why) == ["deep", "hidden", "large"]
    assert "nested more than 32 deep" in why["deep"]
    assert "invisible characters in 'a\\u200b'" in why["hidden"]
    assert "65536 is the most" in why["large"]


async def test_two_tools_that_would_have_one_name_are_refused_until_one_is_renamed() -> None:
    with pytest.raises(ConfigError, match=r"'a\.b' and 'a/b' would both be 's__a_b'"):
        await McpToolset("s", hostile("same")).open()
    async with opened(hostile("same"), overrides={"a/b": {"name": "c"}}) as (_, tools):
        assert list(tools) == ["s__a_b", "s__c"]


async def test_garbage_on_standard_output_hurts_nobody() -> None:
    async with opened(hostile("garbage")) as (_, tools):
        assert await call(tools, "go") == "fine"


async def test_a_message_that_is_too_long_ends_the_connection_and_not_us() -> None:
    async with opened(hostile("huge")) as (_, tools):
        with pytest.raises(ToolError, match="unknown"):
            await call(tools, "go")
    async with opened(hostile("huge", largest=4 << 20)) as (_, tools):
        assert len(str(await call(tools, "go"))) == 2 << 20


@pytest.mark.parametrize(
    ("mode", "words", "sure"),
    [
        ("nonsense", "answered what is no answer", False),
        ("internal", "half-way; whether the call happened is unknown", False),
        ("params", "no such thing", True),
        ("dies", "unknown", False),
    ],
)
async def test_an_answer_is_told_as_what_is_known_of_the_call(mode: str, words: str, *, sure: bool) -> None:
    async with opened(hostile(mode)) as (_, tools):
        with pytest.raises(ToolError, match=words) as caught:
            await call(tools, "go")
    assert isinstance(caught.value, RejectedError) == sure


async def test_a_result_that_breaks_its_promise_is_done_and_told_with_a_warning() -> None:
    async with opened(hostile("promise")) as (_, tools):
        result = await call(tools, "go")
    assert isinstance(result, dict)
    assert result["result"] == {"name": "no id"}
    assert "'id' is a required property" in str(result["warning"])


async def test_a_strangers_regular_expression_and_references_do_not_stop_us() -> None:
    async with opened(hostile("regex")) as (_, tools):
        assert tools["s__go"].check({"a": "a" * 100 + "!"}) == ""
        assert tools["s__go"].check({"a": 1}) == "a: 1 is not of type 'string'"
        assert tools["s__loop"].check({"a": 1}) == ""
        assert tools["s__loop"].check({"b": 1}) == ""


async def test_a_server_that_dies_at_every_call_is_started_again_after_longer_and_longer_pauses() -> None:
    async with opened(hostile("dies")) as (_, tools):
        for _ in range(2):
            with pytest.raises(ToolError, match="unknown"):
                await call(tools, "go")
        with pytest.raises(RejectedError, match=r"again in 0\.\d s: it ended with status 7: out of memory") as caught:
            await call(tools, "go")
    assert caught.value.retryable
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 0


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (Stdio("/no/such/program"), "cannot be started"),
        (Stdio(sys.executable, ["-c", "import sys; sys.exit('no licence')"]), "no licence"),
        (hostile("newborn"), "cannot find the database"),
        (hostile("mute"), "not ready within 1 s"),
        (hostile("endless"), "lists more than 1000 tools"),
    ],
)
async def test_a_server_that_cannot_be_used_says_why_when_it_is_opened(link: Stdio, words: str) -> None:
    patience = 1.0 if "mute" in link.args else 30.0
    toolset = McpToolset("s", link, patience=patience)
    with pytest.raises(ToolError, match=words):
        await toolset.open()
    await toolset.close()


def test_a_name_that_cannot_be_shown_is_refused() -> None:
    for name in ("", "a\nb"):
        with pytest.raises(ConfigError, match="cannot name an MCP server"):
            McpToolset(name, official())


async def test_a_probe_knows_nothing() -> None:
    async with opened(official(), resources=True) as (_, tools):
        assert await tools["s__add"].probe({}, CONTEXT) is None
        assert await tools["s__read_resource"].probe({}, CONTEXT) is None


def test_a_connection_that_never_was_can_be_forgotten() -> None:
    async def met(_: object) -> None: ...

    Connection("s", official(), 1.0, met, Callbacks("s")).forget("nothing")
