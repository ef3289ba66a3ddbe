"""Workers of one database share circuits, paces and room; those elsewhere are each on their own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest_asyncio
from tests.journal.postgres.asking import ask

from remit import Agent, Settings, tool
from remit.core.limits import Flow
from remit.core.messages import Usage
from remit.home.wiring import Wiring, sharing
from remit.journal import MemoryJournal
from remit.journal.postgres import PostgresJournal
from remit.journal.postgres.shared import Sharing
from remit.models.wrappers.rate_limited import Pace
from remit.policy import Breakers, Tolerance
from remit.policy.shared_breaker import SharedBreakers
from remit.runtime import LocalWorkers, Session
from remit.testing import ScriptedModel, calls, says, use


def settings(script: Callable[[], ScriptedModel]) -> Settings:
    return Settings(
        models={"mine": lambda name: script()},
        paces={"mine": Pace(requests=6000, tokens=6e6)},
        flows={"tool:look": Flow(at_once=2)},
        tolerances={"*": Tolerance(failures=2, cooldown=60.0), "tool:look": Tolerance(failures=1, cooldown=60.0)},
    )


def script() -> ScriptedModel:
    return ScriptedModel([calls(use("look")), says("done")], usage=Usage(10, 10))


@dataclass
class Worker:
    """What one process of a fleet works with."""

    journal: PostgresJournal
    wiring: Wiring

    async def run(self, agent: Agent, name: str) -> str:
        """Have it drive a session."""
        session = await Session.open(name, *await self.wiring.world(agent, "default"), tree=None)
        await session.hear("go")
        return (await session.run()).status


@pytest_asyncio.fixture
async def workers(url: str) -> AsyncIterator[list[Worker]]:
    """Two workers of one database."""
    journals = [PostgresJournal(url) for _ in range(2)]
    made = [
        Worker(journal, Wiring(journal, journal.workers, bytes(32), settings(script), sharing(journal)))
        for journal in journals
    ]
    yield made
    for worker in made:
        if worker.wiring.shared is not None:
            await worker.wiring.shared.close()
        await worker.wiring.toolsets.close()
        await worker.wiring.sandbox.close()
        await worker.journal.close()


async def test_what_fails_at_one_worker_is_not_called_by_another(workers: list[Worker], url: str) -> None:
    called: list[str] = []

    @tool(effect="read")
    async def look() -> str:
        """Fail."""
        called.append("look")
        raise RuntimeError("down")

    agent = Agent("a", "mine:x", tools=[look], detectors=())
    here, there = workers
    assert await here.run(agent, "s0") == "done"
    async with asyncio.timeout(30):
        # It happens over there.
        while "tool:look" not in there.wiring.breakers.snapshot():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    before = len(called)
    assert await there.run(agent, "s1") == "done"
    assert len(called) == before
    flow, pace = [name for (name,) in ask(url, "SELECT name FROM remit.bounds ORDER BY name")]
    assert flow.startswith("flow/tool:look/")
    assert pace.startswith("pace/"), "both share one pace, whose name does not say the key"


async def test_those_elsewhere_share_nothing() -> None:
    assert sharing(MemoryJournal()) is None
    wiring = Wiring(MemoryJournal(), LocalWorkers(), bytes(32), settings(script))
    assert isinstance(wiring.breakers, Breakers)
    await wiring.sandbox.close()


async def test_those_of_a_database_share(workers: list[Worker]) -> None:
    assert isinstance(workers[0].wiring.shared, Sharing)
    assert isinstance(workers[0].wiring.breakers, SharedBreakers)
