"""Report: what a check found, tool by tool."""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from remit.core.values import JsonObject

Phase = Literal["examples", "minimal", "optional", "values", "random", "repeated", "invalid"]
PHASES: tuple[Phase, ...] = ("examples", "minimal", "optional", "values", "random", "repeated", "invalid")

Status = Literal["ok", "breach", "unproven", "skipped"]

Kind = Literal["arguments", "answer", "broke", "slow", "words", "let pass"]
"""How a contract is broken: valid arguments are refused, an answer does not fit, a call ends in another error, or not
in time, a refusal is not worded for a model, or what the schema forbids is taken."""


class Breach(msgspec.Struct, frozen=True):
    """One way in which a tool does not keep its contract."""

    phase: Phase
    kind: Kind
    field: str
    """The argument, or the place in the answer, such as `body.fields.priority`; empty when it is none."""
    text: str
    args: JsonObject
    """With which it can be seen again."""
    times: int = 1


class PhaseReport(msgspec.Struct, frozen=True):
    """What came of one phase."""

    phase: Phase
    cases: int
    calls: int
    seconds: float
    breaches: tuple[Breach, ...] = ()
    skipped: str = ""
    """Why it was not tried, or not to its end."""


class Latency(msgspec.Struct, frozen=True):
    """How long calls took, in milliseconds."""

    p50: float = 0.0
    p95: float = 0.0
    max: float = 0.0


class Checked(msgspec.Struct, frozen=True):
    """What was found of one tool."""

    tool: str
    status: Status
    reason: str
    """Why it is unproven or was skipped, and what to do."""
    contract: str
    """The digest of what was checked."""
    calls: int
    ok: int
    refused: int
    """Calls that were turned away for another reason than their arguments, such as an id that does not exist."""
    errors: int
    """Calls that ended in neither an answer nor a refusal."""
    latency: Latency
    seconds: float
    phases: tuple[PhaseReport, ...]
    notes: tuple[str, ...] = ()
    """What is no breach and yet worth a look."""
    owner: str = ""
    source: str = ""

    @property
    def breaches(self) -> tuple[Breach, ...]:
        """All of them, in the order in which they were found."""
        return tuple(breach for phase in self.phases for breach in phase.breaches)

    @property
    def error_rate(self) -> float:
        """The part of the calls that ended in neither an answer nor a refusal."""
        return self.errors / self.calls if self.calls else 0.0


class Report(msgspec.Struct, frozen=True):
    """What a check found."""

    tools: tuple[Checked, ...]
    seed: int
    at: int
    """When it began: milliseconds since the epoch."""
    allow_unproven: bool = False

    @property
    def passed(self) -> bool:
        """Whether no tool broke its contract, and none was left unproven unless that is allowed."""
        return not any(self.fails(tool) for tool in self.tools)

    def fails(self, tool: Checked) -> bool:
        """Say whether a tool is why the check does not pass."""
        return tool.status == "breach" or (tool.status == "unproven" and not self.allow_unproven)


def latency(seconds: Sequence[float]) -> Latency:
    """Give the nearest-rank percentiles of durations."""
    if not seconds:
        return Latency()
    ordered = sorted(seconds)

    def rank(part: float) -> float:
        return round(ordered[math.ceil(part * len(ordered)) - 1] * 1000, 3)

    return Latency(rank(0.5), rank(0.95), rank(1.0))
