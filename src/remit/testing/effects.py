"""Effects: a tool whose happenings are counted on its own side, whatever a journal says."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from remit.core.ports import Probe, ToolContext, ToolSpec
from remit.core.values import JsonObject, JsonValue, Nanos

Moment = Literal["before", "after"]


def _nothing(moment: Moment) -> None:
    """Let every call be."""


@dataclass(eq=False)
class EffectCounter:
    """A tool that takes any arguments and writes each happening down, in memory or in a file all processes share.

    `idempotent` behaves as a service with idempotency keys does: the same key again has no further effect.
    `once` with `reconciles` can be asked whether a key happened.
    """

    effect: Literal["read", "idempotent", "once"] = "once"
    path: Path | None = None
    """A file of one line a call, each the call's key; `None` to count in memory."""
    reconciles: bool = False
    doubt: Literal["wait", "tell"] = "wait"
    name: str = "effect"
    price: Nanos = 0
    pause: float = 0.0
    """Seconds between the effect and its result: a long moment to be killed in."""
    around: Callable[[Moment], None] = _nothing
    """Called just before and just after the effect; may raise, as an error or as a simulated death."""
    lines: list[str] = field(default_factory=list[str], init=False)

    def __post_init__(self) -> None:
        """Fix the contract."""
        self._spec = ToolSpec(
            name=self.name,
            description=f"Does something that is counted ({self.effect}).",
            schema={"type": "object"},
            effect=self.effect,
            price=self.price,
            reconciles=self.reconciles,
            doubt=self.doubt,
        )

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        return self._spec

    def check(self, args: JsonObject) -> str:
        """Accept anything."""
        return ""

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Happen, and tell the key."""
        self.around("before")
        self._write(context.key)
        if self.pause:
            await asyncio.sleep(self.pause)
        self.around("after")
        return {"done": context.key}

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Say whether the key happened, when it reconciles."""
        if not self.reconciles:
            return None
        happened = context.key in self.called()
        return Probe(happened, {"done": context.key} if happened else None)

    def called(self) -> list[str]:
        """Give the key of every call that came through, in order."""
        if self.path is None:
            return list(self.lines)
        return self.path.read_text().splitlines() if self.path.exists() else []

    def happened(self) -> list[str]:
        """Give the key of every effect, in order: for `idempotent`, each key once."""
        keys = self.called()
        return list(dict.fromkeys(keys)) if self.effect == "idempotent" else keys

    def twice(self) -> list[str]:
        """Give the keys that took effect more than once; none for `read`, which changes nothing."""
        if self.effect == "read":
            return []
        return [key for key, count in Counter(self.happened()).items() if count > 1]

    def _write(self, key: str) -> None:
        if self.path is None:
            self.lines.append(key)
            return
        # One write to a file opened for appending is atomic, and what is written survives the death of the process.
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(file, f"{key}\n".encode())
        finally:
            os.close(file)
