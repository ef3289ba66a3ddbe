"""Order: how the pieces of one answer followed each other, kept in its reasoning so that they go back as they came."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from remit.core.messages import AssistantMessage, Call
from remit.core.values import JsonObject, JsonValue, digest


class Said(msgspec.Struct, frozen=True, gc=False):
    """Words of an answer."""

    text: str
    phase: str = ""
    """Which part the words play in the answer, where a provider wants to hear that again."""


class Thought(msgspec.Struct, frozen=True, gc=False):
    """A piece of reasoning, as the provider wrote it."""

    body: JsonObject


Piece = Said | Thought | Call

_Kind = Literal["said", "thought", "call"]


def kept(wire: str, model: str, pieces: Sequence[Piece]) -> JsonValue:
    """Give the reasoning to keep of an answer: `None` when its text and its calls, in this order, say it all."""
    if not any(isinstance(piece, Thought) or (isinstance(piece, Said) and piece.phase) for piece in pieces):
        return None
    order: list[JsonValue] = [_mark(piece) for piece in pieces]
    return {"wire": wire, "model": model, "order": order, "seal": digest(order)}


def pieces(wire: str, model: str, message: AssistantMessage) -> list[Piece]:
    """Lay an answer out as it came.

    Without a reasoning of this wire and model the words come first and the calls after them. The same holds when the
    reasoning was changed since, as by taking a secret out: a provider refuses what it did not write. Thoughts that
    nothing follows, as of an answer cut off at its length, are refused too and left out.
    """
    laid = _laid(wire, model, message)
    while laid and (isinstance(laid[-1], Thought) or (isinstance(laid[-1], Said) and not laid[-1].text.strip())):
        laid.pop()
    return laid


def _laid(wire: str, model: str, message: AssistantMessage) -> list[Piece]:
    order = _order(wire, model, message.reasoning)
    if order is not None:
        if _fits(order, message):
            return list(_filled(order, message))
        thoughts: list[Piece] = [Thought(item) for item in order if _kind(item) == "thought"]
        return [*thoughts, *_plain(message)]
    return _plain(message)


def _plain(message: AssistantMessage) -> list[Piece]:
    return [*([Said(message.text)] if message.text else []), *message.calls]


def _mark(piece: Piece) -> JsonObject:
    match piece:
        case Said():
            return {"said": len(piece.text), "phase": piece.phase} if piece.phase else {"said": len(piece.text)}
        case Thought():
            return piece.body
        case _:
            return {"call": True}


def _kind(mark: JsonObject) -> _Kind:
    if "type" in mark:
        return "thought"
    return "said" if "said" in mark else "call"


def _order(wire: str, model: str, reasoning: JsonValue) -> list[JsonObject] | None:
    if not isinstance(reasoning, dict) or reasoning.get("wire") != wire or reasoning.get("model") != model:
        return None
    order = reasoning.get("order")
    if not isinstance(order, list) or reasoning.get("seal") != digest(order):
        return None
    return [mark for mark in order if isinstance(mark, dict)]


def _fits(order: Sequence[JsonObject], message: AssistantMessage) -> bool:
    said = sum(length for mark in order if isinstance(length := mark.get("said"), int) and "type" not in mark)
    calls = sum(_kind(mark) == "call" for mark in order)
    return said == len(message.text) and calls == len(message.calls)


def _filled(order: Sequence[JsonObject], message: AssistantMessage) -> Iterator[Piece]:
    place = 0
    calls = iter(message.calls)
    for mark in order:
        match _kind(mark):
            case "thought":
                yield Thought(mark)
            case "call":
                yield next(calls)
            case _:
                length = mark["said"]
                assert isinstance(length, int), "a mark of words says how many characters they are"
                yield Said(message.text[place : place + length], str(mark.get("phase", "")))
                place += length
