"""Records as plain JSON objects name every field."""

import msgspec

from remit.core.events import Flagged, ModelAnswered, Record
from remit.core.messages import Call, Usage
from remit.telemetry import plain


def test_fields_are_named_at_every_depth() -> None:
    event = ModelAnswered("0", "hi", (Call("f", {"a": [1, {"b": None}]}, "c1"),), Usage(3, 1))
    told = plain(Record(7, 99, event))
    fields = told["fields"]
    assert isinstance(fields, dict)
    assert (told["seq"], told["at"], told["kind"]) == (7, 99, "ModelAnswered")
    assert fields["calls"] == [
        {"tool": "f", "args": {"a": [1, {"b": None}]}, "id": "c1", "malformed": "", "problem": ""}
    ]
    assert fields["usage"] == msgspec.structs.asdict(Usage(3, 1))
    assert msgspec.json.decode(msgspec.json.encode(told)) == told


def test_an_event_with_a_kind_of_its_own_hides_nothing() -> None:
    told = plain(Record(1, 2, Flagged("loop", "warn", "again")))
    assert told["kind"] == "Flagged"
    assert told["fields"] == {"kind": "loop", "level": "warn", "reason": "again", "call": ""}
