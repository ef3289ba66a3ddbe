"""Contracted: a tool under the contract that an agent is shown, which may not be the one that it has by itself."""

from remit.core.errors import RejectedError
from remit.core.ports import Probe, Tool, ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue


class Contracted:
    """A tool with another spec. Arguments are still checked as it is now, not as it was when it was reviewed.

    One that is withheld is not called, and says nothing of its arguments: its words are those nobody has reviewed.
    """

    __slots__ = ("_spec", "_tool")

    def __init__(self, tool: Tool, spec: ToolSpec) -> None:
        """Take the tool and what is said of it."""
        self._tool, self._spec = tool, spec

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        return self._spec

    def check(self, args: JsonObject) -> str:
        """Say what is wrong with these arguments; empty when nothing is."""
        return "" if self._spec.withheld else self._tool.check(args)

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Act as the tool does; raise `RejectedError` when it is withheld."""
        if self._spec.withheld:
            raise RejectedError(f"{self._spec.name} is withheld: {self._spec.withheld}")
        return await self._tool.call(args, context)

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Ask the world as the tool does."""
        return await self._tool.probe(args, context)
