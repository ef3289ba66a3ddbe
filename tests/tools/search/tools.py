"""Tools to search among: contracts without a world behind them, and groups that say when they are open."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from remit.core.errors import ConfigError
from remit.core.ports import Probe, Tool, ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue


@dataclass(eq=False)
class Plain:
    """A tool that gives its arguments back and counts its calls."""

    spec: ToolSpec
    calls: list[JsonObject] = field(default_factory=list[JsonObject])

    def check(self, args: JsonObject) -> str:
        return "" if "id" in args else "id: is required"

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        self.calls.append(args)
        return {"did": self.spec.name, **args}

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        return Probe(happened=True, output=context.key)


@dataclass(eq=False)
class Group:
    """A toolset that may refuse to open."""

    name: str
    tools: Sequence[Tool] = ()
    broken: bool = False
    events: list[str] = field(default_factory=list[str])

    async def open(self) -> Sequence[Tool]:
        if self.broken:
            raise ConfigError(f"{self.name} cannot be opened")
        self.events.append(f"open {self.name}")
        return self.tools

    async def close(self) -> None:
        self.events.append(f"close {self.name}")


def spec(name: str, description: str = "", *arguments: str, **rest: str) -> ToolSpec:
    """Write a contract; `rest` are fields of text, such as `source`."""
    properties: JsonObject = {argument: {"type": "string"} for argument in ("id", *arguments)}
    schema: JsonObject = {"type": "object", "properties": properties, "required": ["id"]}
    return ToolSpec(
        name=name,
        description=description,
        schema=schema,
        effect="read",
        source=rest.get("source", ""),
        deprecated=rest.get("deprecated", ""),
        withheld=rest.get("withheld", ""),
    )


SPECS = (
    spec("jira_create_issue", "Create a new issue.", "title", source="openapi:jira"),
    spec("jira_delete_issue", "Delete an issue permanently.", source="openapi:jira"),
    spec("github_create_issue", "Create a new issue.", "title", source="openapi:github"),
    spec("githubMergePullRequest", "Merge proposed commits.", source="openapi:github"),
    spec("track_shipment", "Where goods are on their way.", "carrier", source="openapi:dhl"),
    spec("refund_payment", "Give money back to a payer.", "amount", source="openapi:stripe"),
)
