"""`remit mcp serve`: offer an agent, and its tools if wanted, to MCP clients."""

import argparse
import asyncio
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

from remit.cli.agents import load
from remit.cli.exits import DONE, PAUSED
from remit.cli.options import add_driving, add_store, driving
from remit.cli.places import driven, home, settled
from remit.core.agent import Agent
from remit.core.errors import ConfigError
from remit.home import Home
from remit.runtime import Toolsets

TOKEN = "REMIT_MCP_TOKEN"
"""Names the variable with the token that clients over HTTP must send."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("act", choices=("serve",), help="what to do")
    parser.add_argument("agent", metavar="FILE.py:NAME", help="an Agent, or a function giving one; also module:NAME")
    parser.add_argument("--tools", action="store_true", help="offer its tools too, one by one")
    parser.add_argument("--only-tools", action="store_true", help="offer its tools and not the agent itself")
    parser.add_argument(
        "--http", metavar="PORT", type=int, default=None, help="listen on a port (0: any) instead of standard input"
    )
    parser.add_argument("--host", metavar="NAME", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument(
        "--no-ask", action="store_true", help="do not ask clients what a run waits for; it is decided at this store"
    )
    parser.add_argument("--tenant", metavar="NAME", default="", help="who pays and owns the data of new sessions")
    add_store(parser)
    add_driving(parser)


async def main(args: argparse.Namespace) -> int:
    """Serve until the client leaves, or until we are interrupted."""
    mcp, wish = _loaded(), driving(args)
    # Standard output is the client's, so what the agent's module prints goes elsewhere.
    with contextlib.redirect_stdout(sys.stderr):
        loaded = driven(load(args.agent), wish)
    settings = settled(loaded, str(args.tenant), wish.durability)
    async with home(args.store, settings) as opened, _whole(loaded.agent) as agent:
        tools = agent if args.tools or args.only_tools else None
        agents = () if args.only_tools else (agent,)
        # By name, since clients are shown sessions of this tenant only.
        tenant = str(args.tenant) or settings.tenants[0].name
        server = mcp.service(opened, agents, tools_of=tools, tenant=tenant, ask=not args.no_ask)
        if args.http is None:
            left = await _client_left(mcp.serve_stdio(server))
        else:
            left = True
            await mcp.serve_http(server, mcp.Bind(args.http, args.host, os.environ.get(TOKEN, "")), _announce)
    if not left:
        # A thread of the SDK waits for standard input, and nothing but the end of the process wakes it.
        os._exit(PAUSED)
    return DONE


async def _client_left(serving: Coroutine[Any, Any, None]) -> bool:
    """Serve until the client leaves, which is true, or until somebody interrupts us."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    served, stopping = asyncio.ensure_future(serving), asyncio.ensure_future(stopped.wait())
    await asyncio.wait({served, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not served.done():
        return False
    stopping.cancel()
    await served
    return True


class _Mcp(Protocol):
    def service(
        self, home: Home, agents: Sequence[Agent], *, tools_of: Agent | None, tenant: str, ask: bool
    ) -> object: ...
    def Bind(self, port: int, host: str, token: str) -> object: ...  # noqa: N802 - a class of that package
    def serve_stdio(self, server: object) -> Coroutine[Any, Any, None]: ...
    async def serve_http(self, server: object, bind: object, ready: Callable[[str], None]) -> None: ...


def _loaded() -> _Mcp:
    # The SDK is an extra, and whoever lacks it is told so.
    try:
        return cast("_Mcp", importlib.import_module("remit.apps.mcp"))
    except ImportError as error:
        raise ConfigError(f"`remit mcp` needs an extra: pip install 'remit[mcp]' ({error})") from error


def _announce(url: str) -> None:
    sys.stderr.write(f"MCP server at {url}\n")
    sys.stderr.flush()


@contextlib.asynccontextmanager
async def _whole(agent: Agent) -> AsyncGenerator[Agent]:
    """Give an agent whose toolsets are opened, so that they are opened once for all that is served."""
    toolsets = Toolsets()
    try:
        yield replace(agent, tools=tuple((await toolsets.tools(agent)).values()), toolsets=())
    finally:
        await toolsets.close()
