"""However charges are broken down, the parts add up to the whole."""

import pytest

from remit.core.messages import Usage
from remit.telemetry.cost import BY, By, Charge, Line, break_down, total


def charge(cost: int, **told: object) -> Charge:
    base = {"kind": "model", "session": "s", "agent": "a", "tenant": "t", "at": 1, "status": "ok", "cost": cost}
    return Charge(**(base | told))  # type: ignore[arg-type]


CHARGES = (
    charge(5, model="gpt", role="default", usage=Usage(100, 10, 40)),
    charge(7, model="mini", role="judge", status="unusable", usage=Usage(50, 5)),
    charge(0, model="gpt", role="default", status="hit"),
    charge(3, kind="tool", tool="pay", agent="b", status="failed", retries=2),
    charge(1, kind="tool", session="s2", tenant="u"),
)


@pytest.mark.parametrize("by", BY)
def test_the_parts_add_up(by: By) -> None:
    lines = break_down(CHARGES, by)
    whole = total(CHARGES)
    for field in ("calls", "input", "cached", "output", "failures", "retries", "hits", "cost", "wasted"):
        assert sum(getattr(line, field) for line in lines) == getattr(whole, field)
    assert [line.cost for line in lines] == sorted((line.cost for line in lines), reverse=True)


def test_the_whole_counts_what_went_wrong_and_what_it_cost() -> None:
    assert total(CHARGES, "all") == Line("all", 5, 150, 40, 15, failures=2, retries=2, hits=1, cost=16, wasted=10)


def test_charges_without_the_thing_have_a_line_of_their_own() -> None:
    assert [line.name for line in break_down(CHARGES, "model")] == ["mini", "gpt", "(tools)"]
    assert [line.name for line in break_down(CHARGES, "tool")] == ["(models)", "pay", "(unknown)"]
    assert [line.name for line in break_down(CHARGES, "kind")] == ["model", "tool"]
