"""Offers: what an MCP client may call here. Each call is a session: limited, guarded, journalled and resumable."""

from dataclasses import dataclass
from typing import Protocol

import mcp_types as types
import msgspec

from remit.apps.mcp.one_call import Wanted
from remit.apps.mcp.promised import Promise
from remit.apps.mcp.sessions import PREFIX, Sessions, Tell, Wish
from remit.core.agent import Agent
from remit.core.errors import RejectedError
from remit.core.events import SessionOpened
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue, usd
from remit.runtime import RunResult
from remit.telemetry import json_text


class Sent(msgspec.Struct, frozen=True):
    """What a client sends beside the arguments."""

    key: str = ""
    """Its idempotency key, if it gave one."""
    trace: str = ""
    """The W3C `traceparent` of its call, if it is in a trace."""


class Offer(Protocol):
    """Something that can be called."""

    @property
    def tool(self) -> types.Tool:
        """How it is listed."""
        ...

    @property
    def agent(self) -> Agent:
        """Who does it."""
        ...

    async def call(self, args: JsonObject, sent: Sent, tell: Tell) -> RunResult:
        """Do it; raise `RejectedError` for bad arguments."""
        ...

    async def told(self, result: RunResult) -> types.CallToolResult:
        """Tell a client what came of it."""
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
    promise: Promise | None = None

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
            output_schema=self.promise.schema if self.promise else None,
        )

    async def call(self, args: JsonObject, sent: Sent, tell: Tell) -> RunResult:
        """Give it the task; the session is named in the result, so that it can go on."""
        try:
            task = msgspec.convert(args, _Task)
        except msgspec.ValidationError as error:
            raise RejectedError(str(error)) from None
        if task.session and not await self._known(task.session):
            raise RejectedError(f"no session {task.session!r}")
        return await self.sessions.run(self.agent, Wish(task.message, sent.key, task.session, sent.trace), tell)

    async def told(self, result: RunResult) -> types.CallToolResult:
        """Tell its answer, or why there is none."""
        return _told(result.output, result, self.promise)

    async def _known(self, session: str) -> bool:
        records = await self.sessions.home.store.read(session) if session.startswith(PREFIX) else []
        first = records[0].event if records else None
        return isinstance(first, SessionOpened) and first.agent == self.agent.name


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool of an agent, called through the gateway by an agent that does nothing else."""

    sessions: Sessions
    agent: Agent
    """Calls what it is told to, under the guards and limits of the agent whose tool it is."""
    spec: ToolSpec
    promise: Promise | None = None

    @property
    def tool(self) -> types.Tool:
        """How it is listed."""
        read, again = self.spec.effect == "read", self.spec.effect != "once"
        return types.Tool(
            name=self.spec.name,
            description=self.spec.description,
            input_schema=self.spec.schema,
            annotations=types.ToolAnnotations(read_only_hint=read, idempotent_hint=again),
            output_schema=self.promise.schema if self.promise else None,
        )

    async def call(self, args: JsonObject, sent: Sent, tell: Tell) -> RunResult:
        """Make the call; the same idempotency key again is the same call."""
        text = msgspec.json.encode(Wanted(self.spec.name, args)).decode()
        key = sent.key and f"{self.spec.name}\0{sent.key}"
        return await self.sessions.run(self.agent, Wish(text, key, trace=sent.trace), tell)

    async def told(self, result: RunResult) -> types.CallToolResult:
        """Tell what the tool gave, or why it did not."""
        if result.status != "done":
            return _told(None, result, None)
        made = msgspec.convert(result.output, _Made)
        output = made.output
        if made.blob:
            output = msgspec.json.decode(await self.sessions.home.store.get(made.blob))
        # A call that was only simulated must look like one that was made.
        return _told(output, result, self.promise, failed=made.status not in {"ok", "simulated"})


def failure(text: str) -> types.CallToolResult:
    """Say why a call failed, so that a model can read it."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


def _told(
    output: JsonValue, result: RunResult, promise: Promise | None, *, failed: bool = False
) -> types.CallToolResult:
    about: JsonObject = {"remit/session": result.session, "remit/cost-usd": usd(result.spent)}
    text, structured = json_text(output), None
    if result.status != "done":
        text, failed = f"{result.status}: {result.reason}", True
    elif promise is not None and not failed:
        structured, problem = promise.kept(output)
        if problem:
            # A client must not be given what it was told it would not get.
            text, failed = f"the result is not what was promised: {problem}\n{text}", True
    content: list[types.ContentBlock] = [types.TextContent(type="text", text=text)]
    return types.CallToolResult(content=content, structured_content=structured, is_error=failed, _meta=about)


def waits(result: RunResult, what: str) -> types.CallToolResult:
    """Say what a run waits for, and what to do."""
    about: JsonObject = {"remit/session": result.session, "remit/cost-usd": usd(result.spent)}
    said = f"waiting: {result.reason} (session {result.session}). A person must decide:\n{what}\n"
    said += "Then make exactly this call again for its result."
    return types.CallToolResult(content=[types.TextContent(type="text", text=said)], is_error=True, _meta=about)
