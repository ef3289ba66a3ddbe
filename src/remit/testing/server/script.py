"""Script: what a model server answers, in order or as a function of the request, with faults where they are wanted."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import assert_never

import msgspec

from remit.core.messages import Call, Usage
from remit.core.ports import Reply
from remit.core.values import JsonObject, JsonValue
from remit.testing.server.dialects.port import Answer, Dialect, Saying, encoded
from remit.testing.server.faults import (
    BadRequest,
    Delivery,
    DuplicatedCallIds,
    EmptyAnswer,
    EnormousAnswer,
    Fault,
    MalformedJson,
    Midway,
    Refusal,
    Refused,
    Spoiling,
    UnknownTool,
    WrongArguments,
)
from remit.testing.server.http import Received

PLAIN = Reply("It is sunny in Tokyo, and 21 degrees warm.", usage=Usage(12, 11))
"""What is said where a script holds a fault alone."""


@dataclass(frozen=True, slots=True)
class Faulty:
    """A reply that something goes wrong with."""

    reply: Reply
    fault: Fault


Item = Reply | Fault | Faulty | Callable[[Received], Reply | Fault | Faulty]
"""What a script holds: an answer, what goes wrong instead or with it, or a function of the request."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What happens to one request: it is refused, or something is said and delivered."""

    said: Saying
    refusal: Refusal | None = None
    spoiling: Spoiling | None = None
    delivery: Delivery | None = None


class Script:
    """Gives each request its turn."""

    def __init__(self, replies: Iterable[Item] | Callable[[Received], Reply | Fault | Faulty], usage: Usage) -> None:
        """`usage` is for replies that have none of their own."""
        self._items: Iterator[Item] | None = None
        self._answer: Callable[[Received], Reply | Fault | Faulty] | None = None
        if callable(replies):
            self._answer = replies
        else:
            self._items = iter(replies)
        self._usage = usage
        self.asked = 0
        """How many requests had their turn."""

    def turn(self, received: Received, body: JsonObject, offered: tuple[str, ...]) -> Turn:
        """Take the next item of the script; `offered` are the tools of the request, whose body may be of a batch."""
        self.asked += 1
        item = self._item(received)
        if isinstance(item, Reply):
            reply, fault = item, None
        elif isinstance(item, Faulty):
            reply, fault = item.reply, item.fault
        else:
            reply, fault = PLAIN, item
        if reply.usage == Usage():
            reply = msgspec.structs.replace(reply, usage=self._usage)
        said = Saying(reply, self.asked, body)
        if fault is None:
            return Turn(said)
        if isinstance(fault, Refusal):
            return Turn(said, refusal=fault)
        if isinstance(fault, Spoiling):
            return Turn(_spoilt(said, fault, offered), spoiling=fault)
        return Turn(said, delivery=fault)

    def _item(self, received: Received) -> Reply | Fault | Faulty:
        if self._answer is not None:
            return self._answer(received)
        item = next(self._items, None) if self._items is not None else None
        if item is None:
            return BadRequest(f"The script ended after {self.asked - 1} answers.", code="script_ended")
        return item(received) if callable(item) else item


def _spoilt(said: Saying, fault: Spoiling, offered: tuple[str, ...]) -> Saying:  # noqa: PLR0911 - one return a fault
    """Change what is said, where the fault lies in that."""
    reply = said.reply
    calls = reply.calls or (Call(offered[0] if offered else "lookup", {"query": "x"}),)
    match fault:
        case UnknownTool(name=name):
            return _with(said, tuple(msgspec.structs.replace(call, tool=name) for call in calls))
        case WrongArguments(raw=raw):
            return _with(said, tuple(_mistaken(call, raw) for call in calls))
        case DuplicatedCallIds():
            doubled = calls if len(calls) > 1 else calls * 2
            return replace(_with(said, doubled), twins=True)
        case EmptyAnswer():
            return replace(said, reply=msgspec.structs.replace(reply, text="", calls=(), reasoning=None))
        case EnormousAnswer(size=size, grain=grain):
            return replace(said, reply=msgspec.structs.replace(reply, text="x" * size), grain=grain)
        case Refused():
            return replace(said, refused=True)
        case MalformedJson() | Midway():
            return said
        case _:
            assert_never(fault)


def _with(said: Saying, calls: tuple[Call, ...]) -> Saying:
    return replace(said, reply=msgspec.structs.replace(said.reply, calls=calls))


def _mistaken(call: Call, raw: str) -> Call:
    if raw:
        return msgspec.structs.replace(call, args={}, malformed=raw)
    return msgspec.structs.replace(call, args={name: _other(value) for name, value in call.args.items()})


def _other(value: JsonValue) -> JsonValue:
    """Give a value of another type."""
    return [1, {"not": "this"}] if isinstance(value, str | int | float | bool) else "not this"


def played(turn: Turn, dialect: Dialect) -> Answer:
    """Play a turn on a wire, as the request wants it: streamed or at once."""
    said, spoiling = turn.said, turn.spoiling
    headers = dialect.headers(said.number)
    streamed = said.body.get("stream") is True
    if turn.refusal is not None or (isinstance(spoiling, Midway) and not streamed):
        refusal = turn.refusal or (spoiling.refusal if isinstance(spoiling, Midway) else None)
        assert refusal is not None
        answer = dialect.refusal(refusal, said.model)
        return replace(answer, headers={**headers, **answer.headers})
    if streamed:
        headers |= {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        return Answer(200, headers, _spoilt_events(said, dialect, spoiling), streamed=True)
    body = encoded(dialect.whole(said))
    if isinstance(spoiling, MalformedJson):
        body = body[: len(body) // 2]
    return Answer(200, headers | {"content-type": "application/json"}, [body])


def _spoilt_events(said: Saying, dialect: Dialect, spoiling: Spoiling | None) -> Iterator[bytes]:
    for number, event in enumerate(dialect.events(said)):
        match spoiling:
            case Midway(refusal=refusal, events=count) if number == count:
                yield from dialect.midway(refusal, said, number)
                return
            case MalformedJson(events=count) if number == count:
                start = event.index(b"data: ") + 6
                yield event[: (start + len(event)) // 2] + b"\n\n"
            case _:
                yield event
