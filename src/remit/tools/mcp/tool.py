"""Tools of an MCP server, as `Tool`s: checked, called, and told apart by what is known of how a call ended."""

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import mcp_types as types
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from opentelemetry import context as ambient
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pydantic import ValidationError

from remit.core.errors import InputRequiredError, RejectedError, ToolError
from remit.core.ports import Probe, ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.tools.mcp.arguments import SchemaCheck
from remit.tools.mcp.callbacks import Callbacks, Ongoing, Raw
from remit.tools.mcp.elicitation import Dialogue, resumed, visit
from remit.tools.mcp.faults import GONE, pages, told
from remit.tools.mcp.results import text_of, written

KEY = "remit/idempotency-key"
"""Under which name a server that is trusted is told the idempotency key, in `_meta`."""


TRACE = "traceparent"
"""Under which name a server is told in which trace a call is, in `_meta`, as SEP-414 of the protocol says."""

_W3C = TraceContextTextMapPropagator()


@contextlib.contextmanager
def within(trace: str) -> Generator[None]:
    """Have what the SDK sends meanwhile be in this trace: it tells servers, and its own spans stand below the call."""
    if not trace:
        yield
        return
    token = ambient.attach(_W3C.extract({TRACE: trace}))
    try:
        yield
    finally:
        ambient.detach(token)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a server says that a call has come."""

    tool: str
    session: str
    call: str
    done: float
    total: float | None = None
    message: str = ""


class Server(Protocol):
    """What a tool needs of its server."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    @property
    def callbacks(self) -> Callbacks:
        """Who answers it."""
        ...

    async def client(self, wait: float) -> Client:
        """Give a connected client; raise `RejectedError` when there is none."""
        ...

    def changed(self, tool: str) -> str:
        """Say how a tool is no longer what it was when it was opened; empty when it is."""
        ...

    def forget(self, why: str) -> None:
        """Begin a new connection at the next call."""
        ...


@dataclass(frozen=True, slots=True)
class Habits:
    """What is the same for all tools of a server."""

    trusted: bool = False
    files: Path | None = None
    progress: Callable[[Progress], None] | None = None
    traced: bool = True
    """Whether the server is told in which trace a call is."""


@dataclass(eq=False, slots=True)
class McpTool:
    """One tool of a server."""

    server: Server
    offered: types.Tool
    contract: ToolSpec
    failures: Literal["told", "doubted"] = "told"
    habits: Habits = Habits()
    _arguments: SchemaCheck = field(init=False)
    _promised: SchemaCheck | None = field(init=False)

    def __post_init__(self) -> None:
        """Compile the schemas."""
        self._arguments = SchemaCheck(self.offered.input_schema)
        promised = self.offered.output_schema
        self._promised = None if promised is None else SchemaCheck(promised)

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        return self.contract

    def check(self, args: JsonObject) -> str:
        """Say what is wrong with these arguments; empty when nothing is."""
        return self._arguments.problem(self._arguments.pruned(args))

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Call it; raise `RejectedError` when surely nothing happened, `ToolError` when nobody can know.

        Raise `InputRequiredError` when the server wants a person asked first.
        """
        problem = self.check(args)
        if problem:
            raise RejectedError(problem)
        dialogue = resumed(context.resume)
        client = await self.server.client(self.contract.timeout / 2)
        changed = self.server.changed(self.offered.name)
        if changed:
            raise RejectedError(
                f"{self.contract.name} is withheld: {changed}. A person must look at it and open a new session"
            )
        ongoing = Ongoing(dialogue, self.contract.effect != "once")
        try:
            result = await self._result(client, args, context, ongoing)
        except MCPError as error:
            if error.code == GONE:
                self.server.forget(error.message)
            raise _sent_away(error, dialogue) or told(error, self.server.name) from error
        except ValidationError as error:
            raise ToolError(f"MCP server {self.server.name!r} answered what is no answer: {_first(error)}") from error
        if result.is_error:
            self._fail(result, ongoing)
        return self._written(result, ongoing)

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Say that nobody can tell: MCP has no way to ask."""
        return None

    async def _result(
        self, client: Client, args: JsonObject, context: ToolContext, ongoing: Ongoing
    ) -> types.CallToolResult:
        meta: JsonObject = {KEY: context.key} if self.habits.trusted and context.key else {}
        trace = context.trace if self.habits.traced else ""
        meta |= {TRACE: trace} if trace else {}
        call: JsonObject = {"name": self.offered.name, "arguments": self._arguments.pruned(args)}
        call |= {"_meta": meta} if meta else {}

        async def send(responses: JsonObject) -> dict[str, Any]:
            params = types.CallToolRequestParams.model_validate({**call, **responses})
            request = types.CallToolRequest(params=params)
            with within(trace):
                return (await client.session.send_request(request, Raw, progress_callback=self._hear(context))).root

        return types.CallToolResult.model_validate(await self.server.callbacks.rounds(ongoing, send))

    def _hear(self, context: ToolContext) -> "_Hears | None":
        listener = self.habits.progress
        if listener is None:
            return None
        return _Hears(listener, self.contract.name, context)

    def _fail(self, result: types.CallToolResult, ongoing: Ongoing) -> None:
        said = " ".join([text_of(result.content) or "it does not say why", *_unanswered(ongoing)])
        if self.failures == "doubted":
            raise ToolError(f"{self.contract.name} says that it failed, and perhaps half-way: {said}")
        raise RejectedError(said)

    def _written(self, result: types.CallToolResult, ongoing: Ongoing) -> JsonValue:
        output = written(result, self.habits.files, self._mismatch(result))
        warnings = _unanswered(ongoing)
        return {"done": True, "warning": " ".join(warnings), "result": output} if warnings else output

    def _mismatch(self, result: types.CallToolResult) -> str:
        if self._promised is None:
            return ""
        if result.structured_content is None:
            return "it has no structured content"
        return self._promised.problem(result.structured_content)


@dataclass(frozen=True, slots=True)
class _Hears:
    listener: Callable[[Progress], None]
    tool: str
    context: ToolContext

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.listener(Progress(self.tool, self.context.session, self.context.call, progress, total, message or ""))


def _sent_away(error: MCPError, dialogue: Dialogue) -> InputRequiredError | None:
    """Have a person asked to visit pages first, if that is the error, and once only."""
    wanted = pages(error)
    if not wanted or dialogue.given:
        return None
    return dialogue.ask_amid(visit(wanted))


def _unanswered(ongoing: Ongoing) -> list[str]:
    return [f"It wanted to ask a person, and nobody could answer at once: {asked}" for asked in ongoing.declined]


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
