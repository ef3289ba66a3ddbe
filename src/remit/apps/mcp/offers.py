"""Offers: what an MCP client may call here. Each call is a session: limited, guarded, journalled and resumable."""

from dataclasses import dataclass
from typing import Protocol

import mcp_types as types
import msgspec

from remit.apps.mcp.one_call import Wanted
from remit.apps.mcp.sessions import PREFIX, Sessions, Tell, Wish
from remit.core.agent import Agent
from remit.core.ports import ToolSpec
from remit.core.values import JsonObject, JsonValue, usd
from remit.runtime import RunResult
from remit.telemetry import json_text


class Offer(Protocol):
    """Something that can be called."""

    @property
    def tool(self) -> types.Tool:
        """How it is listed."""
        ...

    async def call(self, args: JsonObject, key: str, tell: Tell) -> types.CallToolResult:
        """Do it; `key` is the client's idempotency key, if it gave one."""
        ...


class _Task(msgspec.Struct, forbid_unknown_fields=True):
    message: str
    session: str = ""


class _Made(msgspec.Struct):
    status: str
    output: JsonValue = None
    blob: str = ""


@dataclass(frozen=True, slots=True)
class AgentOffer:
    """A whole agent as one tool: it is given a task and works until it answers or waits."""

    sessions: Sessions
    agent: Agent

    @property
    def tool(self) -> types.Tool:
        """How it is listed; its instructions are nobody's business."""
        message: JsonObject = {"type": "string", "description": "The task, or what to say next."}
        session: JsonObject = {"type": "string", "description": "Go on in this session of an earlier answer."}
        return types.Tool(
            name=self.agent.name,
            description=f"Give the agent {self.agent.name} a task. It works on its own and answers.",
            input_schema={
                "type": "object",
                "properties": {"message": message, "session": session},
                "required": ["message"],
                "additionalProperties": False,
            },
        )

    async def call(self, args: JsonObject, key: str, tell: Tell) -> types.CallToolResult:
        """Give it the task; the session is named in the result, so that it can go on."""
        try:
            task = msgspec.convert(args, _Task)
        except msgspec.ValidationError as error:
            return failure(str(error))
        if task.session and not task.session.startswith(PREFIX):
            return failure(f"no session {task.session!r}")
        result = await self.sessions.run(self.agent, Wish(task.message, key, task.session), tell)
        if result.status != "done":
            return _unfinished(result)
        return _told(result.output, result)


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool of an agent, called through the gateway by an agent that does nothing else."""

    sessions: Sessions
    caller: Agent
    spec: ToolSpec

    @property
    def tool(self) -> types.Tool:
        """How it is listed."""
        read, again = self.spec.effect == "read", self.spec.effect != "once"
        return types.Tool(
            name=self.spec.name,
            description=self.spec.description,
            input_schema=self.spec.schema,
            annotations=types.ToolAnnotations(read_only_hint=read, idempotent_hint=again),
        )

    async def call(self, args: JsonObject, key: str, tell: Tell) -> types.CallToolResult:
        """Make the call; the same idempotency key again is the same call."""
        text = msgspec.json.encode(Wanted(self.spec.name, args)).decode()
        result = await self.sessions.run(self.caller, Wish(text, key and f"{self.spec.name}\0{key}"), tell)
        if result.status != "done":
            return _unfinished(result)
        made = msgspec.convert(result.output, _Made)
        output = made.output
        if made.blob:
            output = msgspec.json.decode(await self.sessions.home.store.get(made.blob))
        # A call that was only simulated must look like one that was made.
        return _told(output, result, failed=made.status not in {"ok", "simulated"})


def failure(text: str) -> types.CallToolResult:
    """Say why a call failed, so that a model can read it."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


def _told(output: JsonValue, result: RunResult, *, failed: bool = False) -> types.CallToolResult:
    text = types.TextContent(type="text", text=json_text(output))
    about: JsonObject = {"remit/session": result.session, "remit/cost-usd": usd(result.spent)}
    return types.CallToolResult(content=[text], is_error=failed, _meta=about)


def _unfinished(result: RunResult) -> types.CallToolResult:
    about: JsonObject = {"remit/session": result.session, "remit/cost-usd": usd(result.spent)}
    said = f"{result.status}: {result.reason}"
    if result.status == "waiting":
        said += f" (session {result.session}). A person must decide; then make exactly this call again for its result."
    return types.CallToolResult(content=[types.TextContent(type="text", text=said)], is_error=True, _meta=about)
