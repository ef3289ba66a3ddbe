"""MCP over streamable HTTP: a server that is away, says no, answers too much, or forgets us."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from tests.ports import free_port
from tests.tools.mcp.servers import call, opened, over_http

from remit.core.errors import ConfigError, RejectedError, ToolError
from remit.core.values import JsonObject
from remit.tools.mcp import Http, McpToolset

Given = tuple[int, dict[str, str], bytes]
"""A status, headers and a body."""

Answer = Callable[[JsonObject], Given | None]
JSON = {"content-type": "application/json", "mcp-session-id": "abc"}
NONE: dict[str, str] = {}


def legacy(message: JsonObject) -> Given:
    """Answer what comes before and beside a call, as an older server does."""
    match message.get("method"):
        case "initialize":
            info: JsonObject = {"name": "s", "version": "1"}
            result: JsonObject = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
        case "tools/list":
            result = {"tools": [{"name": "go", "inputSchema": {"type": "object"}}]}
        case "server/discover":
            return 400, NONE, b"what?"
        case _:
            return 202, NONE, b""
    return 200, JSON, msgspec.json.encode({"jsonrpc": "2.0", "id": message["id"], "result": result})


@asynccontextmanager
async def answering(answer: Answer) -> AsyncGenerator[str]:
    """Serve HTTP by hand: calls get what `answer` gives, or a cut connection where that is nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if ": " in line)
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        message: JsonObject = msgspec.json.decode(body) if body else {}
        given = answer(message) if message.get("method") == "tools/call" else legacy(message)
        if given is not None:
            status, headers, said = given
            lines = [f"HTTP/1.1 {status} X", f"content-length: {len(said)}", "connection: close"]
            lines += [f"{name}: {text}" for name, text in headers.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode() + said)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"


async def test_tools_over_http_are_tools() -> None:
    port = free_port()
    async with over_http(port), opened(Http(f"http://127.0.0.1:{port}/mcp"), trusted=True) as (_, tools):
        answers = await asyncio.gather(*(call(tools, "add", a=n, b=1) for n in range(100)))
        assert answers == [{"result": n + 1} for n in range(100)]
        assert len(str(await call(tools, "big", size=3 << 20))) == 3 << 20
        assert tools["s__add"].spec.effect == "read"


async def test_a_server_killed_in_the_middle_of_a_call_leaves_doubt_and_is_found_again() -> None:
    port = free_port()
    async with over_http(port) as process, opened(Http(f"http://127.0.0.1:{port}/mcp")) as (_, tools):
        task = asyncio.create_task(call(tools, "hang", file="/nowhere"))
        await call(tools, "add", a=1, b=1)
        process.kill()
        await process.wait()
        with pytest.raises(ToolError, match="unknown") as caught:
            await task
        assert not isinstance(caught.value, RejectedError)
        with pytest.raises(RejectedError, match="no connection to") as away:
            await call(tools, "add", a=1, b=1)
        assert away.value.retryable
        async with over_http(port):
            assert await call(tools, "add", a=1, b=1) == {"result": 2}


async def test_nobody_at_the_address_is_told_when_it_is_opened() -> None:
    with pytest.raises(ToolError, match=r"no connection to 127\.0\.0\.1"):
        await McpToolset("s", Http(f"http://127.0.0.1:{free_port()}/mcp")).open()


@pytest.mark.parametrize(
    ("given", "words", "sure", "again", "after"),
    [
        ((429, {"retry-after": "7"}, b"slow down"), "status 429", True, True, 7.0),
        ((503, {"retry-after": "2"}, b""), "status 503", True, True, 2.0),
        ((413, NONE, b""), "status 413", True, False, None),
        ((404, NONE, b"who?"), "forgotten this session", True, True, None),
        ((503, NONE, b""), "status 503", False, None, None),
        ((500, NONE, b"oops"), "status 500", False, None, None),
        ((200, {"content-type": "application/json"}, b"{"), ".", False, None, None),
        ((200, {"content-type": "application/json"}, b" " * 5000), "more than 4000 bytes", False, None, None),
        ((200, {"content-type": "text/html"}, b"<html>"), "ontent type", False, None, None),
        ((200, {"content-type": "text/event-stream"}, b""), ".", False, None, None),
        ((202, NONE, b""), "202", False, None, None),
        (None, "the connection to 127.0.0.1 failed", False, None, None),
    ],
)
async def test_an_answer_is_told_as_what_is_known_of_the_call(
    given: Given | None, words: str, sure: object, again: object, after: object
) -> None:
    async with answering(lambda _: given) as url, opened(Http(url, largest=4000)) as (_, tools):
        with pytest.raises(ToolError, match=words) as caught:
            await call(tools, "go")
    error = caught.value
    assert isinstance(error, RejectedError) == sure
    if isinstance(error, RejectedError):
        assert (error.retryable, error.retry_after) == (again, after)


async def test_an_error_of_the_server_itself_is_told_in_its_own_words() -> None:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32602, "message": "which one?"}}
    body = msgspec.json.encode(error)
    async with answering(lambda _: (400, JSON, body)) as url, opened(Http(url)) as (_, tools):
        with pytest.raises(RejectedError, match=r"which one\?"):
            await call(tools, "go")


async def test_a_session_that_the_server_forgot_is_begun_anew() -> None:
    statuses = iter([404, 200])

    def forgetful(message: JsonObject) -> Given:
        result: JsonObject = {"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}}
        status = next(statuses)
        return (200, JSON, msgspec.json.encode(result)) if status == 200 else (status, NONE, b"")

    async with answering(forgetful) as url, opened(Http(url)) as (_, tools):
        with pytest.raises(RejectedError, match="forgotten"):
            await call(tools, "go")
        assert await call(tools, "go") == ""


@pytest.mark.parametrize("url", ["ftp://x/mcp", "https://", "mcp"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="no address of an MCP server"):
        Http(url)


def test_credentials_are_not_sent_in_the_clear() -> None:
    with pytest.raises(ConfigError, match="use https"):
        Http("http://example.org/mcp", headers={"Authorization": "Bearer x"})
    assert "Bearer" not in repr(Http("http://127.0.0.1/mcp", headers={"Authorization": "Bearer x"}))
