"""A worker that spends. Run as `python -m tests.journal.postgres.spender URL FOLDER NUMBER KIND [TOKEN]`."""

import asyncio
import itertools
import sys
from collections.abc import Awaitable
from pathlib import Path

from remit import Agent, Home, Settings
from remit.core.errors import OverLimitError
from remit.core.limits import Limits, Tenant
from remit.core.messages import ToolMessage, Usage
from remit.core.ports import Emit, ModelSpec, Reply, Request
from remit.journal.postgres import PostgresJournal
from remit.models import FlatPrice
from remit.testing import EffectCounter, calls, says, use

SESSIONS = 50
"""Of each worker."""
BUDGET, CAP, CHILDREN = 10.0, 50, 20
CALL, WORST = 0.008, 0.01
"""Dollars that a model call costs, and may cost."""
TENANTS = {
    "budget": Tenant(name="t", usd_per_day=BUDGET),
    "cap": Tenant(name="t", sessions=CAP),
    "tree": Tenant(name="t"),
}
LIMITS = Limits(max_output=100, tree_usd=1.0, children=CHILDREN, depth=1)


class Billed:
    """A model that bills what it answers, on its own side."""

    def __init__(self, bills: Path, asks: int, pause: float = 0.0) -> None:
        """Write to a file that all workers share; a session asks so often."""
        self.spec = ModelSpec("billed", FlatPrice(0.0, 100.0))
        self._bills, self._asks, self._pause = bills, asks, pause

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer, at a price."""
        with self._bills.open("a") as file:
            file.write(f"{CALL}\n")
        await asyncio.sleep(self._pause)
        asked = sum(isinstance(message, ToolMessage) for message in request.messages)
        reply = says("done") if asked + 1 >= self._asks else calls(use("effect", n=asked))
        return Reply(reply.text, reply.calls, Usage(0, 80))


def agent(folder: Path, *, asks: int = 8, pause: float = 0.0, limits: Limits = LIMITS) -> Agent:
    """Declare an agent that asks so often, and calls a tool in between."""
    model = Billed(folder / "bills", asks, pause)
    return Agent("a", model, tools=[EffectCounter("read")], limits=limits, detectors=())


async def gone(work: Awaitable[object]) -> bool:
    """Say whether something was refused for want of room."""
    try:
        await work
    except OverLimitError:
        return True
    return False


async def work(home: Home, folder: Path, number: int, kind: str, token: str) -> list[object]:
    """Do what this kind of worker does, and give what came of it."""
    names = [f"{kind}-{number}-{session}" for session in range(SESSIONS)]
    if kind == "budget":
        declared = agent(folder, limits=Limits(max_output=100))
        results = await asyncio.gather(*(home.run(declared, "go", session=name) for name in names))
        return [result.status for result in results]
    if kind == "tree":
        declared = agent(folder)
        return list(
            await asyncio.gather(*(gone(home.run(declared, "go", session=name, token=token)) for name in names[:10]))
        )
    declared = agent(folder, asks=2, pause=0.02, limits=Limits(max_output=100))

    async def insist(name: str) -> int:
        for refused in itertools.count():
            if not await gone(home.run(declared, "go", session=name if refused == 0 else f"{name}-{refused}")):
                return refused
            await asyncio.sleep(0.05)
        raise AssertionError

    return list(await asyncio.gather(*(insist(name) for name in names)))


async def live(url: str, folder: Path, number: int, kind: str, token: str) -> None:
    journal = await PostgresJournal.open(url)
    await journal.workers.begin()
    async with Home(journal, journal.workers, bytes(32), Settings(tenants=(TENANTS[kind],))) as home:
        print("ready", flush=True)  # noqa: T201 - whoever started us waits for it
        sys.stdin.readline()
        print(await work(home, folder, number, kind, token), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], (*sys.argv, "")[5]))
