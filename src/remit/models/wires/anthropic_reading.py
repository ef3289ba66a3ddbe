"""Reading what Anthropic says: a stream of events, or a whole message."""

from collections.abc import Iterable

import msgspec

from remit.core.errors import CutStreamError, UnreadableAnswerError
from remit.core.messages import Call, Stop, Usage
from remit.core.ports import Reply
from remit.core.values import JsonValue
from remit.models.http.sse import ServerSentEvent
from remit.models.wires.legible import UNREADABLE, Count, bounded, called, encode, number
from remit.models.wires.order import Piece, Said, Thought, kept
from remit.models.wires.statuses import stream_error

_KNOWN = frozenset(
    {
        "",
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
    }
)


class _Details(msgspec.Struct):
    thinking_tokens: Count = None


class _Usage(msgspec.Struct):
    input_tokens: Count = None
    output_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation_input_tokens: Count = None
    output_tokens_details: _Details | None = None


class _Block(msgspec.Struct):
    type: str
    text: str | None = None
    name: str | None = None
    input: JsonValue = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class _StopDetails(msgspec.Struct):
    explanation: str | None = None


class _Message(msgspec.Struct):
    content: list[_Block] = []
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None
    usage: _Usage | None = None


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: JsonValue = None


class _Whole(_Message):
    type: str = ""
    error: JsonValue = None


_any = msgspec.json.Decoder(msgspec.Raw)
_event = msgspec.json.Decoder(_Event)
_whole = msgspec.json.Decoder(_Whole)


class _Building:
    """A content block under way."""

    __slots__ = ("block", "json", "text", "thinking")

    def __init__(self, block: _Block) -> None:
        self.block = block
        self.text = [block.text] if block.text else []
        self.thinking = [block.thinking] if block.thinking else []
        self.json: list[str] = []

    def add(self, delta: _Delta) -> str:
        """Take in more of the block and give the text it adds."""
        match delta.type:
            case "text_delta" if self.block.type == "text":
                self.text.append(delta.text)
                return delta.text
            case "input_json_delta":
                self.json.append(delta.partial_json)
            case "thinking_delta":
                self.thinking.append(delta.thinking)
            case "signature_delta":
                self.block.signature = delta.signature
            case _:
                pass
        return ""

    def piece(self) -> Piece | None:
        """Give what the block became; `None` when it means nothing to us."""
        block = self.block
        match block.type:
            case "text":
                return Said("".join(self.text)) if self.text else None
            case "tool_use":
                return self._call()
            case "thinking" if block.signature:
                # Without its signature the provider refuses it, as one that was cut off.
                thinking = "".join(self.thinking)
                return Thought({"type": "thinking", "thinking": thinking, "signature": block.signature})
            case "redacted_thinking" if block.data:
                return Thought({"type": "redacted_thinking", "data": block.data})
            case _:
                return None

    def _call(self) -> Call:
        name = self.block.name or ""
        if any(self.json):
            return called(name, "".join(self.json))
        given = self.block.input
        if given is None or isinstance(given, dict):
            return Call(name, given or {})
        return called(name, given if isinstance(given, str) else encode(given).decode())


class AnthropicReader:
    """Takes in one streamed message."""

    def __init__(self, wire: str, model: str) -> None:
        """Keep reasoning under the names of the wire and the model."""
        self._wire, self._model = wire, model
        self._begun = self._done = False
        self._blocks: dict[int, _Building] = {}
        self._stop: str | None = None
        self._refusal = ""
        self._usage = _Usage()

    @property
    def done(self) -> bool:
        """Whether the provider has said that this is all."""
        return self._done

    def feed(self, event: ServerSentEvent) -> str:
        """Take in an event and give the text it adds; raise the error the provider reports."""
        read = None if self._done or event.name == "ping" else _read(event)
        if read is None:
            return ""
        match read.type:
            case "message_start":
                return self._start(read.message or _Message())
            case "content_block_start":
                return self._open(read.index, read.content_block)
            case "content_block_delta":
                return self._add(read.index, read.delta)
            case "message_delta":
                return self._end(read)
            case "message_stop":
                self._done = True
            case "error":
                raise stream_error(read.error)
            case _:
                pass
        return ""

    def take(self, message: _Message) -> None:
        """Take in a message that came in one piece."""
        self._start(message)
        self._end(_Event(delta=_Delta(stop_reason=message.stop_reason, stop_details=message.stop_details)))
        self._done = True

    def _start(self, message: _Message) -> str:
        self._begun = True
        self._count(message.usage)
        return "".join(self._open(index, block) for index, block in enumerate(message.content))

    def _open(self, index: int, block: _Block | None) -> str:
        if not self._begun or block is None or index in self._blocks:
            raise UnreadableAnswerError(f"block {index} of the answer begins where none can")
        self._blocks[index] = _Building(block)
        return block.text or "" if block.type == "text" else ""

    def _add(self, index: int, delta: _Delta | None) -> str:
        block = self._blocks.get(index)
        if block is None or delta is None:
            raise UnreadableAnswerError(f"block {index} of the answer goes on without a beginning")
        return block.add(delta)

    def _end(self, event: _Event) -> str:
        self._count(event.usage)
        if event.delta is None:
            return ""
        self._stop = event.delta.stop_reason or self._stop
        details = event.delta.stop_details
        if self._stop == "refusal" and details is not None and not _said(self._pieces()):
            self._refusal = details.explanation or ""
        return self._refusal

    def _count(self, usage: _Usage | None) -> None:
        """Counts are totals so far; those left out stand."""
        if usage is not None:
            for field in _Usage.__struct_fields__:
                count = getattr(usage, field)
                if count is not None:
                    setattr(self._usage, field, count)

    def _pieces(self) -> list[Piece]:
        built = (self._blocks[index].piece() for index in sorted(self._blocks))
        return [piece for piece in built if piece is not None]

    def reply(self) -> Reply:
        """Give the whole answer; raise `CutStreamError` when the stream ended before it was said to be complete."""
        if not self._begun or not (self._done or self._stop):
            raise CutStreamError("Anthropic's answer broke off before its end")
        pieces = self._pieces()
        if self._refusal:
            pieces.append(Said(self._refusal))
        return Reply(
            _said(pieces),
            tuple(piece for piece in pieces if isinstance(piece, Call)),
            _usage(self._usage),
            _stop(self._stop),
            kept(self._wire, self._model, pieces),
        )


def _read(event: ServerSentEvent) -> _Event | None:
    """Decode an event; `None` for one that nobody knows, which is passed over, though what is no JSON is damage."""
    try:
        if event.name in _KNOWN:
            return _event.decode(event.data)
        _any.decode(event.data)
    except UNREADABLE as error:
        raise UnreadableAnswerError(f"an event of Anthropic's cannot be read: {error}") from None
    return None


def read_whole(wire: str, model: str, body: bytes) -> Reply:
    """Read a message that was not streamed; raise `UnreadableAnswerError`, or the error it reports."""
    try:
        message = _whole.decode(body)
    except UNREADABLE as error:
        raise UnreadableAnswerError(f"Anthropic's answer cannot be read: {error}") from None
    if message.type == "error":
        raise stream_error(message.error)
    if message.type != "message":
        raise UnreadableAnswerError(f"Anthropic's answer is a {message.type!r}, not a message")
    reader = AnthropicReader(wire, model)
    reader.take(message)
    return reader.reply()


def _said(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Said))


def _usage(usage: _Usage) -> Usage:
    cached, written = number(usage.cache_read_input_tokens), number(usage.cache_creation_input_tokens)
    details = usage.output_tokens_details
    return bounded(
        Usage(
            number(usage.input_tokens) + cached + written,
            number(usage.output_tokens),
            cached,
            written,
            number(details.thinking_tokens) if details is not None else 0,
        )
    )


def _stop(reason: str | None) -> Stop:
    match reason:
        # A paused turn is one that a tool of the provider's own interrupted: there was more to come.
        case "max_tokens" | "model_context_window_exceeded" | "pause_turn":
            return "length"
        case "refusal":
            return "filter"
        case _:
            return ""
