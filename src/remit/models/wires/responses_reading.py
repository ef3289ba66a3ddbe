"""Reading what OpenAI says in its responses: a stream of events, or a whole response."""

from collections.abc import Iterable, Sequence

import msgspec

from remit.core.errors import CutStreamError, UnreadableAnswerError
from remit.core.messages import Call, Stop, Usage
from remit.core.ports import Reply
from remit.core.values import JsonObject, JsonValue
from remit.models.http.sse import ServerSentEvent
from remit.models.wires.legible import UNREADABLE, Count, bounded, called, number
from remit.models.wires.order import Piece, Said, Thought, kept
from remit.models.wires.statuses import stream_error

_KNOWN = frozenset(
    {
        "",
        "message",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.refusal.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "response.cancelled",
        "error",
    }
)


class _InputDetails(msgspec.Struct):
    cached_tokens: Count = None
    cache_write_tokens: Count = None
    audio_tokens: Count = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: Count = None
    audio_tokens: Count = None


class _Usage(msgspec.Struct):
    input_tokens: Count = None
    output_tokens: Count = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Item(msgspec.Struct):
    type: str = ""
    id: str | None = None
    content: JsonValue = None
    phase: str | None = None
    name: str | None = None
    arguments: JsonValue = None
    summary: JsonValue = None
    encrypted_content: str | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    status: str | None = None
    error: JsonValue = None
    incomplete_details: _Incomplete | None = None
    output: list[_Item] | None = None
    usage: _Usage | None = None


class _Event(msgspec.Struct):
    type: str = ""
    output_index: int = 0
    item: _Item | None = None
    delta: JsonValue = None
    arguments: JsonValue = None
    response: _Response | None = None
    error: JsonValue = None
    code: str | None = None
    message: str | None = None


_any = msgspec.json.Decoder(msgspec.Raw)
_event = msgspec.json.Decoder(_Event)
_response = msgspec.json.Decoder(_Response)


class _Building:
    """An output item under way."""

    __slots__ = ("arguments", "finished", "item", "refused", "text")

    def __init__(self) -> None:
        self.item = _Item()
        self.text: list[str] = []
        self.arguments: list[str] = []
        self.refused = self.finished = False

    def finish(self, item: _Item) -> str:
        """Take in the item as it is in the end, and give the text that was not streamed."""
        self.item, self.finished = item, True
        if item.type == "message":
            return self._catch_up(item.content)
        if item.type == "function_call" and item.arguments is not None:
            self.arguments = [_written(item.arguments)]
        return ""

    def _catch_up(self, content: JsonValue) -> str:
        said, refused = _words(content)
        self.refused = self.refused or refused
        streamed = "".join(self.text)
        if not said or said == streamed:
            return ""
        self.text = [said]
        return said[len(streamed) :] if said.startswith(streamed) else ""

    def piece(self) -> Piece | None:
        """Give what the item became; `None` when it means nothing to us."""
        match self.item.type:
            case "function_call":
                return called(self.item.name or "", "".join(self.arguments))
            case "reasoning":
                return _thought(self.item)
            case _:
                text = "".join(self.text)
                return Said(text, self.item.phase or "") if text else None


class ResponsesReader:
    """Takes in one streamed response."""

    def __init__(self, wire: str, model: str) -> None:
        """Keep reasoning under the names of the wire and the model."""
        self._wire, self._model = wire, model
        self._items: dict[int, _Building] = {}
        self._end: _Response | None = None

    @property
    def done(self) -> bool:
        """Whether the provider has said that this is all."""
        return self._end is not None

    def feed(self, event: ServerSentEvent) -> str:
        """Take in an event and give the text it adds; raise the error the provider reports."""
        if self._end is not None or event.data == b"[DONE]":
            return ""
        try:
            if event.name not in _KNOWN:
                # What nobody knows is passed over, but what is no JSON is damage.
                _any.decode(event.data)
                return ""
            read = _event.decode(event.data)
        except UNREADABLE as error:
            raise UnreadableAnswerError(f"an event of OpenAI's cannot be read: {error}") from None
        match read.type:
            case "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled":
                return self.take(read.response or _Response())
            case "error":
                raise stream_error(read.error or {"code": read.code, "message": read.message})
            case _:
                return self._grow(read)

    def _grow(self, event: _Event) -> str:
        match event.type:
            case "response.output_text.delta" | "response.refusal.delta":
                return self._say(event)
            case "response.function_call_arguments.delta":
                self._building(event.output_index).arguments.append(_written(event.delta))
            case "response.function_call_arguments.done" if event.arguments is not None:
                self._building(event.output_index).arguments = [_written(event.arguments)]
            case "response.output_item.added" if event.item is not None:
                self._building(event.output_index).item = event.item
            case "response.output_item.done" if event.item is not None:
                return self._building(event.output_index).finish(event.item)
            case _:
                pass
        return ""

    def _building(self, index: int) -> _Building:
        return self._items.setdefault(index, _Building())

    def _say(self, event: _Event) -> str:
        building = self._building(event.output_index)
        building.refused = building.refused or event.type == "response.refusal.delta"
        text = _written(event.delta)
        building.text.append(text)
        return text

    def take(self, response: _Response) -> str:
        """Take in the response as it is in the end, and give the text that was not streamed."""
        if response.status == "failed" or response.error is not None:
            raise stream_error(response.error or {"message": "the response failed"})
        self._end = response
        output = response.output or []
        if output and any(_unlike(index, building, output) for index, building in self._items.items()):
            return self._begin_anew(output)
        added: list[str] = []
        for index, item in enumerate(output):
            building = self._building(index)
            if not building.finished:
                added.append(building.finish(item))
        return "".join(added)

    def _begin_anew(self, output: Sequence[_Item]) -> str:
        """Take what the end says alone: put beside pieces under other indexes, a call would be made twice."""
        shown = "".join("".join(self._items[index].text) for index in sorted(self._items))
        self._items.clear()
        said = "".join([self._building(index).finish(item) for index, item in enumerate(output)])
        return said[len(shown) :] if said.startswith(shown) else ""

    def reply(self) -> Reply:
        """Give the whole answer; raise `CutStreamError` when the stream ended before it was said to be complete."""
        end = self._end
        if end is None or end.status == "cancelled":
            raise CutStreamError("OpenAI's answer broke off before its end")
        order = [self._items[index] for index in sorted(self._items)]
        pieces = [piece for item in order if (piece := item.piece()) is not None]
        return Reply(
            _said(pieces),
            tuple(piece for piece in pieces if isinstance(piece, Call)),
            _usage(end.usage or _Usage()),
            _stop(end, refused=any(item.refused for item in order)),
            kept(self._wire, self._model, pieces),
        )


def read_whole(wire: str, model: str, body: bytes) -> Reply:
    """Read a response that was not streamed; raise `UnreadableAnswerError`, or the error it reports."""
    try:
        response = _response.decode(body)
    except UNREADABLE as error:
        raise UnreadableAnswerError(f"OpenAI's answer cannot be read: {error}") from None
    if response.error is None and response.output is None:
        raise UnreadableAnswerError(f"OpenAI's answer is no response but {body[:200]!r}")
    reader = ResponsesReader(wire, model)
    reader.take(response)
    return reader.reply()


def _unlike(index: int, building: _Building, output: Sequence[_Item]) -> bool:
    """Say whether an item that was finished is another one in the end."""
    if not building.finished:
        return False
    return index >= len(output) or (building.item.type, building.item.id) != (output[index].type, output[index].id)


def _written(value: JsonValue) -> str:
    """Give text that some servers send as an object or as null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _words(content: JsonValue) -> tuple[str, bool]:
    """Give the text of a message's parts, and whether a part is a refusal."""
    texts: list[str] = []
    refused = False
    for part in content if isinstance(content, list) else []:
        if isinstance(part, dict):
            refusal = part.get("type") == "refusal"
            refused = refused or refusal
            texts.append(_written(part.get("refusal" if refusal else "text")))
    return "".join(texts), refused


def _thought(item: _Item) -> Thought | None:
    """Keep reasoning that says enough to be sent back: a bare id means nothing where nothing is stored."""
    if not item.encrypted_content and not item.content:
        return None
    body: JsonObject = {"type": "reasoning", "id": item.id or "", "summary": item.summary or []}
    if item.content:
        body["content"] = item.content
    if item.encrypted_content:
        body["encrypted_content"] = item.encrypted_content
    return Thought(body)


def _said(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Said))


def _usage(usage: _Usage) -> Usage:
    read, wrote = usage.input_tokens_details or _InputDetails(), usage.output_tokens_details or _OutputDetails()
    return bounded(
        Usage(
            number(usage.input_tokens),
            number(usage.output_tokens),
            number(read.cached_tokens),
            number(read.cache_write_tokens),
            number(wrote.reasoning_tokens),
            number(read.audio_tokens),
            number(wrote.audio_tokens),
        )
    )


def _stop(end: _Response, *, refused: bool) -> Stop:
    reason = end.incomplete_details.reason if end.incomplete_details is not None else None
    if refused or reason == "content_filter":
        return "filter"
    return "length" if end.status == "incomplete" else ""
