"""Toolset: the tools of an MCP server, as an agent may have them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import mcp_types as types
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from remit.core.errors import ConfigError, RejectedError, ToolError
from remit.core.ports import Tool
from remit.tools.mcp.callbacks import Answers, Callbacks, LogLine, Sampling
from remit.tools.mcp.connection import Connection, Link
from remit.tools.mcp.contract import Override, contract, fingerprint, legible, named, problem
from remit.tools.mcp.faults import told
from remit.tools.mcp.resources import ResourceTool
from remit.tools.mcp.results import resource
from remit.tools.mcp.tool import Habits, McpTool, Progress

_PAGES = 100
_TOOLS = 1000
_DEFAULT: Override = {}


class McpOptions(TypedDict, total=False):
    """What can be said of a server beyond its name and where it is."""

    only: Collection[str]
    """The tools to take, by the server's names; all of them when it is left out."""
    trusted: bool
    """Believe what the server says of the effects of its tools, and tell it idempotency keys."""
    overrides: Mapping[str, Override]
    """What you say of a tool yourself, by the server's name of it."""
    resources: bool
    """Whether to give two more tools that list and read the server's resources, if it has any."""
    files: str | Path
    """The folder for pictures, sounds and other bytes; without one they are only named."""
    progress: Callable[[Progress], None]
    """Is told how far a call has come."""
    answers: Answers
    """Answers at once what the server asks a person; without it the session waits for a person."""
    sampling: Sampling
    """Lets the server use a model of yours; without it, it may not."""
    roots: Sequence[str | Path]
    """The folders that the server is told it may use."""
    logs: Callable[[LogLine], None]
    """Is told what the server logs; without it that is dropped."""
    traced: bool
    """Whether the server is told in which trace a call is, as a W3C `traceparent` in `_meta`; it is, unless this is
    False."""
    timeout: float
    """Seconds for one call, unless an override says otherwise; 30."""
    patience: float
    """Seconds for the server to start and to list its tools; 30."""


class McpToolset:
    """The tools of one server, pinned as they were when it was opened."""

    def __init__(self, name: str, link: Link, **options: Unpack[McpOptions]) -> None:
        """Say what to call it and how to reach it, as `Stdio` or `Http`; nothing is started before `open`."""
        if not name or not name.isprintable():
            raise ConfigError(f"{name!r} cannot name an MCP server; its tools are named after it")
        self._name, self._options = name, options
        folder = options.get("files")
        self._files = None if folder is None else Path(folder)
        self._timeout = options.get("timeout", 30.0)
        self._callbacks = Callbacks(
            name, options.get("answers"), options.get("sampling"), options.get("roots", ()), options.get("logs")
        )
        self._connection = Connection(name, link, options.get("patience", 30.0), self._meet, self._callbacks)
        self._offered: tuple[types.Tool, ...] = ()
        self._pinned: dict[str, str] | None = None
        self._changed: dict[str, str] = {}
        self._left_out: dict[str, str] = {}

    @property
    def name(self) -> str:
        """What it is called, and what its tools' names begin with."""
        return self._name

    @property
    def left_out(self) -> Mapping[str, str]:
        """Why tools that were wanted cannot be offered, by the server's names."""
        return self._left_out

    @property
    def drift(self) -> Mapping[str, str]:
        """How tools are no longer what they were when they were opened; they are not called any more."""
        return self._changed

    async def open(self) -> Sequence[Tool]:
        """Start the server and give its tools; raise `ToolError` when that cannot be, `ConfigError` for bad names."""
        try:
            client = await self._connection.client()
        except RejectedError as error:
            raise ToolError(f"{error}; is its command or address right?") from error
        try:
            return self._tools(client)
        except ConfigError:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop it; opened again, it may have other tools."""
        await self._connection.close()
        self._pinned = None
        self._changed, self._left_out = {}, {}

    async def prompts(self) -> Mapping[str, str]:
        """Give the prompts that the server offers: name and description."""
        client = await self._connection.client()
        try:
            found = await client.list_prompts()
        except MCPError as error:
            raise told(error, self._name) from error
        return {one.name: legible(one.description or "") for one in found.prompts}

    async def prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> str:
        """Give the text of a prompt, to be said to an agent by whoever wants it said."""
        client = await self._connection.client()
        try:
            found = await client.get_prompt(name, dict(arguments or {}))
        except MCPError as error:
            raise told(error, self._name) from error
        return "\n\n".join(text for message in found.messages if (text := _text(message.content)))

    # -- for its tools ---------------------------------------------------------------------------------------------

    @property
    def callbacks(self) -> Callbacks:
        """Who answers the server."""
        return self._callbacks

    async def client(self, wait: float) -> Client:
        """Give a connected client; raise `RejectedError` when there is none."""
        return await self._connection.client(wait)

    def changed(self, tool: str) -> str:
        """Say how a tool is no longer what it was; empty when it is."""
        return self._changed.get(tool, "")

    def forget(self, why: str) -> None:
        """Begin a new connection at the next call."""
        self._connection.forget(why)

    # -- what it offers --------------------------------------------------------------------------------------------

    def _tools(self, client: Client) -> Sequence[Tool]:
        overrides = self._options.get("overrides", {})
        trusted = self._options.get("trusted", False)
        habits = Habits(trusted, self._files, self._options.get("progress"), self._options.get("traced", True))
        tools: list[Tool] = []
        for name, tool in named(self._name, self._usable(), overrides).items():
            override = overrides.get(tool.name, _DEFAULT)
            spec = contract(name, tool, override, trusted=trusted, timeout=self._timeout)
            tools.append(McpTool(self, tool, spec, override.get("failures", "told"), habits))
        if self._options.get("resources", False) and client.server_capabilities.resources is not None:
            tools += [ResourceTool(self, verb, self._timeout, habits) for verb in ("list", "read")]
        names = [tool.spec.name for tool in tools]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"MCP server {self._name!r} has a tool named {name!r} of its own; give it another")
        return tools

    def _usable(self) -> Sequence[types.Tool]:
        wanted = self._options.get("only")
        missing = set(wanted or ()) - {tool.name for tool in self._offered}
        if missing:
            known = ", ".join(sorted(tool.name for tool in self._offered)) or "none"
            raise ConfigError(f"MCP server {self._name!r} has no tool {', '.join(sorted(missing))}; it has: {known}")
        taken = [tool for tool in self._offered if wanted is None or tool.name in wanted]
        self._left_out = {tool.name: why for tool in taken if (why := problem(tool))}
        return [tool for tool in taken if tool.name not in self._left_out]

    async def _meet(self, client: Client) -> None:
        """List the tools of a new connection, or of one that changed them, and compare them with those pinned."""
        self._offered = tuple(await self._listed(client))
        now = {tool.name: fingerprint(tool) for tool in self._offered}
        if self._pinned is None:
            self._pinned = now
        self._changed = {
            name: "its server no longer has it" if name not in now else "its server changed what it says of it"
            for name, was in self._pinned.items()
            if now.get(name) != was
        }

    async def _listed(self, client: Client) -> list[types.Tool]:
        if client.server_capabilities.tools is None:
            return []
        found: list[types.Tool] = []
        cursor: str | None = None
        for _ in range(_PAGES):
            page = await client.list_tools(cursor=cursor)
            found += page.tools
            cursor = page.next_cursor
            if cursor is None or len(found) > _TOOLS:
                break
        if cursor is not None:
            raise RejectedError(f"it lists more than {_TOOLS} tools")
        return found


def _text(content: types.ContentBlock) -> str:
    match content:
        case types.TextContent():
            return content.text
        case types.EmbeddedResource():
            text = resource(content.resource, None).get("text")
            return text if isinstance(text, str) else ""
        case _:
            return ""
