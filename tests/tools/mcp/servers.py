"""Servers for the tests: how they are started and reached."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Unpack

from remit.core.ports import Tool, ToolContext
from remit.core.values import JsonValue
from remit.tools.mcp import Http, McpOptions, McpToolset, Stdio

HERE = Path(__file__).parent
CONTEXT = ToolContext(key="k1", session="s1", call="c1")

Tools = dict[str, Tool]


def official(**env: str) -> Stdio:
    """Reach the server on the official SDK over stdio."""
    return Stdio(sys.executable, [str(HERE / "official.py"), "stdio"], env=env)


def hostile(mode: str, largest: int = 1 << 20) -> Stdio:
    """Reach the server that misbehaves."""
    return Stdio(sys.executable, [str(HERE / "hostile.py"), mode], largest=largest)


@asynccontextmanager
async def opened(link: Stdio | Http, **options: Unpack[McpOptions]) -> AsyncGenerator[tuple[McpToolset, Tools]]:
    """Open a toolset named `s`, and close it."""
    toolset = McpToolset("s", link, **options)
    try:
        yield toolset, {tool.spec.name: tool for tool in await toolset.open()}
    finally:
        await toolset.close()


async def call(tools: Tools, name: str, /, **args: JsonValue) -> JsonValue:
    """Call a tool of the toolset."""
    return await tools[f"s__{name}"].call(args, CONTEXT)


@asynccontextmanager
async def over_http(port: int) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Run the server on the official SDK on a port."""
    process = await asyncio.create_subprocess_exec(sys.executable, HERE / "official.py", "http", str(port))
    try:
        await reachable(port)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def reachable(port: int) -> None:
    """Wait until somebody listens."""
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                await writer.wait_closed()
                return
