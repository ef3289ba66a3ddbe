"""Findings: what a schema accepts beyond another one, at one place."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

from remit.core.values import JsonValue
from remit.tools.contracts.inclusion.facts import Facts, Node
from remit.tools.contracts.inclusion.values import TYPES, shown

Topic = Literal["type", "value", "bound", "pattern", "format", "closed", "required", "unproved"]
Reading = Literal["strict", "arguments", "answer"]
"""How members that nothing describes count: as written; never given, in arguments; harmless, in answers."""

_WORDS = {
    "null": "null",
    "boolean": "a boolean",
    "string": "a string",
    "array": "an array",
    "object": "an object",
    "integer": "an integer",
    "fraction": "a number that is not whole",
}
_MANY = 6


class Finding(msgspec.Struct, frozen=True):
    """What is accepted beyond the other schema."""

    topic: Topic
    extra: str
    """It in words, such as `a string longer than 10 characters`; for `unproved` the keyword."""
    where: str = ""
    """The place, relative to where the comparison began: `.fields.priority`."""

    def at(self, place: str) -> "Finding":
        """Put it in its place."""
        return msgspec.structs.replace(self, where=place + self.where)


Prove = Callable[[Facts, Node, str], list[Finding]]
"""Show that all with these facts fits a schema, one level further down, at a relative place."""


def kinds(types: Iterable[str]) -> str:
    """Write types for a person."""
    wanted = set(types)
    if wanted >= TYPES:
        return "anything"
    numbers = {"integer", "fraction"}
    words = [_WORDS[name] for name in _WORDS if name in wanted and not (name in numbers and numbers <= wanted)]
    return either([*words, "a number"] if numbers <= wanted else words)


def values(options: Sequence[JsonValue]) -> str:
    """Write values for a person."""
    words = [shown(option) for option in options[:_MANY]]
    return either([*words, f"{len(options) - _MANY} more"] if len(options) > _MANY else words)


def either(words: Sequence[str]) -> str:
    """Join words with commas and an `or`."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
