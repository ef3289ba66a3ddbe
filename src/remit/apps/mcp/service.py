"""Service: an MCP server of agents, and of their tools one by one, on the official SDK."""

import logging
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import mcp_types as types
from mcp.server import Server, ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError

from remit.apps.mcp.asking import Asking, how
from remit.apps.mcp.offers import AgentOffer, Offer, Sent, ToolOffer, failure, waits
from remit.apps.mcp.one_call import caller
from remit.apps.mcp.promised import Promise, promise
from remit.apps.mcp.resources import SessionResources
from remit.apps.mcp.sessions import Sessions, Tell
from remit.core.agent import Agent
from remit.core.errors import ConfigError, RemitError
from remit.home import Home
from remit.telemetry import Row
from remit.tools.mcp.tool import KEY, TRACE

_NAME = "remit"
_PATIENCE = 24 * 3600.0
"""Seconds that a person at a client has to answer: as long as an approval stands."""

_log = logging.getLogger("remit.mcp")

Context = ServerRequestContext[Any, Any]


def service(
    home: Home, agents: Sequence[Agent] = (), *, tools_of: Agent | None = None, tenant: str = "", ask: bool = True
) -> Server[Any]:
    """Make a server that offers whole agents as tools, and those of `tools_of` one by one, under its guards and limits.

    What a run waits for is asked at the client if it can ask and `ask` is true; else it is decided at this home.
    Raise `ConfigError` when two have one name, and for `tools_of` with toolsets, which must be opened first.
    """
    sessions = Sessions(home, tenant)
    offers: list[Offer] = [AgentOffer(sessions, agent, _promised(agent)) for agent in agents]
    if tools_of is not None:
        if tools_of.toolsets:
            raise ConfigError(f"agent {tools_of.name!r} has toolsets; open them and give it their tools to serve it")
        single = caller(tools_of)
        # What is withheld is offered to nobody: its words were never reviewed.
        specs = [tool.spec for tool in tools_of.tools if not tool.spec.withheld]
        offers += [ToolOffer(sessions, single, spec, promise(spec.output)) for spec in specs]
    names = [offer.agent.name for offer in offers]
    return _Service(home, sessions, _by_name(offers), SessionResources(home, names, tenant), ask=ask).server()


def _promised(agent: Agent) -> Promise | None:
    return promise(agent.output.schema if agent.output is not None else None)


def _by_name(offers: Sequence[Offer]) -> Mapping[str, Offer]:
    found: dict[str, Offer] = {}
    for offer in offers:
        name = offer.tool.name
        if name in found:
            raise ConfigError(f"two of what is served over MCP are named {name!r}; rename one")
        found[name] = offer
    return found


class _Service:
    """Answers the requests of clients."""

    def __init__(
        self, home: Home, sessions: Sessions, offers: Mapping[str, Offer], resources: SessionResources, *, ask: bool
    ) -> None:
        self._home, self._sessions, self._offers, self._resources, self._ask = home, sessions, offers, resources, ask

    def server(self) -> Server[Any]:
        """Put it behind the SDK's protocol."""
        server: Server[Any] = Server(
            _NAME,
            version=version("remit"),
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
        )
        # What clients give back with answers is sealed: they can neither read nor forge it.
        seal = RequestStateSecurity.ephemeral(ttl=_PATIENCE)
        server.middleware.append(RequestStateBoundary(seal, default_audience=_NAME))
        return server

    async def _list_tools(self, context: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[offer.tool for offer in self._offers.values()])

    async def _call_tool(
        self, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        offer = self._offers.get(params.name)
        if offer is None:
            raise MCPError(types.INVALID_PARAMS, f"no tool named {params.name!r}; known: {', '.join(self._offers)}")
        try:
            return await self._called(offer, context, params)
        except RemitError as error:
            return failure(str(error))
        except MCPError:
            raise
        except Exception:  # noqa: BLE001 - told without what it says
            # What broke is for those who run this home; a client is a stranger.
            _log.exception("a call of %r over MCP broke", params.name)
            raise MCPError(types.INTERNAL_ERROR, "something broke here; the log of this server says what") from None

    async def _called(
        self, offer: Offer, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        asking, tell = Asking(self._home, context, params, self._ask), _teller(context)
        session = await asking.resumed()
        if session:
            result = await self._sessions.resume(offer.agent, session, tell)
        else:
            sent = Sent(_text(context, KEY), _text(context, TRACE))
            result = await offer.call(params.arguments or {}, sent, tell)
        while result.status == "waiting":
            asked = await asking.ask(result.session)
            if isinstance(asked, types.InputRequiredResult):
                return asked
            if not asked:
                return waits(result, how(await self._home.session(result.session), result.session))
            result = await self._sessions.resume(offer.agent, result.session, tell)
        return await offer.told(result)

    async def _list_resources(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return await self._resources.listed(params.cursor if params else None)

    async def _list_templates(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return self._resources.templates()

    async def _read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        return await self._resources.read(params.uri)


def _text(context: Context, name: str) -> str:
    """Give what a client sends beside a call under this name; empty for nothing that is text."""
    said = (context.meta or {}).get(name, "")
    return said if isinstance(said, str) else ""


def _teller(context: Context) -> Tell:
    """Tell a client each row as progress, if it wants that told."""
    done = 0

    async def tell(row: Row) -> None:
        nonlocal done
        done += 1
        said = f"{row.title}: {row.detail}" if row.detail else row.title
        await context.session.report_progress(done, message=said)

    return tell
