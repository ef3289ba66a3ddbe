"""Sources that are MCP servers. Needs the extra `mcp`."""

from collections.abc import Mapping
from typing import cast

from remit.core.errors import ConfigError
from remit.core.ports import Tool
from remit.tools.mcp import Http, McpOptions, McpToolset, Override, Stdio
from remit.tools.mcp.tool import McpTool
from remit.tools.registry.edge import headers_of, host_of
from remit.tools.registry.ground import Ground, Opened, Taken
from remit.tools.registry.lookups import filled
from remit.tools.registry.settings import ToolSettings
from remit.tools.registry.sources import McpSource, McpUrlSource, chosen

_TENANT = "default"
"""Who a connection that all tenants share is opened for."""


async def open_source(name: str, source: McpSource | McpUrlSource, ground: Ground) -> Opened:
    """Start or reach the server and take its tools."""
    url, link = await _link(source, ground)
    options: McpOptions = {
        "trusted": source.trusted,
        "resources": source.resources,
        "overrides": {key: override for key, said in source.tools.items() if (override := _override(said))},
        "patience": source.patience,
    }
    only = chosen(source)
    if only is not None:
        options["only"] = only
    if source.files:
        options["files"] = ground.folder / source.files
    toolset = McpToolset(name, link, **options)
    hosts = (host_of(url),) if url else ()
    taken = tuple(_taken(source, tool, ground, hosts) for tool in await toolset.open())
    return Opened(taken, toolset.close, dict(toolset.left_out))


async def _link(source: McpSource | McpUrlSource, ground: Ground) -> tuple[str, Stdio | Http]:
    secret = ground.edge.secret
    if isinstance(source, McpSource):
        command, *args = source.stand_in if ground.standing_in else source.mcp
        env = {name: await filled(text, _TENANT, secret) for name, text in source.env.items()}
        return "", Stdio(command, args, env=env, folder=ground.folder)
    url = source.stand_in if ground.standing_in else source.mcp_url
    verdict = ground.edge.policy.why(url)
    if not verdict.granted:
        raise ConfigError(f"the host policy keeps us from {url}: {verdict.reason}")
    headers: Mapping[str, str] = {}
    if source.auth is not None:
        headers = await headers_of(source.auth, _TENANT, secret)
    return url, Http(url, headers=headers, transport=ground.edge.transport)


def _override(said: ToolSettings) -> Override:
    """Give what the server's own tools must know; names and texts are laid over them later."""
    found = {name: value for name in ("effect", "timeout", "failures") if (value := getattr(said, name)) is not None}
    return cast("Override", found)


def _taken(source: McpSource | McpUrlSource, tool: Tool, ground: Ground, hosts: tuple[str, ...]) -> Taken:
    usual = tool.spec.name
    key = tool.offered.name if isinstance(tool, McpTool) else usual
    return Taken(tool, ground.said(source, key, usual), hosts, ground.standing_in)
