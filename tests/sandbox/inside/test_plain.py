import datetime as dt
from decimal import Decimal

import pytest

from remit.sandbox.inside.plain import plain


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ((1, {2}), [1, [2]]),
        ({("a", 1): 2, None: 3}, {"a, 1": 2, "None": 3}),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.timedelta(seconds=90), "0:01:30"),
        (Decimal("0.10"), "0.10"),
        ("half \ud800", "half ?"),
        (True, True),
    ],
)
def test_values_become_what_json_says_nearest(value: object, shown: object) -> None:
    assert plain(value) == shown


@pytest.mark.parametrize("value", [float("nan"), 2**64, -(2**63) - 1, object(), b"x", {b"k": 1}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        plain(value)


def test_what_is_nested_without_end_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested"):
        plain(endless)


def test_a_number_that_lies_about_itself_is_asked_as_the_number_it_is() -> None:
    class Liar(int):
        def __str__(self) -> str:
            return "12; drop"

    assert plain(Liar(3)) == 3
    assert type(plain(Liar(3))) is int
