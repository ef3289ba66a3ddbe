"""Plain: a record as a JSON object with its kind and named fields, for machines that know nothing of our formats."""

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from remit.core.events import Record, kind
from remit.core.values import JsonObject, JsonValue


def plain(record: Record) -> JsonObject:
    """Give `seq`, `at` (milliseconds since the epoch), `kind` and `fields`, among which there may be another `kind`."""
    return {"seq": record.seq, "at": record.at, "kind": kind(record.event), "fields": laid_open(record.event)}


def laid_open(value: object) -> JsonValue:
    """Give a value of the vocabulary, such as a message, as JSON with the names of its fields."""
    match value:
        case msgspec.Struct():
            return {name: laid_open(getattr(value, name)) for name in value.__struct_fields__}
        case tuple() | list():
            return [laid_open(item) for item in cast("Sequence[object]", value)]
        case dict():
            return {name: laid_open(item) for name, item in cast("Mapping[str, object]", value).items()}
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise TypeError(f"an event cannot hold {value!r}")
