"""Breakdown: charges summed by what they have in common."""

from collections.abc import Iterable
from typing import Literal, assert_never, get_args

import msgspec

from remit.core.values import Nanos
from remit.telemetry.cost.charges import Charge

By = Literal["agent", "model", "role", "tool", "tenant", "kind", "session"]
"""What charges can be broken down by; `kind` is whether a step was a model's or a tool's."""

BY: tuple[By, ...] = get_args(By)

_BAD = frozenset({"failed", "unusable", "lost"})


class Line(msgspec.Struct, frozen=True, gc=False):
    """What charges with one thing in common came to."""

    name: str
    calls: int = 0
    input: int = 0
    """Tokens, cached ones too."""
    cached: int = 0
    output: int = 0
    failures: int = 0
    """Calls that ended badly: no answer, one that could not be used, a failed tool."""
    retries: int = 0
    hits: int = 0
    """Answers from a cache of ours, which cost nothing."""
    cost: Nanos = 0
    wasted: Nanos = 0
    """What the failures among them cost."""


def break_down(charges: Iterable[Charge], by: By) -> list[Line]:
    """Sum charges by what they have in common, dearest first; their costs add up to the whole."""
    groups: dict[str, list[Charge]] = {}
    for charge in charges:
        groups.setdefault(_name(charge, by), []).append(charge)
    lines = [total(group, name) for name, group in groups.items()]
    return sorted(lines, key=lambda line: (-line.cost, -line.calls, line.name))


def total(charges: Iterable[Charge], name: str = "") -> Line:
    """Sum charges."""
    found = list(charges)
    bad = [charge for charge in found if charge.status in _BAD]
    return Line(
        name,
        calls=len(found),
        input=sum(charge.usage.input for charge in found),
        cached=sum(charge.usage.cached for charge in found),
        output=sum(charge.usage.output for charge in found),
        failures=len(bad),
        retries=sum(charge.retries for charge in found),
        hits=sum(charge.status == "hit" for charge in found),
        cost=sum(charge.cost for charge in found),
        wasted=sum(charge.cost for charge in bad),
    )


def _name(charge: Charge, by: By) -> str:
    match by:
        case "agent" | "tenant" | "session" | "kind":
            return getattr(charge, by) or "(unknown)"
        case "model" | "role":
            return getattr(charge, by) or ("(tools)" if charge.kind == "tool" else "(unknown)")
        case "tool":
            return charge.tool or ("(models)" if charge.kind == "model" else "(unknown)")
        case _:
            assert_never(by)
