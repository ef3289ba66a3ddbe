"""What a tool returned, as JSON."""

import dataclasses
import datetime
import decimal
import enum
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from remit.tools import jsonable


class Point(BaseModel):
    x: int
    when: datetime.date


@dataclasses.dataclass
class Box:
    inside: object


class Leaf(msgspec.Struct):
    size: int
    next: "Leaf | None" = None


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("text", "text"),
        (1.5, 1.5),
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (Point(x=1, when=datetime.date(2026, 1, 2)), {"x": 1, "when": "2026-01-02"}),
        (Box(Leaf(1, Leaf(2))), {"inside": {"size": 1, "next": {"size": 2, "next": None}}}),
        ([Colour.RED, decimal.Decimal("1.10")], ["red", "1.10"]),
        (datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), "2026-01-02T00:00:00Z"),
        ({1: "one"}, {"1": "one"}),
    ],
)
def test_any_json_shape_becomes_plain_json(value: object, expected: object) -> None:
    assert jsonable(value) == expected


def test_numbers_that_json_or_the_journal_cannot_hold_become_text() -> None:
    assert jsonable([math.nan, -math.inf, 2**64, -(2**63) - 1]) == ["nan", "-inf", str(2**64), str(-(2**63) - 1)]
    assert jsonable(2**64 - 1) == 2**64 - 1
    assert jsonable({"huge": 10**5000, "inf": math.inf}) == {"huge": f"{10**5000:#x}", "inf": "inf"}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"\x00", "type bytes .* return text"),
        ({"raw": b"\xff"}, "type dict .* utf-8"),
        (object(), "type object .* no JSON form"),
        ([Box(object())], "type list .* type object has no JSON form"),
        ("\ud800", "lone surrogate"),
    ],
)
def test_what_json_cannot_say_is_refused_with_the_reason(value: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        jsonable(value)


def test_a_value_inside_itself_is_refused() -> None:
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="type list"):
        jsonable(circle)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_whatever_comes_out_survives_the_journal_unchanged(value: object) -> None:
    plain = jsonable(value)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(plain)) == plain
    assert msgspec.json.decode(msgspec.json.encode(plain)) == plain
