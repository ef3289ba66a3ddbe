"""The wire of OpenAI's chat completions, which most other servers speak too."""

import base64
from collections.abc import Mapping, Sequence
from typing import Literal

from remit.core.errors import ModelError, ModelRequestError
from remit.core.messages import AssistantMessage, Message, Part, ToolMessage, UserMessage
from remit.core.ports import Reply, Request, ToolSpec
from remit.core.values import JsonObject, JsonValue, digest
from remit.models.wires import schemas
from remit.models.wires.chat_reading import ChatReader
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
from remit.models.wires.port import Blobs, Reader
from remit.models.wires.profiles import NOTHING, OPENAI, Profile
from remit.models.wires.statuses import status_error

_LONGEST_ID = 40
_HEAD = ("model", "tools")
_OURS = ("messages", "n", "stream")
_WITH_TOOLS = ("tool_choice", "parallel_tool_calls")
"""Options that servers refuse when no tools are on offer."""
_LENGTHS = frozenset({"max_completion_tokens", "max_tokens"})

_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_SOUNDS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_TEXTS = frozenset({"application/json", "application/xml", "application/yaml"})


class OpenAIChat:
    """Writes and reads OpenAI's chat completions as far as the profile of a server allows.

    A shape that the server cannot decode under is told in a user's message at the very end, after all that is cached.
    """

    def __init__(self, model: str, *, options: JsonObject = NOTHING, profile: Profile = OPENAI) -> None:
        """Override fields of the request with options, where `None` takes a field away."""
        self._model = model
        self._profile = profile
        self._options = chosen(options, model, _OURS)

    @property
    def name(self) -> Literal["openai-chat"]:
        """`openai-chat`."""
        return "openai-chat"

    @property
    def path(self) -> str:
        """What follows the base URL, which ends in `/v1`."""
        return "/chat/completions"

    def headers(self, key: str) -> dict[str, str]:
        """The headers of a call; no credential when the key is empty."""
        return bearing(key)

    # -- writing -----------------------------------------------------------------------------------------------------

    def head(self, request: Request) -> bytes:
        """Model, tools and instructions; the instructions are the first of the opened messages."""
        fields: JsonObject = {"model": self._model}
        if request.tools:
            fields["tools"] = self._tools(request.tools)
        fields = merged(fields, {name: option for name, option in self._options.items() if name in _HEAD})
        head = encode(fields)[:-1] + b',"messages":['
        if request.instructions.strip():
            head += encode({"role": "system", "content": request.instructions}) + b","
        return head

    def _tools(self, tools: Sequence[ToolSpec]) -> list[JsonValue]:
        if self._profile.strict_tools:
            exact = schemas.fitted([tool.schema for tool in tools], schemas.OPENAI)
        else:
            exact = [None] * len(tools)
        return [{"type": "function", "function": _tool(*pair)} for pair in zip(tools, exact, strict=True)]

    def turn(self, messages: Sequence[Message], blobs: Blobs) -> bytes:
        """Write one assistant message, or all between two of them, outcomes of calls first."""
        first = messages[0]
        if isinstance(first, AssistantMessage):
            return encode(self._answer(first))
        outcomes, said = heard(messages)
        written = [encode(_outcome(message)) for message in outcomes]
        written += [encode({"role": "user", "content": self._words(message, blobs)}) for message in said]
        return b",".join(written)

    def _answer(self, message: AssistantMessage) -> JsonObject:
        text = message.text if message.text.strip() else None
        if not message.calls:
            return {"role": "assistant", "content": text or NOTHING_SAID}
        told: JsonObject = {"role": "assistant", "content": text}
        kept = self._kept(message.reasoning)
        name, thought, extra = kept.get("field"), kept.get("text"), kept.get("extra")
        if self._profile.reasoning and isinstance(name, str) and isinstance(thought, str):
            told[name] = thought
        missing: list[JsonValue] = [None] * len(message.calls)
        extras = extra if isinstance(extra, list) and len(extra) == len(missing) else missing
        calls: list[JsonValue] = []
        for call, more in zip(message.calls, extras, strict=True):
            function: JsonObject = {"name": tool_name(call.tool), "arguments": encode(call.args).decode()}
            wish: JsonObject = {"id": identifier(call.id, _LONGEST_ID), "type": "function", "function": function}
            calls.append(wish if more is None else {**wish, "extra_content": more})
        told["tool_calls"] = calls
        return told

    def _kept(self, reasoning: JsonValue) -> JsonObject:
        """Give what this model wanted back with its answer; nothing of another's."""
        if not isinstance(reasoning, dict) or reasoning.get("wire") != self.name:
            return {}
        return reasoning if reasoning.get("model") == self._model else {}

    def _words(self, message: UserMessage, blobs: Blobs) -> JsonValue:
        if not message.parts:
            return message.text if message.text.strip() else NOTHING_SAID
        content: list[JsonValue] = [self._part(part, blobs) for part in message.parts]
        if message.text.strip():
            content.append({"type": "text", "text": message.text})
        return content

    def _part(self, part: Part, blobs: Blobs) -> JsonObject:
        """Write an image, a sound or a document; raise `ModelRequestError` for what the server cannot take."""
        media = part.media.partition(";")[0].strip().lower()
        takes = self._profile.media
        image = media in _IMAGES and "image" in takes
        if image and part.url and not part.blob:
            return {"type": "image_url", "image_url": {"url": part.url}}
        text = media.startswith("text/") or media in _TEXTS
        sound = _SOUNDS.get(media, "") if "audio" in takes else ""
        document = media == "application/pdf" and "file" in takes
        if not (image or text or sound or document):
            raise ModelRequestError(f"{self._model!r} takes no {part.media!r} over chat completions")
        if not part.blob:
            raise ModelRequestError(f"{self._model!r} takes {part.media!r} as bytes only, not from {part.url!r}")
        body = blobs[part.blob]
        if image:
            return {"type": "image_url", "image_url": {"url": _data(media, body)}}
        if text:
            words = body.decode("utf-8", "replace")
            return {"type": "text", "text": f"{part.name}:\n{words}" if part.name else words or NOTHING_SAID}
        if sound:
            data = base64.b64encode(body).decode()
            return {"type": "input_audio", "input_audio": {"data": data, "format": sound}}
        return {"type": "file", "file": {"filename": part.name or "file.pdf", "file_data": _data(media, body)}}

    def tail(self, request: Request, *, stream: bool) -> bytes:
        """Close the messages; length, shape, cache key, options, streaming."""
        profile = self._profile
        options = self._tail_options(request)
        fields: JsonObject = {} if options.keys() & _LENGTHS else {profile.length: request.max_output}
        told = b""
        if request.shape is not None:
            root = schemas.rooted(request.shape.schema)
            # Only the grammars of local servers can have a list or a number at the root.
            if profile.schema == "native" and (not profile.strict or root.get("type") == "object"):
                fields["response_format"] = {"type": "json_schema", "json_schema": self._format(root)}
            else:
                told = b"," + encode({"role": "user", "content": shape_told(request.shape)})
        if profile.cache_key:
            fields["prompt_cache_key"] = digest(self.head(request).decode())
        if request.tools:
            fields = merged(fields, profile.with_tools)
        if stream and profile.stream_usage:
            fields["stream_options"] = {"include_usage": True}
        fields = merged(fields, options)
        if stream:
            fields["stream"] = True
        return told + (b"]," + encode(fields)[1:] if fields else b"]}")

    def _tail_options(self, request: Request) -> JsonObject:
        tools = bool(request.tools) or "tools" in self._options
        left_out = _HEAD if tools else (*_HEAD, *_WITH_TOOLS)
        return {name: option for name, option in self._options.items() if name not in left_out}

    def _format(self, root: JsonObject) -> JsonObject:
        if not self._profile.strict:
            return {"name": "answer", "schema": root}
        held = schemas.fitted([root], schemas.OPENAI)[0]
        return {"name": "answer", "schema": root if held is None else held, "strict": held is not None}

    # -- reading -----------------------------------------------------------------------------------------------------

    def reader(self) -> Reader:
        """Begin to read a streamed answer."""
        return ChatReader(self.name, self._model)

    def whole(self, body: bytes) -> Reply:
        """Read an answer that was not streamed; raise `UnreadableAnswerError`, or the error it reports."""
        return ChatReader(self.name, self._model).whole(body)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ModelError:
        """Say in the one tree what a refusal means."""
        return status_error(status, headers, body)


def _tool(tool: ToolSpec, held: JsonObject | None) -> JsonObject:
    told: JsonObject = {"name": tool.name, "description": tool.description}
    if held is not None:
        return {**told, "parameters": held, "strict": True}
    return {**told, "parameters": {"type": "object", "properties": {}, **tool.schema}}


def _outcome(message: ToolMessage) -> JsonObject:
    outcome = message.outcome
    return {"role": "tool", "tool_call_id": identifier(outcome.call, _LONGEST_ID), "content": output(outcome)}


def _data(media: str, body: bytes) -> str:
    return f"data:{media};base64,{base64.b64encode(body).decode()}"


def bearing(key: str) -> dict[str, str]:
    """The headers of a call to OpenAI and its likes; no credential when the key is empty."""
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    return headers
