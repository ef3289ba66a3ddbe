"""Service: an MCP server of agents, and of their tools one by one, on the official SDK."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import mcp_types as types
from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError

from remit.apps.mcp.offers import AgentOffer, Offer, ToolOffer, failure
from remit.apps.mcp.one_call import caller
from remit.apps.mcp.sessions import Sessions
from remit.core.agent import Agent
from remit.core.errors import ConfigError, RemitError
from remit.home import Home
from remit.telemetry import Row
from remit.tools.mcp.tool import KEY


def service(
    home: Home, agents: Sequence[Agent] = (), *, tools_of: Agent | None = None, tenant: str = ""
) -> Server[Any]:
    """Make a server that offers whole agents as tools, and those of `tools_of` one by one, under its guards and limits.

    Raise `ConfigError` when two have one name, and for `tools_of` with toolsets, which must be opened first.
    """
    sessions = Sessions(home, tenant)
    offers: list[Offer] = [AgentOffer(sessions, agent) for agent in agents]
    if tools_of is not None:
        if tools_of.toolsets:
            raise ConfigError(f"agent {tools_of.name!r} has toolsets; open them and give it their tools to serve it")
        single = caller(tools_of)
        offers += [ToolOffer(sessions, single, tool.spec) for tool in tools_of.tools]
    return _server(_by_name(offers))


def _by_name(offers: Sequence[Offer]) -> Mapping[str, Offer]:
    found: dict[str, Offer] = {}
    for offer in offers:
        name = offer.tool.name
        if name in found:
            raise ConfigError(f"two of what is served over MCP are named {name!r}; rename one")
        found[name] = offer
    return found


def _server(offers: Mapping[str, Offer]) -> Server[Any]:
    async def list_tools(
        context: ServerRequestContext[Any, Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[offer.tool for offer in offers.values()])

    async def call_tool(
        context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        offer = offers.get(params.name)
        if offer is None:
            raise MCPError(types.INVALID_PARAMS, f"no tool named {params.name!r}; known: {', '.join(offers)}")
        key = (context.meta or {}).get(KEY, "")
        done = 0

        async def tell(row: Row) -> None:
            nonlocal done
            done += 1
            said = f"{row.title}: {row.detail}" if row.detail else row.title
            await context.session.report_progress(done, message=said)

        try:
            return await offer.call(params.arguments or {}, key if isinstance(key, str) else "", tell)
        except RemitError as error:
            return failure(str(error))

    return Server("remit", version=version("remit"), on_list_tools=list_tools, on_call_tool=call_tool)
