"""The wire of Anthropic's messages."""

import base64
from collections.abc import Mapping, Sequence
from typing import Literal

from remit.core.errors import ModelError, ModelRequestError
from remit.core.messages import AssistantMessage, Message, Part, ToolMessage, UserMessage
from remit.core.ports import Reply, Request
from remit.core.values import JsonObject, JsonValue
from remit.models.wires import schemas
from remit.models.wires.anthropic_reading import AnthropicReader, read_whole
from remit.models.wires.legible import (
    NOTHING_SAID,
    chosen,
    encode,
    heard,
    identifier,
    merged,
    output,
    shape_told,
    tool_name,
)
from remit.models.wires.order import Said, Thought, pieces
from remit.models.wires.port import Blobs, Reader
from remit.models.wires.statuses import status_error

_VERSION = "2023-06-01"
_LONGEST_ID = 64
_LONGEST_NAME = 128
_LEAST_THINKING = 1024
_HEAD = ("model", "system", "tools")
_OURS = ("messages", "stream")
_WITH_TOOLS = ("tool_choice",)
"""Options that the provider refuses when no tools are on offer."""

_CACHE: JsonObject = {"type": "ephemeral"}
_BINDING_BETA = "thinking-binding-controls-2026-08-01"
_BINDING: JsonObject = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}

_LOOSE = (
    "claude-2",
    "claude-3",
    "claude-4-",
    "claude-instant",
    "claude-opus-4-0",
    "claude-opus-4-2",
    "claude-opus-4@",
    "claude-sonnet-4-0",
    "claude-sonnet-4-2",
    "claude-sonnet-4@",
)
"""How the names of the models begin that cannot be held to a schema."""

_BOUND = (
    "claude-fable-5-1",
    "claude-fable-5-2",
    "claude-haiku-5-5",
    "claude-mythos-5-2",
    "claude-opus-5-5",
    "claude-sonnet-5-5",
)
"""How the names of the models begin that refuse thoughts once what was before them, such as the tools, has changed."""

_IMAGES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})
_TEXTS = frozenset({"application/json", "application/xml", "application/yaml"})


class AnthropicMessages:
    """Writes and reads Anthropic's messages.

    A shape is asked for natively where the model can be held to it; else a user turn at the very end, after all that
    is cached, tells it.
    """

    def __init__(self, model: str, *, options: JsonObject | None = None) -> None:
        """Override fields of the request with options, where `None` takes a field away.

        `betas` becomes the header; a budget for thinking that leaves no room for an answer is made smaller.
        """
        self._model = model
        self._options = chosen(options or {}, model, _OURS)
        betas = self._options.pop("betas", None)
        self._betas = [str(beta) for beta in betas] if isinstance(betas, list) else []
        self._claude = model.startswith("claude")
        self._strict = self._claude and not model.startswith(_LOOSE)
        self._bound = model.startswith(_BOUND) and self._adaptive()

    @property
    def name(self) -> Literal["anthropic"]:
        """`anthropic`."""
        return "anthropic"

    @property
    def path(self) -> str:
        """What follows the base URL, which ends in `/v1`."""
        return "/messages"

    def headers(self, key: str) -> dict[str, str]:
        """The headers of a call; no credential when the key is empty."""
        headers = {"content-type": "application/json", "anthropic-version": _VERSION}
        if betas := [*self._betas, *([_BINDING_BETA] if self._bound else [])]:
            headers["anthropic-beta"] = ",".join(dict.fromkeys(betas))
        if key:
            headers["x-api-key"] = key
        return headers

    def head(self, request: Request) -> bytes:
        """Model, instructions and tools, the last two marked for the prompt cache; ends with the opened messages."""
        fields: JsonObject = {"model": self._model}
        if request.instructions.strip():
            fields["system"] = [{"type": "text", "text": request.instructions, "cache_control": _CACHE}]
        if request.tools:
            fields["tools"] = self._tools(request)
        chosen = {name: option for name, option in self._options.items() if name in _HEAD}
        return encode(merged(fields, chosen))[:-1] + b',"messages":['

    def _tools(self, request: Request) -> list[JsonValue]:
        exact = schemas.fitted([tool.schema for tool in request.tools], schemas.ANTHROPIC) if self._strict else []
        tools: list[JsonValue] = []
        for number, tool in enumerate(request.tools):
            held = exact[number] if exact else None
            told: JsonObject = {
                "name": tool.name,
                "description": tool.description or tool.name,
                "input_schema": {"type": "object", **tool.schema} if held is None else held,
            }
            if held is not None:
                told["strict"] = True
            if tool is request.tools[-1]:
                told["cache_control"] = _CACHE
            tools.append(told)
        return tools

    def turn(self, messages: Sequence[Message], blobs: Blobs) -> bytes:
        """Write one assistant message, or all between two of them as one user message, outcomes of calls first."""
        first = messages[0]
        if isinstance(first, AssistantMessage):
            return encode({"role": "assistant", "content": self._answer(first)})
        outcomes, said = heard(messages)
        content = [_outcome(message) for message in outcomes]
        for message in said:
            content.extend(_words(message, blobs))
        return encode({"role": "user", "content": content or [_text(NOTHING_SAID)]})

    def _answer(self, message: AssistantMessage) -> list[JsonValue]:
        if not message.text.strip() and not message.calls:
            return [_text(NOTHING_SAID)]
        content: list[JsonValue] = []
        for piece in pieces(self.name, self._model, message):
            match piece:
                case Said():
                    content.extend([_text(piece.text)] if piece.text.strip() else [])
                case Thought():
                    content.append(piece.body)
                case _:
                    content.append(
                        {
                            "type": "tool_use",
                            "id": identifier(piece.id, _LONGEST_ID),
                            "name": tool_name(piece.tool, _LONGEST_NAME),
                            "input": piece.args,
                        }
                    )
        return content

    def tail(self, request: Request, *, stream: bool) -> bytes:
        """Close the messages; length, shape, the moving cache marker, options, streaming.

        Raise `ModelRequestError` when the most that may be written leaves no room to think.
        """
        told = b""
        fields: JsonObject = {"max_tokens": request.max_output}
        if request.shape is not None:
            held = schemas.fitted([request.shape.schema], schemas.ANTHROPIC)[0] if self._strict else None
            if held is None:
                told = b"," + encode({"role": "user", "content": [_text(shape_told(request.shape))]})
            else:
                fields["output_config"] = {"format": {"type": "json_schema", "schema": held}}
        if self._claude:
            fields["cache_control"] = _CACHE
        if self._bound:
            fields["thinking"] = _BINDING
        fields = merged(fields, self._tail_options(request))
        _make_room(fields)
        if stream:
            fields["stream"] = True
        return told + b"]," + encode(fields)[1:]

    def _tail_options(self, request: Request) -> JsonObject:
        tools = bool(request.tools) or "tools" in self._options
        left_out = _HEAD if tools else (*_HEAD, *_WITH_TOOLS)
        return {name: option for name, option in self._options.items() if name not in left_out}

    def _adaptive(self) -> bool:
        thinking = self._options.get("thinking", {})
        return isinstance(thinking, dict) and thinking.get("type", "adaptive") == "adaptive"

    def reader(self) -> Reader:
        """Begin to read a streamed answer."""
        return AnthropicReader(self.name, self._model)

    def whole(self, body: bytes) -> Reply:
        """Read an answer that was not streamed; raise `UnreadableAnswerError`."""
        return read_whole(self.name, self._model, body)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ModelError:
        """Say in the one tree what a refusal means."""
        return status_error(status, headers, body)


def _make_room(fields: JsonObject) -> None:
    """Leave half of what may be written to the answer when the budget for thinking would take it all."""
    thinking, most = fields.get("thinking"), fields.get("max_tokens")
    if not isinstance(thinking, dict) or not isinstance(most, int):
        return
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < most:
        return
    if most <= _LEAST_THINKING:
        raise ModelRequestError(
            f"thinking takes at least {_LEAST_THINKING} tokens and the answer may have {most} in all; "
            "raise `Limits.max_output` or leave the option `thinking` out"
        )
    fields["thinking"] = {**thinking, "budget_tokens": max(most // 2, _LEAST_THINKING)}


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _outcome(message: ToolMessage) -> JsonValue:
    outcome = message.outcome
    result: JsonObject = {
        "type": "tool_result",
        "tool_use_id": identifier(outcome.call, _LONGEST_ID),
        "content": output(outcome),
    }
    if outcome.status in {"failed", "denied"}:
        result["is_error"] = True
    return result


def _words(message: UserMessage, blobs: Blobs) -> list[JsonValue]:
    content: list[JsonValue] = [_part(part, blobs) for part in message.parts]
    if message.text.strip():
        content.append(_text(message.text))
    return content


def _part(part: Part, blobs: Blobs) -> JsonObject:
    """Write an image or a document; raise `ModelRequestError` for what the provider cannot take."""
    media = part.media.partition(";")[0].strip().lower()
    if media in _IMAGES:
        return {"type": "image", "source": _source(part, media, blobs)}
    document: JsonObject = {"type": "document"}
    if media == "application/pdf":
        document["source"] = _source(part, media, blobs)
    elif part.blob and (media in _TEXTS or media.startswith("text/")):
        text = blobs[part.blob].decode("utf-8", "replace")
        document["source"] = {"type": "text", "media_type": "text/plain", "data": text.strip() or NOTHING_SAID}
    else:
        raise ModelRequestError(
            f"Anthropic takes no {part.media!r}{'' if part.blob else ' by URL'}; "
            f"it takes {', '.join(sorted(_IMAGES))}, application/pdf and text"
        )
    if part.name:
        document["title"] = part.name[:500]
    return document


def _source(part: Part, media: str, blobs: Blobs) -> JsonObject:
    if not part.blob:
        return {"type": "url", "url": part.url}
    return {"type": "base64", "media_type": media, "data": base64.b64encode(blobs[part.blob]).decode()}
