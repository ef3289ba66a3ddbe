"""Shape: what a structured answer must look like, as a JSON Schema and a reader that says what is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from remit.core.values import JsonObject, JsonValue, digest


@dataclass(frozen=True, slots=True)
class Shape:
    """A JSON Schema with the function that reads a JSON value into the wanted type."""

    schema: JsonObject
    read: Callable[[JsonValue], Any]
    """Return the value; raise `ValueError` with a message a model can act on."""
    id: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        """Name the shape by what it demands."""
        object.__setattr__(self, "id", self.id or digest(self.schema)[:12])


def shape(kind: Any) -> Shape:
    """Make the shape of a type that msgspec understands: a struct, dataclass, TypedDict, list, literal, ..."""

    def read(value: JsonValue) -> Any:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None

    return Shape(msgspec.json.schema(kind), read)


LOCAL = "#/$defs/"
"""How a reference to a definition of the same schema begins."""


def references(schema: JsonValue) -> Iterator[str]:
    """Give the names of the definitions that a schema refers to, in order, as often as it does."""
    if isinstance(schema, dict):
        ref = schema.get("$ref")
        if isinstance(ref, str):
            yield ref.removeprefix(LOCAL)
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from references(item)
