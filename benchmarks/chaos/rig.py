"""Rig: one run from an empty database to the verdict."""

import asyncio
import contextlib
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.driver import Driver
from benchmarks.chaos.eyes import Eyes
from benchmarks.chaos.faults import KINDS, Faults
from benchmarks.chaos.inside.agents import BUDGET, settings_of
from benchmarks.chaos.judging import ALIVE, SETTLED, Judge, Wrongs
from benchmarks.chaos.places.counter import Effects
from benchmarks.chaos.places.database import Database
from benchmarks.chaos.places.provider import Provider
from benchmarks.chaos.places.workers import ROOT, Fleet, surroundings
from benchmarks.chaos.removed import INTACT, Removed
from benchmarks.chaos.truth import Truth
from remit.home import SHARED_KEY, Home
from remit.journal.postgres import migrate

KEPT = ROOT / "build" / "chaos"
"""Where a run that fails leaves what it left."""
_LOOK = 0.25
_WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run does."""

    seed: int
    seconds: float
    """For which things break."""
    every: float = 2.0
    """Seconds between two faults, about."""
    at_once: int = 24
    """Sessions under way at the same time."""
    most: int = 100_000
    """Sessions in all."""
    deadline: float = 300.0
    """Seconds after the last fault in which everything must settle."""
    budget: float = 0.05
    """Dollars of the tenant that has few."""
    without: Removed = INTACT
    kinds: Sequence[str] = tuple(KINDS)


@dataclass(eq=False)
class Report:
    """What came of a run."""

    plan: Plan
    wrongs: Wrongs
    seconds: float = 0.0
    settling: float = 0.0
    began: float = 0.0
    """Seconds since the epoch."""
    faults: Counter[str] = field(default_factory=Counter[str])
    trouble: Counter[str] = field(default_factory=Counter[str])
    """Faults of the provider."""
    skipped: list[str] = field(default_factory=list[str])
    statuses: Counter[str] = field(default_factory=Counter[str])
    tenants: Counter[str] = field(default_factory=Counter[str])
    doubts: Counter[str] = field(default_factory=Counter[str])
    decided: Counter[str] = field(default_factory=Counter[str])
    figures: dict[str, float] = field(default_factory=dict[str, float])
    money: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Nano-dollars by tenant: billed by the provider, and counted by the ledger."""
    recovery: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    still: float = 0.0
    kept: Path | None = None

    @property
    def good(self) -> bool:
        """Whether no law was broken."""
        return not self.wrongs.counts

    @property
    def again(self) -> str:
        """The command that does it again."""
        words = ["python -m benchmarks.chaos", f"--seconds {self.plan.seconds:g}", "--each 0"]
        words += [f"--at-once {self.plan.at_once}", f"--seed {self.plan.seed}"]
        if self.plan.without is not INTACT:
            words.append(f"--without {self.plan.without.name}")
        return " ".join(words)


async def run(plan: Plan) -> Report:
    """Do it; raise `NoServerError` when there is no PostgreSQL here."""
    database = await asyncio.to_thread(Database)
    folder = KEPT / f"{plan.seed}-{plan.without.name}"
    await asyncio.to_thread(_fresh, folder)
    good = False
    try:
        report = await _run(plan, database, folder)
        good = report.good
        if not good:
            report.kept = folder
            (folder / "wrongs.txt").write_text("\n".join(report.wrongs.lines()))
            await asyncio.to_thread(database.dump, folder / "database.sql")
        return report
    finally:
        if good:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        else:
            (folder / "database.log").write_text(database.log())
        await asyncio.to_thread(database.close)


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


async def _run(plan: Plan, database: Database, folder: Path) -> Report:
    key = secrets.token_hex(32)
    provider, effects = Provider(plan.seed), Effects(folder / "effects.log", plan.seed)
    truth, eyes = Truth(plan.seed), Eyes(database.url)
    os.environ[SHARED_KEY] = key
    await migrate(database.url)
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(eyes.close)
        for statement in plan.without.statements():
            await eyes.sure(statement)
        model = await closing.enter_async_context(provider.server())
        await closing.enter_async_context(effects)
        environ = surroundings(
            {
                "OPENAI_BASE_URL": f"{model.url}/v1",
                "OPENAI_API_KEY": "sk-chaos",
                SHARED_KEY: key,
                BUDGET: str(plan.budget),
            }
        )
        os.environ["OPENAI_API_KEY"] = "sk-chaos"
        fleet = Fleet(database.port, effects.port, environ, folder, plan.without.agent)
        closing.push_async_callback(fleet.close)
        settings = settings_of({BUDGET: str(plan.budget)})
        home = await closing.enter_async_context(Home.open(database.url, settings))
        driver = Driver(home, truth, fleet, effects, eyes)
        faults = Faults(fleet, database, plan.seed, lambda: driver.sight)
        one = _Run(plan, fleet, driver, faults, Judge(eyes, truth), eyes)
        return await one.live(provider, effects, truth)


@dataclass(eq=False)
class _Run:
    plan: Plan
    fleet: Fleet
    driver: Driver
    faults: Faults
    judge: Judge
    eyes: Eyes
    _again: int = 0

    async def live(self, provider: Provider, effects: Effects, truth: Truth) -> Report:
        plan, driver = self.plan, self.driver
        report = Report(plan, self.judge.wrongs, began=time.time())
        began = time.monotonic()
        for _ in range(_WORKERS):
            await self.fleet.start()
        watching = [asyncio.create_task(self._watch()), asyncio.create_task(driver.attend())]
        asking = asyncio.create_task(driver.ask(plan.at_once, plan.most))
        raging = asyncio.create_task(self.faults.rage(plan.seconds, plan.every, plan.kinds))
        try:
            # Should one of ours break the run is worth nothing.
            done, _ = await asyncio.wait({raging, *watching}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            driver.stop, provider.trouble = True, 0.0
            await self.faults.heal()
            healed = time.monotonic()
            await self._settle(asking, watching)
            report.settling = time.monotonic() - healed
        finally:
            for task in (raging, asking, *watching):
                task.cancel()
            await asyncio.gather(raging, asking, *watching, return_exceptions=True)
        await asyncio.gather(*(self.fleet.drain(worker) for worker in self.fleet.living))
        report.seconds = time.monotonic() - began
        await self._judge(report, provider, effects, truth)
        return report

    async def _watch(self) -> None:
        while True:
            sight = await self.eyes.look()
            if sight is not None:
                self.driver.sight = sight
                self.judge.saw(sight)
                self.faults.recovery.see(sight)
            if (
                len(self.fleet.living) < _WORKERS
                and self.fleet.ends["itself"] + self.fleet.ends["no start"] > self._again
            ):
                # One that ended by itself is replaced, as whatever starts services would.
                self._again += 1
                await self.fleet.start()
            await asyncio.sleep(_LOOK)

    async def _settle(self, asking: "asyncio.Task[None]", watching: "Sequence[asyncio.Task[None]]") -> None:
        """Wait until everything is at rest, and a second look says so too."""
        end, calm = time.monotonic() + self.plan.deadline, 0
        while time.monotonic() < end:
            before = self.driver.sight
            await asyncio.sleep(2 * _LOOK)
            for task in (asking, *watching):
                if task.done():
                    task.result()
            fresh = self.driver.sight is not before and self.driver.sight is not None
            calm = calm + 1 if fresh and asking.done() and not self.driver.unsettled() else 0
            if calm >= 3:
                return
        for one in self.driver.unsettled():
            self.judge.wrongs.add(SETTLED, f"{one.id} is {one.status} ({one.why}), held by {one.owner or 'nobody'}")

    async def _judge(self, report: Report, provider: Provider, effects: Effects, truth: Truth) -> None:
        judge, faults, driver = self.judge, self.faults, self.driver
        await judge.read()
        judge.effects(effects.happened)
        used = await judge.money(provider.billed, report.plan.budget)
        await judge.leftovers()
        for died in self.fleet.died:
            judge.wrongs.add(ALIVE, died)
        if faults.failed:
            raise faults.failed[0]
        books = judge.books
        few = max(10, len(truth.asked) // 10)
        stolen = judge.steals({worker.pid: worker.troubles for worker in self.fleet.all.values()}, few)
        report.faults, report.trouble = faults.counts, provider.faults
        report.skipped = [kind for kind in report.plan.kinds if not faults.counts[kind]]
        report.statuses, report.doubts, report.decided = books.statuses, driver.doubts, driver.decided
        report.tenants = Counter(asked.tenant for asked in truth.asked.values())
        report.money = {name: (provider.billed[name], used[name]) for name in sorted(provider.billed | used)}
        report.recovery, report.still = dict(faults.recovery.seconds), faults.recovery.still
        report.figures = {
            "sessions": len(truth.asked),
            "events": books.events,
            "effects": len(effects.happened),
            "calls of the counter": effects.calls,
            "questions to the model": provider.asked,
            "runs taken over": len(books.taken),
            "of these from a worker to which nothing was done": stolen,
            "workers started": len(self.fleet.all),
            "of these that came while the database was away, and ended": self.fleet.ends["no start"],
        }
