"""Conversations as a wire is given them, and the bodies and streams that come of them."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

import msgspec
from hypothesis import strategies as st

from remit.core.messages import AssistantMessage, Call, Message, Outcome, Part, ToolMessage, UserMessage
from remit.core.ports import Reply, Request, ToolSpec
from remit.core.shape import shape
from remit.core.values import JsonObject, JsonValue
from remit.models.http.sse import EventStream, ServerSentEvent
from remit.models.wires.port import Wire

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
BLOBS = {"pixel": PIXEL, "paper": b"%PDF-1.4 ...", "note": "gr\u00fc\u00dfe".encode()}

WEATHER = ToolSpec(
    name="weather",
    description="Weather in a city now.",
    schema={
        "type": "object",
        "properties": {"city": {"type": "string", "minLength": 1}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
PLACE = ToolSpec(
    name="place",
    description="Find a place.",
    schema={"type": "object", "properties": {"near": {"type": "object"}, "most": {"type": "integer", "default": 3}}},
)


class City(msgspec.Struct):
    """What an answer may have to be."""

    name: str
    people: int


CITY = shape(City)
CITIES = shape(list[City])

RICH: tuple[Message, ...] = (
    UserMessage("What is it like here?", (Part("image/png", "pixel", name="here.png"),)),
    AssistantMessage(
        "Let me look.", (Call("weather", {"city": "Rome"}, "c1_0_0"), Call("place", {}, "c1_0_1", "{'x'"))
    ),
    ToolMessage(Outcome("c1_0_0", "ok", {"degrees": 31}), "weather"),
    ToolMessage(Outcome("c1_0_1", "failed", "the arguments are not a JSON object"), "place"),
    UserMessage("And is it written here?", (Part("application/pdf", "paper", name="paper.pdf"),)),
    AssistantMessage("It is hot."),
    UserMessage("   "),
)

_words = st.text(max_size=12) | st.sampled_from(["", " ", "\n", "\ud800 alone", "caf\u00e9 \U0001f600"])
_json: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=6,
)
_parts = st.sampled_from(
    [
        Part("image/png", "pixel"),
        Part("image/jpeg", url="https://example.org/a.jpg"),
        Part("application/pdf", "paper", name="paper.pdf"),
        Part("application/pdf", url="https://example.org/a.pdf"),
        Part("text/plain; charset=utf-8", "note", name="note.txt"),
    ]
)
_users = st.builds(UserMessage, _words, st.lists(_parts, max_size=2).map(tuple))
_answers = st.tuples(
    _words,
    st.lists(
        st.tuples(
            st.sampled_from(["weather", "place", "what is this?"]),
            st.dictionaries(_words, _json, max_size=2),
            st.sampled_from(["", "{not json"]),
        ),
        max_size=3,
    ),
    st.sampled_from(["ok", "failed", "denied", "simulated"]),
    _json,
    st.lists(_users, max_size=2),
)


def conversations(reasoning: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[list[Message]]:
    """Conversations that a session can hold: every call has its outcome, and somebody spoke before each answer."""
    return st.tuples(_users, st.lists(st.tuples(_answers, reasoning), max_size=5)).map(_told)


def _told(drawn: tuple[UserMessage, Sequence[tuple[tuple[object, ...], JsonValue]]]) -> list[Message]:
    first, rounds = drawn
    messages: list[Message] = [first]
    for number, (answer, reasoning) in enumerate(rounds):
        text, wishes, status, output, said = cast(
            "tuple[str, list[tuple[str, JsonObject, str]], str, JsonValue, list[UserMessage]]", answer
        )
        calls = tuple(
            Call(tool, {} if malformed else args, f"c1_{number}_{place}", malformed)
            for place, (tool, args, malformed) in enumerate(wishes)
        )
        messages.append(AssistantMessage(text, calls, reasoning))
        for call in calls:
            messages.append(ToolMessage(msgspec.convert([call.id, status, output], Outcome), call.tool))
        messages.extend(said or ([] if calls else [UserMessage("go on")]))
    return messages


def turns(messages: Iterable[Message]) -> list[list[Message]]:
    """Cut a conversation into turns."""
    result: list[list[Message]] = []
    for message in messages:
        if not result or isinstance(message, AssistantMessage) or isinstance(result[-1][0], AssistantMessage):
            result.append([])
        result[-1].append(message)
    return result


def prefix(wire: Wire, request: Request) -> bytes:
    """Write a request up to its tail."""
    return wire.head(request) + b",".join(wire.turn(turn, BLOBS) for turn in turns(request.messages))


def raw(wire: Wire, request: Request, *, stream: bool = True) -> bytes:
    """Write a request."""
    return prefix(wire, request) + wire.tail(request, stream=stream)


def written(wire: Wire, request: Request, *, stream: bool = True) -> dict[str, JsonValue]:
    """Write a request and read it back; a key that is there twice fails."""

    def once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        assert len(dict(pairs)) == len(pairs), f"a key is written twice: {pairs}"
        return dict(pairs)

    return json.loads(raw(wire, request, stream=stream), object_pairs_hook=once)


def eager(value: object) -> object:
    """Run through what pydantic would otherwise only validate when it is looked at."""
    if isinstance(value, Mapping):
        return {key: eager(item) for key, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return value
    return [eager(item) for item in cast("Iterable[object]", value)]


def streamed(events: Sequence[JsonObject], *, named: bool = True) -> bytes:
    """Write a stream as a provider does."""
    lines: list[str] = []
    for event in events:
        lines.append((f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n")
    return "".join(lines).encode()


def pieces(stream: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """Cut a stream anywhere."""
    start = 0
    for cut in sorted({min(cut, len(stream)) for cut in cuts}):
        yield stream[start:cut]
        start = cut
    yield stream[start:]


def heard(wire: Wire, stream: bytes, cuts: Iterable[int] = ()) -> tuple[str, Reply]:
    """Read a stream: the text that was shown while it came, and the answer."""
    source, reader = EventStream(), wire.reader()
    shown = "".join(reader.feed(event) for piece in pieces(stream, cuts) for event in source.feed(piece))
    return shown, reader.reply()


def fed(wire: Wire, *events: JsonObject) -> Reply:
    """Read events and give the answer."""
    shown, reply = heard(wire, streamed(events))
    assert shown == reply.text, "what was shown while the answer came is the answer's text"
    return reply


def bare(event: JsonObject) -> ServerSentEvent:
    """Make an event without a name, as some servers send them."""
    return ServerSentEvent("", json.dumps(event).encode())
