"""Agents: what the fleet under measurement serves: `remit worker benchmarks/fleet/agents.py:quick ...`."""

import asyncio

from benchmarks.fleet.tenants import SETTINGS
from benchmarks.world import LOOKUP_DOC, PAY_DOC, WORLD, decide
from remit import Agent, AskBefore, Limits, tool
from remit.core.messages import Call as Wish
from remit.core.messages import Usage, UserMessage
from remit.core.ports import Emit, ModelSpec, Reply, Request
from remit.models import FlatPrice

SECONDS = 0.2
"""How long the slow model lets wait for each answer."""
STILL = 5.0
"""How long one does in whose sessions nothing is to happen meanwhile."""
USAGE = Usage(120, 20)


class Scripted:
    """A model that does what its first message says, after a while."""

    def __init__(self, seconds: float) -> None:
        """Take its latency."""
        self.spec = ModelSpec("scripted", FlatPrice(input=0.15, output=0.6))
        self._seconds = seconds

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Give the next move."""
        if self._seconds:
            await asyncio.sleep(self._seconds)
        first = request.messages[0]
        assert isinstance(first, UserMessage)
        move = decide(first.text, len(request.messages) // 2)
        if isinstance(move, str):
            return Reply(move, usage=USAGE)
        return Reply("", (Wish(move.tool, {"order": move.order}, move.id),), USAGE)


@tool(effect="read", description=LOOKUP_DOC)
async def lookup(order: int) -> str:
    return await WORLD.lookup(order)


@tool(description=PAY_DOC)
async def pay(order: int) -> str:
    return await WORLD.pay(order)


def made(name: str, seconds: float) -> Agent:
    """Return a default agent, with every guard and limit on."""
    limits = Limits(usd=1000.0, steps=1000)
    return Agent(name, Scripted(seconds), tools=[lookup, pay], limits=limits, guards=[AskBefore("pay")])


settings = SETTINGS
quick, slow, still = made("quick", 0.0), made("slow", SECONDS), made("still", STILL)
