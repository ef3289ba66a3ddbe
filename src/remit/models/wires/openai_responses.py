"""The wire of OpenAI's responses, used without the provider keeping anything."""

import base64
import mimetypes
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from remit.core.errors import ModelError, ModelRequestError
from remit.core.messages import AssistantMessage, Message, Part, UserMessage
from remit.core.ports import Reply, Request, ToolSpec
from remit.core.values import JsonObject, JsonValue, digest
from remit.models.wires import schemas
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
from remit.models.wires.openai_chat import bearing
from remit.models.wires.order import Said, Thought, pieces
from remit.models.wires.port import Blobs, Reader
from remit.models.wires.responses_reading import ResponsesReader, read_whole
from remit.models.wires.statuses import status_error

_LONGEST_ID = 40
_HEAD = ("model", "instructions", "tools")
_OURS = ("input", "stream")
_WITH_TOOLS = ("tool_choice", "parallel_tool_calls", "max_tool_calls")
"""Options that the provider refuses when no tools are on offer."""

_THINKING = re.compile(r"(?!gpt-5-chat)(o\d|gpt-[5-9]|gpt-\d\d|gpt-oss|codex|computer-use)")
"""How the names of the models begin that reason; asked of any other, encrypted reasoning is refused."""


class OpenAIResponses:
    """Writes and reads OpenAI's responses.

    Nothing is stored: the reasoning comes encrypted and goes back with the items it came with. A shape whose root is no
    object cannot be asked for natively; a developer's message at the very end, after all that is cached, tells it.
    """

    def __init__(self, model: str, *, options: JsonObject | None = None) -> None:
        """Override fields of the request with options, where `None` takes a field away."""
        self._model = model
        self._options = chosen(options or {}, model, _OURS)

    @property
    def name(self) -> Literal["openai-responses"]:
        """`openai-responses`."""
        return "openai-responses"

    @property
    def path(self) -> str:
        """What follows the base URL, which ends in `/v1`."""
        return "/responses"

    def headers(self, key: str) -> dict[str, str]:
        """The headers of a call; no credential when the key is empty."""
        return bearing(key)

    def head(self, request: Request) -> bytes:
        """Model, instructions and tools; ends with the opened items."""
        return encode(self._head(request))[:-1] + b',"input":['

    def _head(self, request: Request) -> JsonObject:
        fields: JsonObject = {"model": self._model}
        if request.instructions.strip():
            fields["instructions"] = request.instructions
        if request.tools:
            exact = schemas.fitted([tool.schema for tool in request.tools], schemas.OPENAI)
            fields["tools"] = [_tool(tool, held) for tool, held in zip(request.tools, exact, strict=True)]
        return merged(fields, {name: option for name, option in self._options.items() if name in _HEAD})

    def turn(self, messages: Sequence[Message], blobs: Blobs) -> bytes:
        """Write the items of one assistant message, or of all between two of them, outcomes of calls first."""
        first = messages[0]
        if isinstance(first, AssistantMessage):
            return _items(self._answer(first))
        outcomes, said = heard(messages)
        items: list[JsonValue] = [
            {
                "type": "function_call_output",
                "call_id": identifier(message.outcome.call, _LONGEST_ID),
                "output": output(message.outcome),
            }
            for message in outcomes
        ]
        items.extend({"role": "user", "content": words} for message in said if (words := _words(message, blobs)))
        return _items(items or [{"role": "user", "content": NOTHING_SAID}])

    def _answer(self, message: AssistantMessage) -> list[JsonValue]:
        if not message.text.strip() and not message.calls:
            # Reasoning that nothing follows is refused.
            return [{"role": "assistant", "content": NOTHING_SAID}]
        items: list[JsonValue] = []
        for piece in pieces(self.name, self._model, message):
            match piece:
                case Said():
                    said: JsonObject = {"role": "assistant", "content": piece.text}
                    items.append({**said, "phase": piece.phase} if piece.phase else said)
                case Thought():
                    items.append(piece.body)
                case _:
                    items.append(
                        {
                            "type": "function_call",
                            "call_id": identifier(piece.id, _LONGEST_ID),
                            "name": tool_name(piece.tool),
                            "arguments": encode(piece.args).decode(),
                        }
                    )
        return items

    def tail(self, request: Request, *, stream: bool) -> bytes:
        """Close the items; length, shape, what to include, options, streaming."""
        told = b""
        fields: JsonObject = {"max_output_tokens": request.max_output, "store": False}
        if _THINKING.match(self._model) or "reasoning" in self._options:
            fields["include"] = ["reasoning.encrypted_content"]
        fields["prompt_cache_key"] = digest(encode(self._head(request)).decode())
        if request.shape is not None:
            root = schemas.rooted(request.shape.schema)
            if root.get("type") == "object":
                fields["text"] = {"format": _format(root)}
            else:
                told = b"," + encode({"role": "developer", "content": shape_told(request.shape)})
        fields = merged(fields, self._tail_options(request))
        if stream:
            fields["stream"] = True
        return told + b"]," + encode(fields)[1:]

    def _tail_options(self, request: Request) -> JsonObject:
        tools = bool(request.tools) or "tools" in self._options
        left_out = _HEAD if tools else (*_HEAD, *_WITH_TOOLS)
        return {name: option for name, option in self._options.items() if name not in left_out}

    def reader(self) -> Reader:
        """Begin to read a streamed answer."""
        return ResponsesReader(self.name, self._model)

    def whole(self, body: bytes) -> Reply:
        """Read an answer that was not streamed; raise `UnreadableAnswerError`."""
        return read_whole(self.name, self._model, body)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ModelError:
        """Say in the one tree what a refusal means."""
        return status_error(status, headers, body)


def _tool(tool: ToolSpec, held: JsonObject | None) -> JsonObject:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.schema if held is None else held,
        "strict": held is not None,
    }


def _format(root: JsonObject) -> JsonObject:
    held = schemas.fitted([root], schemas.OPENAI)[0]
    return {
        "type": "json_schema",
        "name": "answer",
        "schema": root if held is None else held,
        "strict": held is not None,
    }


def _items(items: list[JsonValue]) -> bytes:
    return encode(items)[1:-1]


def _words(message: UserMessage, blobs: Blobs) -> JsonValue:
    if not message.parts:
        return message.text.strip() and message.text
    content: list[JsonValue] = [_part(part, blobs) for part in message.parts]
    if message.text.strip():
        content.append({"type": "input_text", "text": message.text})
    return content


def _part(part: Part, blobs: Blobs) -> JsonObject:
    """Write an image or a file; raise `ModelRequestError` for what the provider cannot take."""
    media = part.media.partition(";")[0].strip().lower()
    kind = media.partition("/")[0]
    if kind == "image":
        return {"type": "input_image", "detail": "auto", "image_url": _data(media, part, blobs) or part.url}
    if kind not in {"application", "text"}:
        raise ModelRequestError(f"OpenAI's responses take no {part.media!r}; they take images, documents and text")
    data = _data(media, part, blobs)
    if not data:
        return {"type": "input_file", "file_url": part.url}
    name = part.name or f"file{mimetypes.guess_extension(media) or ''}"
    return {"type": "input_file", "filename": name, "file_data": data}


def _data(media: str, part: Part, blobs: Blobs) -> str:
    """Give the bytes of a part as a data URL; empty when it is at a URL."""
    return f"data:{media};base64,{base64.b64encode(blobs[part.blob]).decode()}" if part.blob else ""
