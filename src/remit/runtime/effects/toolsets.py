"""Toolsets: groups of tools that are opened once, when an agent first needs them, and closed with their home."""

import asyncio
import contextlib
from collections.abc import Sequence

from remit.core.agent import Agent
from remit.core.errors import ConfigError
from remit.core.ports import Tool, Toolset


class Toolsets:
    """The open toolsets of a home."""

    def __init__(self) -> None:
        """Begin with none."""
        self._open: dict[int, tuple[Toolset, Sequence[Tool]]] = {}
        self._opening = asyncio.Lock()

    async def tools(self, agent: Agent) -> dict[str, Tool]:
        """Give all tools of an agent by name; raise `ConfigError` for two of one name."""
        found = {tool.spec.name: tool for tool in agent.tools}
        for toolset in agent.toolsets:
            for tool in await self._opened(toolset):
                name = tool.spec.name
                if name in found:
                    raise ConfigError(
                        f"toolset {toolset.name!r} brings a second tool {name!r}; rename or leave out one"
                    )
                found[name] = tool
        return found

    async def close(self) -> None:
        """Close all, the last opened first; one that breaks keeps no other open."""
        opened, self._open = [toolset for toolset, _ in self._open.values()], {}
        async with contextlib.AsyncExitStack() as closing:
            for toolset in opened:
                closing.push_async_callback(toolset.close)

    async def _opened(self, toolset: Toolset) -> Sequence[Tool]:
        # One at a time: two sessions that begin together must not start one server twice.
        async with self._opening:
            known = self._open.get(id(toolset))
            if known is None:
                known = self._open[id(toolset)] = (toolset, tuple(await toolset.open()))
            return known[1]
