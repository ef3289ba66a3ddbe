"""Reading what a server says in OpenAI's chat completions, with the habits of those that are only compatible."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec

from remit.core.errors import CutStreamError, ModelError, UnreadableAnswerError
from remit.core.messages import Call, Stop, Usage
from remit.core.ports import Reply
from remit.core.values import JsonObject, JsonValue
from remit.models.http.sse import ServerSentEvent
from remit.models.wires.legible import Count, bounded, called, encode, number
from remit.models.wires.statuses import short, stream_error


class _InputDetails(msgspec.Struct):
    cached_tokens: Count = None
    cache_write_tokens: Count = None
    audio_tokens: Count = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: Count = None
    audio_tokens: Count = None


class _Usage(msgspec.Struct):
    prompt_tokens: Count = None
    completion_tokens: Count = None
    total_tokens: Count = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    prompt_cache_hit_tokens: Count = None


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: JsonValue = None
    """Text; an object from some servers."""


class _ToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None
    extra_content: JsonValue = None
    """What the provider wants back with the call, such as the signature of a thought."""


class _Message(msgspec.Struct):
    content: JsonValue = None
    refusal: str | None = None
    reasoning_content: JsonValue = None
    reasoning: JsonValue = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct):
    index: int | None = None
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: JsonValue = None
    object: JsonValue = None


_decoder = msgspec.json.Decoder(_Chunk)

_CUT = frozenset({"length", "max_tokens", "model_length", "max_output_tokens"})
_FILTERED = ("content_filter", "safety", "refusal", "sensitive", "recitation", "prohibited_content", "blocklist")
_BROKEN = frozenset({"error", "abort", "insufficient_system_resource", "network_error"})


@dataclass(slots=True)
class _Calling:
    """A call while it is being written."""

    index: int
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list[str])
    extra: JsonValue = None


class ChatReader:
    """Takes in one answer, streamed or whole; only the first of several choices."""

    def __init__(self, wire: str, model: str) -> None:
        """Keep reasoning under the names of the wire and the model."""
        self._wire, self._model = wire, model
        self._begun = self._done = False
        self._finish = ""
        self._text: list[str] = []
        self._refused = False
        self._reasoning: list[str] = []
        self._reasoning_field = ""
        self._calls: list[_Calling] = []
        self._latest: dict[int, _Calling] = {}
        self._usage = Usage()

    @property
    def done(self) -> bool:
        """Whether the server has said that this is all."""
        return self._done

    def feed(self, event: ServerSentEvent) -> str:
        """Take in a chunk and give the text it adds; raise the error it reports, or `UnreadableAnswerError`."""
        data = event.data
        if not data.startswith(b"{"):
            mark = data.strip()
            self._done = self._done or mark == b"[DONE]"
            if not mark:
                return ""
        if self._done:
            return ""
        if event.name == "error":
            raise stream_error(_report(data))
        return self._take(data)

    def whole(self, body: bytes) -> Reply:
        """Take in an answer that was not streamed and give it."""
        self._take(body)
        if not self._begun:
            raise UnreadableAnswerError(f"the answer holds no choice: {_shown(body)}")
        self._done = True
        return self.reply()

    def reply(self) -> Reply:
        """Give the whole answer; raise `CutStreamError` when nothing said that it is complete."""
        if not self._finish and not self._done:
            raise CutStreamError("the stream ended before the answer did")
        if not self._begun:
            raise UnreadableAnswerError("the stream ended without an answer")
        calls = sorted(self._calls, key=lambda calling: calling.index)
        return Reply(
            "".join(self._text),
            tuple(_called(calling) for calling in calls),
            self._usage,
            _stop(self._finish, refused=self._refused),
            self._kept(calls),
        )

    def _take(self, data: bytes) -> str:
        chunk = _chunk(data)
        if chunk.error or chunk.object == "error":
            raise stream_error(_report(data))
        if chunk.usage is not None:
            self._usage = _counted(chunk.usage)
        said = ""
        for choice in chunk.choices or ():
            if not choice.index:
                self._begun = True
                said += self._hear(choice.delta or choice.message)
                if choice.finish_reason:
                    self._end(choice.finish_reason)
        return said

    def _hear(self, message: _Message | None) -> str:
        if message is None:
            return ""
        # Some servers say it twice, under either name.
        if isinstance(message.reasoning_content, str):
            self._think("reasoning_content", message.reasoning_content)
        if isinstance(message.reasoning, str):
            self._think("reasoning", message.reasoning)
        for part in message.tool_calls or ():
            self._call(part)
        if message.function_call is not None:
            self._call(_ToolCall(-1, function=message.function_call))
        said = message.content if isinstance(message.content, str) else _words(message.content)
        if message.refusal:
            self._refused = True
            said += message.refusal
        if said:
            self._text.append(said)
        return said

    def _think(self, name: str, thought: str) -> None:
        if thought and self._reasoning_field in {"", name}:
            self._reasoning_field = name
            self._reasoning.append(thought)

    def _end(self, reason: str) -> None:
        if reason in _BROKEN:
            raise CutStreamError(f"the server broke off the answer: {short(reason, 100)!r}")
        self._finish = reason

    def _call(self, part: _ToolCall) -> None:
        function = part.function or _Function()
        calling = self._calling(part, function.name or "")
        calling.id = calling.id or part.id or ""
        calling.name = calling.name or function.name or ""
        if isinstance(function.arguments, str):
            calling.pieces.append(function.arguments)
        elif function.arguments is not None:
            calling.pieces.append(encode(function.arguments).decode())
        if part.extra_content is not None:
            calling.extra = part.extra_content

    def _calling(self, part: _ToolCall, name: str) -> _Calling:
        """Find the call that a piece belongs to, or begin one.

        Servers leave the index out, or give several whole calls the same one: a name beside an id of its own is then
        the sign of another call.
        """
        found = self._last(part)
        if found is not None and name and found.name:
            another = found.id != part.id if part.index is not None and part.id and found.id else part.index is None
            if another:
                found = None
        if found is None:
            found = _Calling(len(self._calls) if part.index is None else part.index)
            self._calls.append(found)
            self._latest[found.index] = found
        return found

    def _last(self, part: _ToolCall) -> _Calling | None:
        if part.index is None:
            return self._calls[-1] if self._calls else None
        return self._latest.get(part.index)

    def _kept(self, calls: Sequence[_Calling]) -> JsonValue:
        """Give what must be kept of the answer so that the server can be told again; `None` when that is nothing."""
        kept: JsonObject = {}
        if self._reasoning:
            kept["field"] = self._reasoning_field
            kept["text"] = "".join(self._reasoning)
        if any(calling.extra is not None for calling in calls):
            kept["extra"] = [calling.extra for calling in calls]
        return {"wire": self._wire, "model": self._model, **kept} if kept else None


def _chunk(data: bytes) -> _Chunk:
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _lenient(data, error)
    except RecursionError as error:
        raise _unreadable(data, error) from None


def _lenient(data: bytes, problem: Exception) -> _Chunk:
    """Read JSON with bytes that are not UTF-8 or with half a surrogate pair, as of a sign cut in two."""
    if isinstance(problem, msgspec.ValidationError):
        raise _unreadable(data, problem) from None
    try:
        value: JsonValue = json.loads(data.decode("utf-8", "replace"))
        return msgspec.convert(msgspec.json.decode(encode(value)), _Chunk)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise _unreadable(data, problem) from None


def _report(data: bytes) -> JsonValue:
    try:
        return cast("JsonValue", msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return data.decode("utf-8", "replace")


def _unreadable(data: bytes, problem: Exception) -> ModelError:
    return UnreadableAnswerError(f"the server's answer cannot be read: {problem}: {_shown(data)}")


def _shown(data: bytes) -> str:
    return repr(short(data[:1000].decode("utf-8", "replace"), 200))


def _words(content: JsonValue) -> str:
    """Give the text of content in parts; those of another kind, such as thoughts, are no part of the answer."""
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text")
    return "".join(text for text in texts if isinstance(text, str))


def _called(calling: _Calling) -> Call:
    raw = "".join(calling.pieces)
    return called(calling.name, "" if raw.strip() == "null" else raw)


def _stop(finish: str, *, refused: bool) -> Stop:
    reason = finish.lower()
    if refused or reason.startswith(_FILTERED):
        return "filter"
    return "length" if reason in _CUT else ""


def _counted(usage: _Usage) -> Usage:
    taken, given = usage.prompt_tokens_details, usage.completion_tokens_details
    tokens = number(usage.prompt_tokens)
    # Some servers leave what was reasoned out of the completion and count it in the total alone.
    output = max(number(usage.completion_tokens), number(usage.total_tokens) - tokens)
    hit = number(taken.cached_tokens) if taken else 0
    return bounded(
        Usage(
            input=tokens,
            output=output,
            cached=hit or number(usage.prompt_cache_hit_tokens),
            cache_written=number(taken.cache_write_tokens) if taken else 0,
            reasoning=number(given.reasoning_tokens) if given else 0,
            audio_input=number(taken.audio_tokens) if taken else 0,
            audio_output=number(given.audio_tokens) if given else 0,
        )
    )
