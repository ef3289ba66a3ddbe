"""Filling: a value of a JSON Schema that says one of two things, yes or no, in whatever words the schema has for it."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import cast

from remit.core.values import JsonObject, JsonValue

_GOOD = ("yes", "right", "correct", "true", "sure", "pass", "accept", "ok", "good", "high", "none", "likely")
_BAD = ("no", "wrong", "incorrect", "false", "impossible", "fail", "reject", "bad", "low", "major", "unlikely")
"""Words that say yes and no, the clearest first."""

_AGAINST = frozenset({"findings", "problems", "issues", "errors", "mistakes", "wrong", "failed"})
"""Names of what is empty or false when there is nothing to object to."""
_LEFT_OPEN = frozenset({"done", "finished"})
"""Names of what is never true: whoever proposes answers cannot tell that none is left to propose."""
_REMARKS = frozenset(
    {"comment", "critique", "explanation", "finding", "lesson", "problem", "reason", "reasoning", "text", "why"}
)
"""Names of texts that talk about an answer; a text with another name is an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """What a value is to say."""

    approves: bool
    lots: Random
    answer: Callable[[], str]
    remark: Callable[[], str]
    items: int = 3
    """Of a list without bounds."""


def filled(schema: JsonObject, filler: Filler) -> JsonValue:
    """Make a value of a schema as msgspec and pydantic write them: references, unions, bounds and enumerations."""
    return _Filling(schema, filler).value(schema, "")


@dataclass(frozen=True, slots=True)
class _Filling:
    root: JsonObject
    filler: Filler

    def value(self, schema: JsonObject, name: str) -> JsonValue:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(cast("list[JsonValue]", schema["enum"]))
        match schema.get("type"):
            case "object":
                return self._object(schema)
            case "array":
                return self._array(schema, name)
            case kind:
                return self._plain(schema, name, kind)

    def _plain(self, schema: JsonObject, name: str, kind: JsonValue) -> JsonValue:
        match kind:
            case "boolean":
                return name not in _LEFT_OPEN and self.filler.approves != (name in _AGAINST)
            case "integer" | "number":
                return self._number(schema, whole=kind == "integer")
            case "null":
                return None
            case _:
                return self.filler.remark() if name in _REMARKS else self.filler.answer()

    def _resolved(self, schema: JsonObject) -> JsonObject:
        while True:
            reference, options = schema.get("$ref"), schema.get("anyOf") or schema.get("oneOf")
            if isinstance(reference, str):
                schema = self._found(reference)
            elif isinstance(options, list) and options:
                schema = cast("JsonObject", options[0])
            else:
                return schema

    def _found(self, reference: str) -> JsonObject:
        found: JsonValue = self.root
        for part in reference.removeprefix("#/").split("/"):
            found = cast("JsonObject", found)[part]
        return cast("JsonObject", found)

    def _object(self, schema: JsonObject) -> JsonObject:
        properties = cast("JsonObject", schema.get("properties", {}))
        return {name: self.value(cast("JsonObject", each), name) for name, each in properties.items()}

    def _array(self, schema: JsonObject, name: str) -> JsonValue:
        least = cast("int", schema.get("minItems", 0))
        if name in _AGAINST:
            count = max(least, 0 if self.filler.approves else 1)
        else:
            count = min(max(least, self.filler.items), cast("int", schema.get("maxItems", self.filler.items)))
        items = cast("JsonObject", schema.get("items", {}))
        # The name of a list says what its items are, unless they have names of their own.
        one = "finding" if name in _AGAINST else name
        return [self.value(items, one) for _ in range(count)]

    def _number(self, schema: JsonObject, *, whole: bool) -> JsonValue:
        low, high = cast("float", schema.get("minimum", 0)), cast("float", schema.get("maximum", 10 if whole else 1))
        low, high = min(low, high), max(low, high)
        third = (high - low) / 3
        at = (
            self.filler.lots.uniform(high - third, high)
            if self.filler.approves
            else low + self.filler.lots.random() * third
        )
        return min(max(round(at), int(low)), int(high)) if whole else at

    def _choice(self, options: list[JsonValue]) -> JsonValue:
        wanted = _GOOD if self.filler.approves else _BAD
        words = {str(option).lower(): option for option in options}
        fitting = [words[word] for word in wanted if word in words]
        return (fitting or options[:: 1 if self.filler.approves else -1])[0]
