"""Payload: whatever a strategy or a tool made becomes what the journal can hold and gives back."""

from enum import IntEnum

import msgspec
import pytest

from remit.core.values import JsonValue
from remit.runtime.payload import fit


class Score(float):
    """A number of a kind of its own, as those of numerical libraries are."""


class Level(IntEnum):
    """Numbers with names."""

    HIGH = 3


class Count(int):
    """A whole number of a kind of its own."""


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"a": Score(1.5)}, {"a": 1.5}),
        ([Count(3), Count(10**30)], [3, str(10**30)]),
        (Score("inf"), "inf"),
        (Level.HIGH, 3),
        ({"a": (1, True)}, {"a": [1, True]}),
    ],
)
def test_numbers_of_any_kind_become_plain_ones(value: JsonValue, kept: JsonValue) -> None:
    fitting = fit(value)
    assert fitting == kept
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(fitting)) == kept
