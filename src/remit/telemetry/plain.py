"""Plain: a record as a JSON object with its kind and named fields, for machines that know nothing of our formats."""

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from remit.core.events import Record, kind
from remit.core.values import JsonObject, JsonValue


def plain(record: Record) -> JsonObject:
    """Give `seq`, `at` (milliseconds since the epoch), `kind` and `fields`, among which there may be another `kind`."""
    return {"seq": record.seq, "at": record.at, "kind": kind(record.event), "fields": _plain(record.event)}


def _plain(value: object) -> JsonValue:
    match value:
        case msgspec.Struct():
            return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
        case tuple() | list():
            return [_plain(item) for item in cast("Sequence[object]", value)]
        case dict():
            return {name: _plain(item) for name, item in cast("Mapping[str, object]", value).items()}
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise TypeError(f"an event cannot hold {value!r}")
