"""Result: how a run stands when the session stops driving it."""

from dataclasses import dataclass
from typing import Literal

from remit.core.events import RunStatus
from remit.core.values import JsonValue, Nanos, usd


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run: its output, or what it waits for."""

    session: str
    run: int
    status: RunStatus | Literal["waiting", "idle"]
    """`waiting` when a person must act first; `idle` when there was nothing to do."""
    output: JsonValue = None
    reason: str = ""
    """Why it ended short of its goal, or what is asked."""
    spent: Nanos = 0

    @property
    def cost(self) -> float:
        """What the run cost, in dollars."""
        return usd(self.spent)
