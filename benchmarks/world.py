"""The world the agents act in: one scripted model and two tools, the same for every runtime.

A prompt says what the model will do: `run 10` calls `lookup` ten times and answers; `hold 10` calls it ten times, then
`pay`, which needs a person's approval, and answers. The model is told how many calls lie behind it, so that its own
cost is the same at every step.
"""

import asyncio
from dataclasses import dataclass
from typing import Literal

TEXT = "Order shipped from the depot in Lyon; the carrier reports a delay of two days because of snow on the pass. "
RESULT_BYTES = 260
STEP_BYTES = 300
"""Payload of a step: the result of the tool, and about 40 bytes of arguments and call id."""

LOOKUP_DOC = "Look an order up by its number."
PAY_DOC = "Refund an order by its number; needs an approval."


@dataclass(frozen=True, slots=True)
class Call:
    """The model wants this tool called with this order number."""

    tool: Literal["lookup", "pay"]
    order: int

    @property
    def id(self) -> str:
        """Return the call's id, unique within its session."""
        return f"call_{self.order:06d}"


def run_prompt(steps: int) -> str:
    """Return the prompt of a session that takes `steps` steps and answers."""
    return f"run {steps}"


def hold_prompt(steps: int) -> str:
    """Return the prompt of a session that takes `steps` steps, waits for an approval, and answers."""
    return f"hold {steps}"


def answer(steps: int) -> str:
    """Return what the model says at the end of a session of `steps` steps."""
    return f"done after {steps} lookups"


def decide(prompt: str, calls: int) -> Call | str:
    """Return the model's next call, or its answer, when `calls` calls lie behind it."""
    kind, steps = prompt.split()
    if calls < int(steps):
        return Call("lookup", calls)
    if kind == "hold" and calls == int(steps):
        return Call("pay", calls)
    return answer(int(steps))


@dataclass(slots=True)
class World:
    """What happened outside: how often the tools ran, counted at their side and not from a runtime's own record."""

    seconds: float = 0.0
    """How long the model lets wait for each of its replies."""
    lookups: int = 0
    payments: int = 0

    async def think(self, prompt: str, calls: int) -> Call | str:
        """Return the model's next move after its latency."""
        if self.seconds:
            await asyncio.sleep(self.seconds)
        return decide(prompt, calls)

    async def lookup(self, order: int) -> str:
        """Return the text of one order, `RESULT_BYTES` long and different for each number."""
        self.lookups += 1
        return f"{order:06d} {TEXT * 3}"[:RESULT_BYTES]

    async def pay(self, order: int) -> str:
        """Return the receipt of a refund."""
        self.payments += 1
        return f"refunded {order}"


WORLD = World()
"""The one world of this process: some runtimes register tools globally, once, when their module is imported."""
