"""A ward: one home, one server of a provider and one way of working, with whatever goes wrong between them."""

from dataclasses import dataclass, field

from tests.faults.hearing import hear
from tests.faults.table import KEY, Row
from tests.faults.ways import WAYS, right

from remit import Agent, Home, Limits, Settings, tool
from remit.core.events import ModelAnswered, ModelFailed, Record, encode
from remit.core.messages import Usage
from remit.core.ports import Model, Reply, ToolContext
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue, nanos
from remit.journal import MemoryJournal
from remit.models import FlatPrice, Priced, Retrying
from remit.models.connecting import connect
from remit.models.wires.client import WireModel
from remit.models.wrappers import Backoff, Breaking
from remit.policy import Breakers
from remit.runtime import LocalWorkers, RunResult
from remit.runtime.ledger import day, running_account, spent_account
from remit.testing import EffectCounter
from remit.testing.server import Fault, Faulty, ModelServer, Received

WIRES = ("openai", "openai-responses", "anthropic")
PRICE = FlatPrice(1.0, 4.0)
USAGE = Usage(200, 50)
BUDGET = 1.0
"""Dollars."""
LONGEST = 256 * 1024
"""Bytes of an answer that are read."""


@dataclass
class Ward:
    """A way of working whose provider shows a fault at one of its asks, or at all of them."""

    way: str
    wire: str
    row: Row
    at: int = 1
    """Which ask meets the fault, from 1; 0 for every one."""
    counter: EffectCounter = field(default_factory=lambda: EffectCounter("once"))
    waits: list[float] = field(default_factory=list[float])
    """Seconds that were to be waited before an ask was made again."""
    store: MemoryJournal = field(default_factory=MemoryJournal)
    asks: int = 0

    def answer(self, received: Received) -> Reply | Fault | Faulty:
        """Answer as the way wants it, and let the fault strike."""
        self.asks += 1
        reply = right(WAYS[self.way], hear(received))
        if self.at not in {0, self.asks}:
            return reply
        return self.row.fault if self.row.talks else Faulty(reply, self.row.fault)

    async def wait(self, seconds: float) -> None:
        """Note a wait instead of waiting."""
        self.waits.append(seconds)

    def model(self, url: str) -> Model:
        """Give the model of the server as the default stack wraps it, with waits that take no time."""
        client = connect(f"{self.wire}@{url}/v1:gpt-4.1", keys=lambda variable: KEY, timeouts=self.row.timeouts)
        assert isinstance(client, WireModel)
        client.longest = LONGEST
        priced = Priced(client, {client.name: PRICE})
        return Retrying(Breaking(priced, Breakers()), 3, backoff=Backoff(sleep=self.wait))

    def agent(self, url: str) -> Agent:
        """Give the agent with its one tool."""
        counter = self.counter

        @tool(effect="once")
        async def act(n: int, context: ToolContext) -> JsonValue:
            """Do something that is counted."""
            args: JsonObject = {"n": n}
            return await counter.call(args, context)

        limits = Limits(usd=BUDGET, steps=16)
        return Agent("w", self.model(url), "Be brief.", [act], WAYS[self.way].strategy, limits, detectors=())

    async def run(self) -> "Seen":
        """Run it once, and wait until the server has seen the end of every exchange."""
        async with ModelServer(self.answer, usage=USAGE, key=KEY) as server:
            home = Home(self.store, LocalWorkers(), bytes(32), Settings())
            agent = self.agent(server.url)
            result = await home.run(agent, "go", session="s")
            replayed = await home.replay(agent, "s")
            await home.close()
            for received in server.requests:
                await received.end()
            records = await self.store.read("s")
            days = {day(record.at) for record in records}
            account = sum([await self.store.used(spent_account("default", one)) for one in days])
            running = await self.store.used(running_account("default"))
        return Seen(self, result, records, [found.divergence for found in replayed], account, running)


@dataclass
class Seen:
    """What a run left behind."""

    ward: Ward
    result: RunResult
    records: list[Record]
    divergences: list[str]
    account: int
    """What stands on the account of all money."""
    running: int

    @property
    def answers(self) -> list[ModelAnswered]:
        """The answers that were taken."""
        return [record.event for record in self.records if isinstance(record.event, ModelAnswered)]

    @property
    def failures(self) -> list[ModelFailed]:
        """The asks without an answer."""
        return [record.event for record in self.records if isinstance(record.event, ModelFailed)]

    def unsound(self) -> list[str]:
        """List what must never be, however a run ends."""
        events = [record.event for record in self.records]
        state = State.fold(events)
        spent = self.result.spent
        laws = {
            "the journal has gaps": [record.seq for record in self.records] == list(range(1, len(events) + 1)),
            "a run is left open": state.run is None and self.running == 0,
            f"a replay diverges: {self.divergences}": self.divergences == [""],
            f"the account holds {self.account}, the journal {spent}": self.account == spent == state.spent,
            f"{spent} is over budget": spent <= nanos(BUDGET),
            "an effect happened twice": self.ward.counter.twice() == [],
            "the key is in the journal": KEY.encode() not in encode(events),
            "the key is in the result": KEY not in repr(self.result),
        }
        return [problem for problem, holds in laws.items() if not holds]
