"""Searchable: a toolset around others whose tools are offered only once they were found."""

import contextlib
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TypeGuard

from msgspec.structs import replace

from remit.core.errors import ConfigError
from remit.core.ports import Probe, Tool, ToolContext, Toolset
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.policy import Embed
from remit.tools.search.finding import MOST, FindTools
from remit.tools.search.index import ToolIndex

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Deferred:
    """A tool that is not offered before it was found."""

    def __init__(self, tool: Tool) -> None:
        """Take the tool; only its contract changes."""
        self._tool = tool
        self._spec = replace(tool.spec, deferred=True)

    @property
    def spec(self) -> ToolSpec:
        """The tool's, deferred."""
        return self._spec

    def check(self, args: JsonObject) -> str:
        """Say what is wrong with these arguments."""
        return self._tool.check(args)

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Act."""
        return await self._tool.call(args, context)

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Ask the world whether this call happened."""
        return await self._tool.probe(args, context)


class Searchable:
    """Tools and toolsets behind one search: a model is offered `always` and the search, and what it has found."""

    def __init__(
        self,
        toolset: Toolset | Sequence[Toolset | Tool],
        *,
        always: Iterable[str] = (),
        embed: Embed | None = None,
        limit: int = 5,
        name: str = "find_tools",
    ) -> None:
        """Say what to put behind it, which tools are always offered (names, or patterns with `*`), how many it finds.

        Raise `ConfigError` for a limit that no search may have, or a name that no tool can have.
        """
        if not 1 <= limit <= MOST:
            raise ConfigError(f"a search gives 1 to {MOST} tools, not {limit}")
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{name!r} cannot name a tool; use up to 64 letters, digits, _ and -")
        self._parts: Sequence[Toolset | Tool] = tuple(toolset) if isinstance(toolset, Sequence) else (toolset,)
        self._always = (always,) if isinstance(always, str) else tuple(always)
        self._embed, self._limit, self._find = embed, limit, name
        self._opened = contextlib.AsyncExitStack()

    @property
    def name(self) -> str:
        """What it is called in messages to people: after what is behind it."""
        named = [part.name for part in self._parts if _is_toolset(part)]
        return f"{self._find}({', '.join(named)})" if named else self._find

    async def open(self) -> Sequence[Tool]:
        """Open all that is behind it and give the search first, then every tool.

        Raise `ConfigError` for two tools of one name and for an `always` that names no tool; then all is closed again.
        """
        async with contextlib.AsyncExitStack() as opening:
            tools: list[Tool] = []
            for part in self._parts:
                if _is_toolset(part):
                    tools += await part.open()
                    opening.push_async_callback(part.close)
                elif _is_tool(part):
                    tools.append(part)
                else:
                    raise ConfigError(f"{part!r} is neither a tool nor a toolset")
            kept = self._kept(tools)
            index = ToolIndex((tool.spec for tool in tools if tool.spec.name not in kept), self._embed)
            opening.callback(index.close)
            find = FindTools(index, limit=self._limit, name=self._find)
            self._opened = opening.pop_all()
        return (find, *(tool if tool.spec.name in kept else Deferred(tool) for tool in tools))

    async def close(self) -> None:
        """Let go of the index, and of all that is behind it, the last opened first."""
        opened, self._opened = self._opened, contextlib.AsyncExitStack()
        await opened.aclose()

    def _kept(self, tools: Sequence[Tool]) -> frozenset[str]:
        """Name the tools that are always offered."""
        names = {self._find}
        for tool in tools:
            if tool.spec.name in names:
                raise ConfigError(f"{self.name} has two tools named {tool.spec.name!r}; rename or leave out one")
            names.add(tool.spec.name)
        names.discard(self._find)
        for pattern in self._always:
            if not any(fnmatchcase(one, pattern) for one in names):
                raise ConfigError(f"{self.name}: no tool is named {pattern!r}, which shall always be offered")
        return frozenset(one for one in names if any(fnmatchcase(one, pattern) for pattern in self._always))


def _is_toolset(part: object) -> TypeGuard[Toolset]:
    return hasattr(part, "open")


def _is_tool(part: object) -> TypeGuard[Tool]:
    return hasattr(part, "call")
