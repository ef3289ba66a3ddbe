"""Shape: what a structured answer must look like, as a JSON Schema and a reader that says what is wrong."""

from collections.abc import Callable
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
