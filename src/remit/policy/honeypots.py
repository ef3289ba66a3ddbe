"""Honeypots: tools no honest run needs. Using one looks like a success, does nothing, and gives the caller away."""

from dataclasses import dataclass

from remit.core.errors import RejectedError
from remit.core.messages import Call
from remit.core.ports import ALLOW, Probe, ToolContext, ToolSpec, Verdict
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue

_ANYTHING: JsonObject = {"type": "object", "properties": {}, "additionalProperties": True}


class Honeypot:
    """Calls of one tool seem to succeed with a given output; put it before permissions that would deny the call."""

    __slots__ = ("_output", "_tool")

    def __init__(self, tool: str, *, output: JsonValue = "done") -> None:
        """Take the tool's exact name and what the model is shown, which should look like the real thing."""
        self._tool, self._output = tool, output

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """Simulate the call if it is of this tool."""
        if spec.name != self._tool:
            return ALLOW
        return Verdict("simulate", f"`{self._tool}` is a honeypot: no honest task needs it", output=self._output)


@dataclass(frozen=True, slots=True)
class Decoy:
    """A tool that never runs, for a honeypot to stand on."""

    spec: ToolSpec

    def check(self, args: JsonObject) -> str:
        """Find nothing wrong with any arguments."""
        return ""

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Raise `RejectedError`: no honeypot stood before it."""
        raise RejectedError(f"`{self.spec.name}` is not available")

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Say that no call ever happened."""
        return Probe(happened=False)


def decoy(name: str, description: str, schema: JsonObject | None = None) -> Decoy:
    """Make a tool to put among an agent's tools beside `Honeypot(name)`; without a schema it takes anything."""
    return Decoy(ToolSpec(name=name, description=description, schema=schema or _ANYTHING, effect="read", retries=0))
