"""Votes: how several answers to one question become one, by count or by a judge."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import count
from typing import Annotated, cast

import msgspec

from remit.core.moves import Ask, Door, Strategy, altered, fork, note
from remit.core.shape import Shape
from remit.core.values import JsonObject, JsonValue, digest
from remit.strategies.doors import ask_for, attempt
from remit.strategies.prompts import Prompts
from remit.strategies.template import as_text, inside

Ballot = Callable[[JsonValue], str | None]
"""What an answer votes for: equal ballots are votes for the same. `None` for an answer that has no vote."""

_NUMBER = re.compile(r"(?:(?<!\w)[-+])?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?", re.ASCII)
"""A sign behind a letter or a digit is none: `3-5` is a range."""
_MINUS = "\u2212"
"""What a typesetter writes before a number."""
_EDGES = " \t\n.,;:!?\"'`*_"


class Choice(msgspec.Struct, frozen=True):
    """Which of several answers a judge takes."""

    choice: Annotated[int, msgspec.Meta(ge=1)]
    why: str = ""


def exact(answer: JsonValue) -> str:
    """Vote for the answer as it is."""
    return digest(answer)


def normalised(answer: JsonValue) -> str:
    """Vote for the answer whatever its letter case, spaces, outer punctuation, order of keys and way to write a number.

    An empty text votes for an empty text.
    """
    match answer:
        case str():
            text = " ".join(_folded(answer).replace(_MINUS, "-").split()).strip(_EDGES)
            return _plain(text) if _NUMBER.fullmatch(text) else text
        case bool() | None:
            return as_text(answer)
        case int() | float():
            return normalised(as_text(answer))
        case _:
            return exact(answer)


def last_number(answer: JsonValue) -> str | None:
    """Vote for the last number in the answer: for tasks that end in a figure, however the way there is told."""
    found = _NUMBER.findall(as_text(answer).replace(_MINUS, "-"))
    return _plain(found[-1]) if found else None


def winner(ballots: Sequence[str]) -> str:
    """Give the ballot that most voted for, and of equals the one that was first seen."""
    return max(dict.fromkeys(ballots), key=ballots.count)


def settled(ballots: Sequence[str], left: int) -> bool:
    """Say whether so many more votes cannot change the winner."""
    if not ballots:
        return left == 0
    first = winner(ballots)
    lead = ballots.count(first) - left
    order = list(dict.fromkeys(ballots))
    # Of equals the first seen wins, so whoever was seen before the leader only needs to draw level.
    before = order[: order.index(first)]
    after = order[len(before) + 1 :]
    return (
        lead >= 0
        and all(ballots.count(other) < lead for other in before)
        and all(ballots.count(other) <= lead for other in after)
    )


def wave(ballots: Sequence[str], left: int) -> int:
    """Give the fewest further votes that could settle it; at most those that are left."""
    leading = winner(ballots) if ballots else ""
    return next(more for more in count() if settled([*ballots, *[leading] * more], left - more))


def apart(strategy: Strategy, number: int, of: int, role: str = "default") -> Strategy:
    """Follow one of several strategies that ask the same: a cache keeps their answers apart, and each may have a role.

    Strategies within strategies stay apart too.
    """

    def change(move: Ask) -> Ask:
        wanted = role if move.role == "default" else move.role
        return msgspec.structs.replace(move, role=wanted, sample=move.sample * of + number)

    return altered(strategy, change)


def judged(answers: Sequence[JsonValue], *, role: str, prompts: Prompts) -> Door[int | None]:
    """Have a judge take one of several answers: its place, or `None` when the judge cannot say; note the verdict.

    The judge sees the conversation, and what it is told does not enter it. The text `judge` of the prompts asks it.
    """
    question = ask_for(_choice(len(answers)), prompts.text("judge", answers=shown(answers)), role=role)
    (end,) = cast("tuple[JsonObject]", (yield from fork([attempt(question)])))
    yield from note("verdict", end)
    if "failed" in end:
        return None
    return msgspec.convert(end["output"], Choice).choice - 1


def shown(answers: Sequence[JsonValue]) -> str:
    """Write answers for a reader, each with its number and its end marked."""
    texts = (inside(as_text(answer), ["answer"]) for answer in answers)
    return "\n".join(f'<answer number="{number}">\n{text}\n</answer>' for number, text in enumerate(texts, 1))


def _choice(answers: int) -> Shape:
    def read(value: JsonValue) -> JsonValue:
        try:
            choice = msgspec.convert(value, Choice)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None
        if choice.choice > answers:
            raise ValueError(f"there is no answer {choice.choice}; there are {answers}")
        return value

    number: JsonObject = {"type": "integer", "minimum": 1, "maximum": answers}
    properties: JsonObject = {"choice": number, "why": {"type": "string"}}
    return Shape({"type": "object", "properties": properties, "required": ["choice"]}, read)


def _folded(text: str) -> str:
    """Take away differences of letter case and of encoding (Unicode 16, definition D147: compatibility caseless)."""
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    return unicodedata.normalize("NFKC", once.casefold())


def _plain(number: str) -> str:
    """Write equal numbers alike, whatever their length."""
    whole, _, part = number.lstrip("+-").replace(",", "").partition(".")
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    plain = f"{whole}.{part}" if part else whole
    return f"-{plain}" if number.startswith("-") and plain != "0" else plain
