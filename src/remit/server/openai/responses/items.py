"""Items: a turn as a response of OpenAI's, with what the agent said, did and asks for as its output."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.server.openai.marks import request_id
from remit.server.openai.turns import Acted, Asks, Piece, Remit, Spoke, Status, Turn

RESPONSE = "resp_"


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A text of an answer."""

    type: str = "output_text"
    text: str
    annotations: tuple[()] = ()
    logprobs: tuple[()] = ()


class MessageItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something the agent said."""

    id: str
    type: str = "message"
    role: str = "assistant"
    status: str = "completed"
    content: tuple[Words, ...]


class CallItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something the agent did."""

    id: str
    type: str = "mcp_call"
    server_label: str
    name: str
    arguments: str
    status: Literal["completed", "failed"]
    output: str | None
    error: JsonValue
    approval_request_id: str | None


class AskItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something the agent may not do before a person allows it."""

    id: str
    type: str = "mcp_approval_request"
    server_label: str
    name: str
    arguments: str


Item = MessageItem | CallItem | AskItem


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    code: str = "server_error"
    message: str


class _Usage(msgspec.Struct, frozen=True, kw_only=True):
    input_tokens: int
    input_tokens_details: JsonObject
    output_tokens: int
    output_tokens_details: JsonObject
    total_tokens: int


class ResponseBody(msgspec.Struct, frozen=True, kw_only=True):
    """A response."""

    id: str
    object: str = "response"
    created_at: float
    completed_at: float | None
    status: Status
    background: bool = False
    error: _Error | None
    incomplete_details: JsonObject | None
    instructions: None = None
    metadata: JsonObject
    model: str
    output: tuple[Item, ...]
    parallel_tool_calls: bool = True
    previous_response_id: str | None
    store: bool = True
    temperature: None = None
    text: JsonObject
    tool_choice: str = "none"
    tools: tuple[()] = ()
    top_p: None = None
    truncation: str = "disabled"
    usage: _Usage | None
    remit: Remit


@dataclass(frozen=True, slots=True)
class Echo:
    """What a request said that its response says again."""

    metadata: JsonObject
    previous: str | None = None
    background: bool = False


def response(turn: Turn, echo: Echo) -> ResponseBody:
    """Show a turn as it is now."""
    failed = turn.end > 0 and turn.how not in {None, "done"}
    why = f"the run ended as {turn.how}" + (f": {turn.why}" if turn.why else "")
    return ResponseBody(
        id=turn.mark.written(RESPONSE),
        created_at=turn.began // 1000,
        completed_at=turn.ended // 1000 if turn.status == "completed" else None,
        status=turn.status,
        background=echo.background,
        error=_Error(message=why) if failed else None,
        incomplete_details={"reason": None} if turn.status == "incomplete" else None,
        metadata=echo.metadata,
        model=turn.agent,
        output=items(turn, turn.pieces),
        previous_response_id=echo.previous,
        text={"format": {"type": "text"}},
        usage=_usage(turn) if turn.end else None,
        remit=turn.remit,
    )


def items(turn: Turn, pieces: Sequence[Piece]) -> tuple[Item, ...]:
    """Show pieces of a turn as output."""
    return tuple([_item(turn, piece) for piece in pieces])


def message_id(turn: Turn, seq: int) -> str:
    """Give the id of what is said from an event on."""
    return f"msg_{turn.mark.session}.{seq}"


def _item(turn: Turn, piece: Piece) -> Item:
    session = turn.mark.session
    match piece:
        case Spoke():
            return MessageItem(id=message_id(turn, piece.seq), content=(Words(text=piece.text),))
        case Acted():
            return _acted(turn, piece)
        case Asks():
            return AskItem(
                id=request_id(session, piece.asked),
                server_label=turn.agent,
                name=piece.call.tool,
                arguments=_json(piece.call.args),
            )
        case _:
            assert_never(piece)


def _acted(turn: Turn, piece: Acted) -> CallItem:
    session, call, outcome = turn.mark.session, piece.call, piece.outcome
    good = outcome.status in {"ok", "simulated"}
    told = outcome.output if isinstance(outcome.output, str) else _json(outcome.output)
    error: JsonObject = {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": told}]}
    return CallItem(
        id=f"mcp_{session}.{call.id}",
        server_label=turn.agent,
        name=call.tool,
        arguments=_json(call.args),
        status="completed" if good else "failed",
        output=told if good else None,
        error=None if good else error,
        approval_request_id=request_id(session, piece.asked) if piece.asked is not None else None,
    )


def _usage(turn: Turn) -> _Usage:
    return _Usage(
        input_tokens=turn.input,
        input_tokens_details={"cached_tokens": turn.cached, "cache_write_tokens": turn.cache_written},
        output_tokens=turn.output,
        output_tokens_details={"reasoning_tokens": turn.reasoning},
        total_tokens=turn.input + turn.output,
    )


def _json(value: JsonValue) -> str:
    return msgspec.json.encode(value).decode()
