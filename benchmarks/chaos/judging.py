"""Judging: what must be so after all faults, held against the journals, the ledger and the world itself."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos.driver import pid_of
from benchmarks.chaos.eyes import Eyes, Sight
from benchmarks.chaos.inside.agents import CAP
from benchmarks.chaos.places.counter import Happening
from benchmarks.chaos.truth import Truth
from remit.core.events import (
    EffectEnded,
    EffectStarted,
    MessageReceived,
    ModelAnswered,
    ModelFailed,
    Record,
    RunEnded,
    RunOpened,
    RunResumed,
    RunSuspended,
)
from remit.core.state import State
from remit.core.values import nanos
from remit.journal.batches import unpacked

_BATCHES = "SELECT seq, at, body FROM remit.batches WHERE session = $1 ORDER BY seq"
_QUEUE = "SELECT lock, status::text FROM remit_queue.procrastinate_jobs WHERE status IN ('todo', 'doing')"
_SPENT = re.compile(r"usd/tenant/(.+)/\d{4}-\d\d-\d\d")
_LASTING = 20.0
"""Seconds for which what was done to a worker may still be why others take over from it."""
_SHOWN = 12
"""Examples that are kept of what went wrong."""


@dataclass(eq=False)
class Wrongs:
    """What went wrong, by the law that it breaks."""

    counts: Counter[str] = field(default_factory=Counter[str])
    examples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict[str, list[str]](list))

    first: dict[str, float] = field(default_factory=dict[str, float])
    """When each was broken first, in seconds since the epoch; missing where nobody can say."""

    def add(self, law: str, example: str, at: float | None = None) -> None:
        """Note that a law was broken, and when if that is known."""
        self.counts[law] += 1
        if at is not None:
            self.first[law] = min(at, self.first.get(law, at))
        if len(self.examples[law]) < _SHOWN:
            self.examples[law].append(example)

    def lines(self) -> Iterable[str]:
        """Say what went wrong."""
        for law, count in self.counts.items():
            yield f"BROKEN ({count}x): {law}"
            yield from (f"    {example}" for example in self.examples[law])


SETTLED = "every session ends, or waits with a question"
TWICE = "no effect happens twice"
LOST = "what a journal reports done has happened"
UNTOLD = "no effect without an intent that was durable before it"
MESSAGES = "each message is received once"
CONTIGUOUS = "journals are contiguous and fold"
BUDGET = "money spent is within the budget"
BILLED = "what the provider bills is in the journals"
LEDGER = "the ledger has what the journals say"
CAPS = "no tenant has more runs than its cap"
LEASES = "no lease is left, and nothing waits in the queue"
STOLEN = "no run is taken from a worker that lives"
ALIVE = "no worker dies of what happens to others"

LAWS = (
    SETTLED, TWICE, LOST, UNTOLD, MESSAGES, CONTIGUOUS, BUDGET, BILLED, LEDGER, CAPS, LEASES, STOLEN, ALIVE,
)  # fmt: skip


@dataclass(eq=False)
class Books:
    """What all journals of a run say together."""

    statuses: Counter[str] = field(default_factory=Counter[str])
    events: int = 0
    costs: Counter[str] = field(default_factory=Counter[str])
    """Nano-dollars by tenant."""
    started: dict[str, int] = field(default_factory=dict[str, int])
    """When the first intent of each effect became durable, in milliseconds since the epoch, by key."""
    done: list[str] = field(default_factory=list[str])
    """Keys of effects that are reported done."""
    taken: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    """Runs that went from one worker to another: session, the first worker, milliseconds since the epoch."""


class Judge:
    """Reads everything and says what went wrong."""

    def __init__(self, eyes: Eyes, truth: Truth) -> None:
        """Take what was asked for."""
        self._eyes, self._truth = eyes, truth
        self.wrongs = Wrongs()
        self.books = Books()

    def saw(self, sight: Sight) -> None:
        """Hold one moment of the run against the caps."""
        running = Counter(one.tenant for one in sight.open.values() if one.status == "running")
        for tenant, cap in (("capped", CAP), ("purse", CAP * 4)):
            if running[tenant] > cap or sight.runs.get(tenant, 0) > cap:
                self.wrongs.add(CAPS, f"{tenant}: {running[tenant]} running, {sight.runs.get(tenant, 0)} counted")

    async def read(self) -> None:
        """Read all journals."""
        rows = await self._eyes.sure("SELECT number, id, tenant, status, why FROM remit.sessions ORDER BY number")
        for number, session, tenant, status, why in rows:
            asked = self._truth.asked.get(session)
            if asked is None:
                self.wrongs.add(MESSAGES, f"nobody asked for {session}")
                continue
            self.books.statuses[f"waits: {why}" if status == "waiting" else f"{why}" or status] += 1
            found = [(int(s), int(a), bytes(b)) for s, a, b in await self._eyes.sure(_BATCHES, number)]
            try:
                records = unpacked("the database", session, found, 0)
                self._contiguous(session, records)
                self._one(session, tenant, records)
                self._messages(session, records, asked.keys)
                run = State.fold(record.event for record in records).run
                self.books.costs[tenant] += run.held if run is not None else 0
            except Exception as error:  # noqa: BLE001 - whatever cannot be read is what is looked for
                self.wrongs.add(CONTIGUOUS, f"{session}: {type(error).__name__}: {error}")
        for session in self._truth.asked.keys() - {row[1] for row in rows}:
            if self._truth.asked[session].keys:
                self.wrongs.add(MESSAGES, f"{session} is not there")

    def _contiguous(self, session: str, records: Sequence[Record]) -> None:
        if [record.seq for record in records] != list(range(1, len(records) + 1)):
            self.wrongs.add(CONTIGUOUS, f"{session}: {[record.seq for record in records]}")
        runs = [record.event.run for record in records if isinstance(record.event, RunOpened)]
        if runs != list(range(1, len(runs) + 1)):
            self.wrongs.add(CONTIGUOUS, f"{session}: runs {runs}")

    def _one(self, session: str, tenant: str, records: Sequence[Record]) -> None:
        books = self.books
        books.events += len(records)
        worker = ""
        for record in records:
            event = record.event
            match event:
                case ModelAnswered() | ModelFailed():
                    books.costs[tenant] += event.cost
                case EffectStarted():
                    books.started.setdefault(f"{session}-{event.call}", record.at)
                case EffectEnded(outcome=outcome):
                    books.costs[tenant] += event.cost
                    if outcome.status == "ok":
                        books.done.append(f"{session}-{outcome.call}")
                case RunEnded() | RunSuspended():
                    worker = ""
                case RunOpened() | RunResumed():
                    if worker and worker != event.worker:
                        books.taken.append((session, worker, record.at))
                    worker = event.worker
                case _:
                    pass

    def _messages(self, session: str, records: Sequence[Record], keys: Sequence[str]) -> None:
        received = Counter(record.event.key for record in records if isinstance(record.event, MessageReceived))
        for key in keys:
            if received[key] != 1:
                self.wrongs.add(MESSAGES, f"{key} was received {received[key]} times")
        for key in received.keys() - set(keys):
            # One that was begun when the run ended may be there without the driver knowing.
            if received[key] > 1:
                self.wrongs.add(MESSAGES, f"{key} was received {received[key]} times")

    # -- the world -------------------------------------------------------------------------------------------------

    def effects(self, happened: Sequence[Happening]) -> None:
        """Hold what happened against what was intended and reported."""
        counts = Counter(one.key for one in happened)
        seen: set[str] = set()
        for one in happened:
            if one.key in seen:
                self.wrongs.add(TWICE, f"{one.key} happened {counts[one.key]} times", one.at)
            seen.add(one.key)
        for key in self.books.done:
            if not counts[key]:
                self.wrongs.add(LOST, f"{key} is reported done")
        for one in happened:
            at = self.books.started.get(one.key)
            if at is None or at > one.at * 1000:
                late = "never" if at is None else f"{at - one.at * 1000:.0f} ms later"
                self.wrongs.add(UNTOLD, f"{one.key}: its intent came {late}", one.at)

    async def money(self, billed: Counter[str], budget: float) -> Counter[str]:
        """Hold bills, journals and ledger against each other; give what the ledger says by tenant."""
        used: Counter[str] = Counter()
        days: Counter[str] = Counter()
        for name, amount in await self._eyes.sure("SELECT name, used FROM remit.accounts"):
            if found := _SPENT.fullmatch(name):
                used[found[1]] += int(amount)
                days[found[1]] += 1
        cap = nanos(budget) * max(1, days["purse"])
        if billed["purse"] > cap or used["purse"] > cap:
            self.wrongs.add(BUDGET, f"billed {billed['purse']}, counted {used['purse']}, budget {cap} nano-dollars")
        for tenant in billed.keys() | used.keys():
            if billed[tenant] > self.books.costs[tenant]:
                self.wrongs.add(BILLED, f"{tenant}: billed {billed[tenant]}, in journals {self.books.costs[tenant]}")
            if used[tenant] != self.books.costs[tenant]:
                self.wrongs.add(LEDGER, f"{tenant}: ledger {used[tenant]}, journals {self.books.costs[tenant]}")
        return used

    async def leftovers(self) -> None:
        """Look for what the dead left behind, once all workers are gone."""
        for (name,) in await self._eyes.sure("SELECT name FROM remit.workers WHERE expires > clock_timestamp()"):
            self.wrongs.add(LEASES, f"worker {name} is said to live")
        for lock, status in await self._eyes.sure(_QUEUE):
            self.wrongs.add(LEASES, f"a job of {lock} is {status} in the queue")
        for session, owner in await self._eyes.sure("SELECT id, owner FROM remit.sessions WHERE owner <> ''"):
            self.wrongs.add(LEASES, f"{session} is held by {owner}")
        for name, used in await self._eyes.sure(
            "SELECT name, used FROM remit.accounts WHERE name LIKE 'runs/tenant/%' AND used <> 0"
        ):
            self.wrongs.add(LEDGER, f"{name} stands at {used} and nothing runs")

    def steals(self, troubles: Mapping[int, Sequence[float]], few: int) -> int:
        """Count the runs that were taken from workers to which nothing was done; more than a few are wrong.

        A machine that is busy may keep a worker from saying that it lives, and no harm comes of it.
        """
        stolen: list[tuple[str, str, float]] = []
        for session, worker, at in self.books.taken:
            moment = at / 1000
            known = troubles.get(pid_of(worker), [moment])
            if not any(moment - _LASTING < trouble <= moment + 1 for trouble in known):
                stolen.append((session, worker, moment))
        for session, worker, moment in stolen if len(stolen) > few else ():
            self.wrongs.add(STOLEN, f"{session} was taken from {worker}", moment)
        return len(stolen)
