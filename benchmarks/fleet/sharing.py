"""Sharing: how long a quiet tenant waits beside one with a long backlog, beside nobody, and without fairness."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import psycopg

from benchmarks.fleet.agents import quick, slow
from benchmarks.fleet.crew import StuckError
from benchmarks.fleet.flowing import Meter, warm
from benchmarks.fleet.postgres import ask
from benchmarks.fleet.tenants import CAP, CAPPED, NOISY, QUIET
from benchmarks.fleet.yard import Site, Yard, asked, yard
from benchmarks.measure import Figures
from benchmarks.serving.ruler import percentile
from benchmarks.world import run_prompt
from remit import Agent

RATE = 1.0
"""Messages of the quiet tenant in a second."""
LENGTH, LONG = 10, 40
"""Steps of a noisy session, and of one whose model takes no time; a quiet one has a single step."""
_LOOK = 0.02
_RUNNING = "SELECT count(*) FROM remit.sessions WHERE tenant = %s AND status = 'running'"
_UNASKED = "SELECT count(*) FROM remit.sessions WHERE id ~ '^quiet-' AND NOT (status = 'idle' AND why = 'done')"


@dataclass(frozen=True, slots=True)
class Setup:
    """Who is noisy, how, and who the quiet one is counted as."""

    noisy: str = ""
    """Nobody when empty."""
    quiet: str = QUIET
    slots: int | None = None
    """Of each worker; as many as it has by itself without."""
    agent: Agent = quick
    length: int = LONG


SLOTS = 50
"""Of each of two workers, where the backlog is to hold all of them."""
SETUPS = {
    "idle": Setup(),
    "cpu": Setup(NOISY),
    "cpu-one": Setup(NOISY, NOISY),
    "slots": Setup(NOISY, slots=SLOTS, agent=slow, length=LENGTH),
    "slots-one": Setup(NOISY, NOISY, slots=SLOTS, agent=slow, length=LENGTH),
    "capped": Setup(CAPPED, slots=SLOTS, agent=slow, length=LENGTH),
}
"""All that is measured; in those on `one` both tenants are the same, so that whoever came first goes first."""


async def shared(site: Site, setup: Setup, backlog: int, seconds: float, limit: float) -> Figures:
    """Return how long messages of the quiet tenant waited for their first step, from when they were due."""
    async with yard(site, 2, setup.slots) as here:
        await warm(here)
        if setup.noisy:
            names = [f"noisy-{number}" for number in range(backlog)]
            await here.begin(setup.agent, run_prompt(setup.length), names, setup.noisy)
        meter, due = Meter(here), dict[str, float]()
        async with _watching(here, setup.noisy) as most:
            left = ask(here.url, _RUNNING, setup.noisy)[0][0] if setup.noisy else 0
            start = time.time() + 0.05
            for number in range(max(1, round(seconds * RATE))):
                name, at = f"quiet-{number}", start + number / RATE
                await asyncio.sleep(max(0.0, at - time.time()))
                due[name] = at * 1e3
                await here.home.begin(quick, run_prompt(1), tenant=setup.quiet, session=name)
            end = time.monotonic() + limit
            while int(ask(here.url, _UNASKED)[0][0]):
                if time.monotonic() > end:
                    raise StuckError("a quiet session was never done")
                await asyncio.sleep(0.1)
        others = meter.read()[3]
        names = list(due)
        waits = [
            came - due[name]
            for name, records in zip(names, await here.journals(names), strict=True)
            if (came := asked(records)) is not None
        ]
        if most and setup.noisy == CAPPED and most[0] > CAP:
            raise StuckError(f"{most[0]} runs of a tenant whose cap is {CAP}")
        return {
            "p50": percentile(waits, 0.5),
            "p95": percentile(waits, 0.95),
            "max": max(waits),
            "messages": float(len(waits)),
            "running": float(left),
            "most": float(most[0]),
            "looks": float(most[1]),
            "others": others * 100,
        }


@contextlib.asynccontextmanager
async def _watching(here: Yard, tenant: str) -> AsyncGenerator[list[int]]:
    """Look again and again how many runs of a tenant are going on: the most there were, and how often it was looked."""
    seen = [0, 0]

    async def look() -> None:
        async with await psycopg.AsyncConnection.connect(here.url, autocommit=True) as line:
            while True:
                row = await (await line.execute(_RUNNING, (tenant,))).fetchone()
                assert row is not None
                seen[0], seen[1] = max(seen[0], int(row[0])), seen[1] + 1
                await asyncio.sleep(_LOOK)

    looking = asyncio.create_task(look()) if tenant else None
    try:
        yield seen
    finally:
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
