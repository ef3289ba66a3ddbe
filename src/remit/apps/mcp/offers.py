"""Offers: what an MCP client may call here. Each call is a session: limited, guarded, journalled and resumable."""

from dataclasses import dataclass
from typing import Protocol

import mcp_types as types
import msgspec

from remit.apps.mcp.one_call import Wanted
from remit.apps.mcp.port import Sessions, Tell, Wish
from remit.apps.mcp.promised import Promise, promise
from remit.core.agent import Agent
from remit.core.errors import RejectedError
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

    async def call(self, sessions: Sessions, args: JsonObject, sent: Sent, tell: Tell) -> RunResult:
        """Do it; raise `RejectedError` for bad arguments."""
        ...

    async def resume(self, sessions: Sessions, session: str, run: int, tell: Tell) -> RunResult:
        """Go on with what was called before."""
        ...

    async def told(self, sessions: Sessions, result: RunResult) -> types.CallToolResult:
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

    async def call(self, sessions: Sessions, args: JsonObject, sent: Sent, tell: Tell) -> RunResult:
        """Give it the task; the session is named in the result, so that it can go on."""
        try:
            task = msgspec.convert(args, _Task)
        except msgspec.ValidationError as error:
            raise RejectedError(str(error)) from None
        if task.session and not await sessions.known(self.agent, task.session):
            raise RejectedError(f"no session {task.session!r}")
        return await sessions.run(self.agent, Wish(task.message, sent.key, task.session, sent.trace), tell)

    async def resume(self, sessions: Sessions, session: str, run: int, tell: Tell) -> RunResult:
        """See `Offer.resume`."""
        return await sessions.resume(self.agent, session, run, tell)

    async def told(self, sessions: Sessions, result: RunResult) -> types.CallToolResult:
        """Tell its answer, or why there is none."""
        return told(result.output, result, self.promise)


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool of an agent, called through the gateway by an agent that does nothing else."""

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

    async def call(self, sessions: Sessions, args: JsonObject, sent: Sent, tell: Tell) -> RunResult:
        """Make the call; the same idempotency key again is the same call."""
        text = msgspec.json.encode(Wanted(self.spec.name, args)).decode()
        key = sent.key and f"{self.spec.name}\0{sent.key}"
        return await sessions.run(self.agent, Wish(text, key, trace=sent.trace), tell)

    async def resume(self, sessions: Sessions, session: str, run: int, tell: Tell) -> RunResult:
        """See `Offer.resume`."""
        return await sessions.resume(self.agent, session, run, tell)

    async def told(self, sessions: Sessions, result: RunResult) -> types.CallToolResult:
        """Tell what the tool gave, or why it did not."""
        if result.status != "done":
            return told(None, result, None)
        made = msgspec.convert(result.output, _Made)
        output = made.output
        if made.blob:
            output = msgspec.json.decode(await sessions.blob(made.blob))
        # A call that was only simulated must look like one that was made.
        return told(output, result, self.promise, failed=made.status not in {"ok", "simulated"})


def agent_offer(agent: Agent) -> AgentOffer:
    """Offer an agent, with the shape that its answers have."""
    return AgentOffer(agent, promise(agent.output.schema if agent.output is not None else None))


def failure(text: str) -> types.CallToolResult:
    """Say why a call failed, so that a model can read it."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


def told(
    output: JsonValue, result: RunResult, promise: Promise | None, *, failed: bool = False
) -> types.CallToolResult:
    """Tell the output of a run, as was promised, or why there is none."""
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
    said = f"waiting: {result.reason} (session {result.session}). A person must decide:\n{what}"
    return types.CallToolResult(content=[types.TextContent(type="text", text=said)], is_error=True, _meta=about)
