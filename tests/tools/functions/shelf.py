"""A database, a handle and tools that need them: what the tests of toolsets share."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from remit.core.ports import Tool, ToolContext
from remit.core.values import JsonObject
from remit.tools import FunctionToolset, Injected, tool

CONTEXT = ToolContext(key="k1", tenant="acme")


@dataclass
class Diary:
    """What was opened and closed, in order."""

    lines: list[str] = field(default_factory=list[str])
    _awaited: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])

    def write(self, line: str) -> None:
        self.lines.append(line)
        if line in self._awaited:
            self._awaited[line].set()

    async def until(self, line: str) -> None:
        """Wait for a line, which may be there already."""
        if line not in self.lines:
            await self._awaited.setdefault(line, asyncio.Event()).wait()


@dataclass
class Database:
    name: str
    diary: Diary = field(default_factory=Diary)

    async def __aenter__(self) -> "Database":
        self.diary.write(f"open {self.name}")
        return self

    async def __aexit__(self, *error: object) -> None:
        self.diary.write(f"close {self.name}")


@dataclass
class Handle:
    database: Database
    tenant: str


@tool(effect="read")
async def find(name: str, db: Injected[Database]) -> str:
    """Find somebody."""
    return f"{name} in {db.name}"


@tool
async def whose(handle: Injected[Handle]) -> str:
    return f"{handle.tenant} of {handle.database.name}"


@contextlib.asynccontextmanager
async def opened(toolset: FunctionToolset) -> AsyncGenerator[dict[str, Tool]]:
    tools = await toolset.open()
    try:
        yield {one.spec.name: one for one in tools}
    finally:
        await toolset.close()


async def answer(toolset: FunctionToolset, args: JsonObject | None = None, context: ToolContext = CONTEXT) -> object:
    async with opened(toolset) as tools:
        (one,) = tools.values()
        return await one.call(args or {}, context)


@tool
async def show(it: Injected[object], context: ToolContext) -> str:
    return f"{it() if callable(it) else it} for {context.tenant}"
