"""Service: an MCP server of agents, and of their tools one by one, on the official SDK."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import mcp_types as types
from mcp.server import Server, ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError

from remit.apps.mcp.asking import Asking
from remit.apps.mcp.at_home import HomeSessions, person
from remit.apps.mcp.driving import Driving
from remit.apps.mcp.offers import Offer, Sent, ToolOffer, agent_offer, failure, waits
from remit.apps.mcp.one_call import caller
from remit.apps.mcp.port import Sessions, Tell
from remit.apps.mcp.promised import promise
from remit.apps.mcp.resources import SessionResources
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
    home: Home,
    agents: Sequence[Agent] = (),
    *,
    tools_of: Agent | None = None,
    tenant: str = "",
    ask: bool = True,
    keys: Sequence[bytes] = (),
) -> Server[Any]:
    """Make a server that offers whole agents as tools, and those of `tools_of` one by one, under its guards and limits.

    What a run waits for is asked at the client if it can ask and `ask` is true; else it is decided at this home.
    `keys`, of 32 bytes or more, seal what clients give back with answers, the first of them new ones; without any,
    questions that were asked are forgotten with the process. Raise `ConfigError` when two have one name, and for
    `tools_of` with toolsets, which must be opened first.
    """
    driving = Driving(home, tenant)
    offers: list[Offer] = [agent_offer(agent) for agent in agents]
    if tools_of is not None:
        if tools_of.toolsets:
            raise ConfigError(f"agent {tools_of.name!r} has toolsets; open them and give it their tools to serve it")
        single = caller(tools_of)
        # What is withheld is offered to nobody: its words were never reviewed.
        specs = [tool.spec for tool in tools_of.tools if not tool.spec.withheld]
        offers += [ToolOffer(single, spec, promise(spec.output)) for spec in specs]
    names = [agent.name for agent in (*agents, *((tools_of,) if tools_of else ()))]
    return offered(offers, names, lambda context: HomeSessions(driving, person(context)), ask=ask, seal=sealed(keys))


def sealed(keys: Sequence[bytes] = (), whose: Callable[[Context], str | None] = lambda _: None) -> RequestStateSecurity:
    """Seal what clients give back with answers, for `whose` it is alone; without keys, for this process alone."""
    kept = keys or (os.urandom(32),)
    return RequestStateSecurity(keys=kept, ttl=_PATIENCE, bind_principal=whose)


def offered(
    offers: Sequence[Offer],
    agents: Sequence[str],
    opened: Callable[[Context], Sessions],
    *,
    seal: RequestStateSecurity,
    ask: bool = True,
    words: Callable[[RemitError], str] = str,
) -> Server[Any]:
    """Make a server of these offers, with the sessions of the named agents as resources.

    `opened` gives the sessions that a request may reach, `words` what a client is told of an error. Raise `ConfigError`
    when two offers have one name.
    """
    return _Service(_by_name(offers), SessionResources(agents), opened, words, ask=ask).server(seal)


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
        self,
        offers: Mapping[str, Offer],
        resources: SessionResources,
        opened: Callable[[Context], Sessions],
        words: Callable[[RemitError], str],
        *,
        ask: bool,
    ) -> None:
        self._offers, self._resources, self._opened, self._words, self._ask = offers, resources, opened, words, ask

    def server(self, seal: RequestStateSecurity) -> Server[Any]:
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
            return failure(self._words(error))
        except MCPError:
            raise
        except Exception:  # noqa: BLE001 - told without what it says
            # What broke is for those who run this home; a client is a stranger.
            _log.exception("a call of %r over MCP broke", params.name)
            raise MCPError(types.INTERNAL_ERROR, "something broke here; the log of this server says what") from None

    async def _called(
        self, offer: Offer, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        sessions, tell = self._opened(context), _teller(context)
        asking = Asking(sessions, context, params, self._ask)
        asked = await asking.resumed()
        if asked is not None:
            result = await offer.resume(sessions, asked.session, asked.run, tell)
        else:
            sent = Sent(_text(context, KEY), _text(context, TRACE))
            result = await offer.call(sessions, params.arguments or {}, sent, tell)
        while result.status == "waiting":
            asks = await asking.ask(result.session, result.run)
            if isinstance(asks, types.InputRequiredResult):
                return asks
            if not asks:
                return waits(result, sessions.waits(await sessions.state(result.session), result.session))
            result = await offer.resume(sessions, result.session, result.run, tell)
        return await offer.told(sessions, result)

    async def _list_resources(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return await self._resources.listed(self._opened(context), params.cursor if params else None)

    async def _list_templates(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return self._resources.templates()

    async def _read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        return await self._resources.read(self._opened(context), params.uri)


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
