"""Tools for the tests: one whose answers and refusals a test says, and small ways to check it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from remit.core.ports import Probe, ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.tools.checking import Breach, Checked, Options, check_tools
from remit.tools.checking.fitting import Fitting

Act = Callable[[JsonObject, ToolContext], Awaitable[JsonValue]]
Check = Callable[[JsonObject], str]


async def fine(args: JsonObject, context: ToolContext) -> JsonValue:
    """Answer."""
    return {"ok": True}


@dataclass
class Told:
    """A tool that does what it is told, and keeps what it was called with."""

    spec: ToolSpec
    act: Act = fine
    checks: Check | None = None
    calls: list[tuple[JsonObject, str]] = field(default_factory=list[tuple[JsonObject, str]])

    def check(self, args: JsonObject) -> str:
        """Say what is wrong, by the schema unless told otherwise."""
        if self.checks is not None:
            return self.checks(args)
        problems = Fitting(self.spec.schema).problems(args)
        return "\n".join(f"{'.'.join(map(str, one.path)) or 'arguments'}: {one.text}" for one in problems)

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Act."""
        self.calls.append((args, context.key))
        return await self.act(args, context)

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Say that it cannot be told."""
        return None


def schema(*required: str, **properties: JsonValue) -> JsonObject:
    """Make a closed schema of arguments."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def read(arguments: JsonObject, act: Act = fine, checks: Check | None = None, output: JsonObject | None = None) -> Told:
    """Make a tool that reads."""
    return Told(ToolSpec(name="t", description="", schema=arguments, output=output, effect="read"), act, checks)


async def checked(tool: Told, options: Options | None = None) -> Checked:
    """Check one tool."""
    (found,) = (await check_tools([tool], options or Options())).tools
    return found


def met(found: Checked) -> list[tuple[str, str, str]]:
    """Give the breaches in short: phase, kind and field."""
    return [short(breach) for breach in found.breaches]


def short(breach: Breach) -> tuple[str, str, str]:
    """Give a breach in short."""
    return breach.phase, breach.kind, breach.field
