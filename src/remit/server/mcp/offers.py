"""Offers beside agents: a session is found again, or ended, by who knows its id."""

from dataclasses import dataclass

import mcp_types as types
import msgspec

from remit.apps.mcp.offers import Sent, told
from remit.apps.mcp.port import Sessions, Tell
from remit.core.errors import RejectedError
from remit.core.values import JsonObject
from remit.runtime import RunResult
from remit.server.mcp.served import RESUME, ServedSessions

CANCEL = "remit_cancel"


class _Which(msgspec.Struct, forbid_unknown_fields=True):
    session: str


@dataclass(frozen=True, slots=True)
class ResumeOffer:
    """Finds a session again: what came of it, or what it waits for, which is then asked."""

    @property
    def tool(self) -> types.Tool:
        """How it is listed."""
        said = (
            "Get what came of a session of an agent, or wait for it, after a person decided or the connection was cut."
        )
        hints = types.ToolAnnotations(read_only_hint=True, idempotent_hint=True)
        return types.Tool(name=RESUME, description=said, input_schema=_schema(), annotations=hints)

    async def call(self, sessions: Sessions, args: JsonObject, sent: Sent, tell: Tell) -> RunResult:
        """Wait for its newest run."""
        return await _served(sessions).resume(None, _which(args), 0, tell)

    async def resume(self, sessions: Sessions, session: str, run: int, tell: Tell) -> RunResult:
        """Go on after a decision."""
        return await _served(sessions).resume(None, session, run, tell)

    async def told(self, sessions: Sessions, result: RunResult) -> types.CallToolResult:
        """Tell its answer, or why there is none."""
        return told(result.output, result, None)


@dataclass(frozen=True, slots=True)
class CancelOffer:
    """Ends what a session does."""

    @property
    def tool(self) -> types.Tool:
        """How it is listed."""
        said = "End what an agent does in a session, after the step it is in."
        hints = types.ToolAnnotations(idempotent_hint=True, destructive_hint=True)
        return types.Tool(name=CANCEL, description=said, input_schema=_schema(), annotations=hints)

    async def call(self, sessions: Sessions, args: JsonObject, sent: Sent, tell: Tell) -> RunResult:
        """End the run under way."""
        return await _served(sessions).cancel(_which(args), tell)

    async def resume(self, sessions: Sessions, session: str, run: int, tell: Tell) -> RunResult:
        """Say how it stands."""
        return await _served(sessions).resume(None, session, run, tell)

    async def told(self, sessions: Sessions, result: RunResult) -> types.CallToolResult:
        """Tell how the run ended: not as a failure of this call."""
        said = types.TextContent(type="text", text=f"{result.status}: {result.reason}".removesuffix(": "))
        return types.CallToolResult(content=[said], _meta={"remit/session": result.session})


def _schema() -> JsonObject:
    session: JsonObject = {
        "type": "string",
        "description": "The session, as an earlier answer or its progress named it.",
    }
    return {
        "type": "object",
        "properties": {"session": session},
        "required": ["session"],
        "additionalProperties": False,
    }


def _which(args: JsonObject) -> str:
    try:
        return msgspec.convert(args, _Which).session
    except msgspec.ValidationError as error:
        raise RejectedError(str(error)) from None


def _served(sessions: Sessions) -> ServedSessions:
    assert isinstance(sessions, ServedSessions)
    return sessions
