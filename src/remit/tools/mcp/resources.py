"""Resources of an MCP server, as two tools: list them, and read one."""

from dataclasses import dataclass
from typing import Any, Literal

import mcp_types as types
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from remit.core.errors import RejectedError, ToolError
from remit.core.ports import Probe, ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.tools.mcp.arguments import SchemaCheck
from remit.tools.mcp.callbacks import Ongoing, Raw
from remit.tools.mcp.contract import legal_name, legible
from remit.tools.mcp.elicitation import Dialogue, resumed
from remit.tools.mcp.faults import GONE, told
from remit.tools.mcp.results import resource
from remit.tools.mcp.tool import Habits, Server, within

_LISTING: JsonObject = {
    "type": "object",
    "properties": {"cursor": {"type": "string", "description": "Where the last list ended; leave it out to begin."}},
    "additionalProperties": False,
}
_READING: JsonObject = {
    "type": "object",
    "properties": {"uri": {"type": "string", "description": "The URI of the resource."}},
    "required": ["uri"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class ResourceTool:
    """A tool that lists the resources of a server, or reads one of them."""

    server: Server
    verb: Literal["list", "read"]
    timeout: float
    habits: Habits

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        listing = self.verb == "list"
        name = legal_name(self.server.name, "list_resources" if listing else "read_resource")
        said = "List the resources" if listing else "Read a resource"
        return ToolSpec(
            name=name,
            description=f"{said} of {legible(self.server.name)}.",
            schema=_LISTING if listing else _READING,
            effect="read",
            timeout=self.timeout,
        )

    def check(self, args: JsonObject) -> str:
        """Say what is wrong with these arguments; empty when nothing is."""
        return SchemaCheck(self.spec.schema).problem(args)

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """List or read; raise `RejectedError` when the server says no.

        Raise `InputRequiredError` when it wants a person asked first.
        """
        problem = self.check(args)
        if problem:
            raise RejectedError(problem)
        dialogue = resumed(context.resume)
        client = await self.server.client(self.timeout / 2)
        try:
            with within(context.trace if self.habits.traced else ""):
                return await (self._list(client, args) if self.verb == "list" else self._read(client, args, dialogue))
        except MCPError as error:
            if error.code == GONE:
                self.server.forget(error.message)
            raise told(error, self.server.name) from error
        except ValidationError as error:
            raise ToolError(f"MCP server {self.server.name!r} answered what is no answer") from error

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Say that nobody can tell."""
        return None

    async def _list(self, client: Client, args: JsonObject) -> JsonValue:
        cursor = args.get("cursor")
        found = await client.list_resources(cursor=cursor if isinstance(cursor, str) else None)
        listed: list[JsonValue] = [_told(one) for one in found.resources]
        more: JsonObject = {"cursor": found.next_cursor} if found.next_cursor else {}
        return {"resources": listed, **more}

    async def _read(self, client: Client, args: JsonObject, dialogue: Dialogue) -> JsonValue:
        async def send(responses: JsonObject) -> dict[str, Any]:
            params = types.ReadResourceRequestParams.model_validate({"uri": args["uri"], **responses})
            return (await client.session.send_request(types.ReadResourceRequest(params=params), Raw)).root

        raw = await self.server.callbacks.rounds(Ongoing(dialogue, repeatable=True), send)
        return [resource(one, self.habits.files) for one in types.ReadResourceResult.model_validate(raw).contents]


def _told(one: types.Resource) -> JsonObject:
    said: JsonObject = {"uri": one.uri, "name": one.name}
    if one.mime_type:
        said["media"] = one.mime_type
    if one.description:
        said["description"] = legible(one.description)
    return said
