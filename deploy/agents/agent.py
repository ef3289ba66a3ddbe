"""An agent to see a fleet work with. It needs no provider: its model is a few rules, which keep nothing between asks.

Whichever worker goes on with a session gives the same answers. Replace the model by a name such as `openai:NAME`.
"""

import asyncio
from itertools import repeat

from remit import Agent, AskBefore, Limits, tool
from remit.core.messages import ToolMessage
from remit.core.ports import Reply, Request
from remit.testing import ScriptedModel, calls, says, use

ORDERS = {"A-7": 40.0, "B-2": 12.5}


@tool(effect="read")
async def find_order(number: str) -> dict[str, str | float]:
    """Say what was paid for an order."""
    await asyncio.sleep(1)  # long enough to be seen
    return {"number": number, "usd": ORDERS[number]} if number in ORDERS else {}


@tool(effect="idempotent")
async def refund(number: str, usd: float) -> str:
    """Give money back."""
    return f"refunded {usd:.2f} for {number}"


def answer(request: Request) -> Reply:
    """Find the order, want it refunded, say what came of it."""
    last = request.messages[-1]
    if not isinstance(last, ToolMessage):
        words = [word.strip(".,?!") for word in getattr(last, "text", "").split()]
        return calls(use("find_order", number=next((word for word in words if word in ORDERS), "C-3")))
    found = last.outcome.output
    if last.tool == "refund":
        return says(f"Done: {found}." if last.outcome.status == "ok" else "It was not allowed.")
    return calls(use("refund", **found)) if isinstance(found, dict) and found else says("There is no such order.")


agent = Agent(
    "clerk",
    ScriptedModel(repeat(answer), name="rules"),
    tools=[find_order, refund],
    guards=[AskBefore("refund")],
    limits=Limits(usd=1.0, steps=20),
)
