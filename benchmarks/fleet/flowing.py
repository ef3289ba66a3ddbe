"""Flowing: how much a fleet gets done, and how soon it begins with a message."""

import asyncio
import gc
import time
from pathlib import Path

from benchmarks.fleet.agents import SECONDS, quick, slow
from benchmarks.fleet.crew import StuckError
from benchmarks.fleet.postgres import ask, stored_bytes
from benchmarks.fleet.yard import TENANT, Site, Yard, asked, finished, steps, yard
from benchmarks.measure import Figures
from benchmarks.processes import TICK
from benchmarks.serving.ruler import percentile
from benchmarks.world import run_prompt
from remit import Agent

LIMIT = 120.0
_EDGE = 0.1
"""The share of steps at the beginning, and at the end, that are not in the rate: there not all workers are busy."""
WARM = 50


def busy() -> float:
    """Return the seconds of CPU that this machine has spent on anything."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, soft, steal = map(int, fields[:8])
    return (user + nice + system + irq + soft + steal) / TICK


class Meter:
    """What a fleet, its database and everything else on the machine take while something is done."""

    def __init__(self, yard: Yard) -> None:
        """Begin now."""
        gc.collect()
        self._yard, self.seconds = yard, 0.0
        self._at, self._began = time.perf_counter(), self._now()

    def _now(self) -> tuple[float, float, float, float]:
        return self._yard.crew.weighed.cpu(), self._yard.server.cpu(), time.process_time(), busy()

    def read(self) -> tuple[float, float, float, float]:
        """Return the seconds of CPU of workers, of the database and of the driver, and the share others had."""
        took = self.seconds = time.perf_counter() - self._at
        workers, served, own, all_of_it = (now - then for now, then in zip(self._now(), self._began, strict=True))
        return workers, served, own, max(0.0, all_of_it - workers - served - own) / took


async def warm(yard: Yard, agent: Agent = quick) -> None:
    """Have every worker do a little first."""
    await yard.begin(agent, run_prompt(2), [f"warm-{number}" for number in range(WARM)])
    await yard.done(LIMIT)


async def throughput(site: Site, workers: int, sessions: int, length: int) -> Figures:
    """Have many sessions done whose model takes no time; return rates and costs."""
    async with yard(site, workers) as here:
        await warm(here)
        names = [f"s{number}" for number in range(sessions)]
        stored, meter = stored_bytes(here.url), Meter(here)
        await here.begin(quick, run_prompt(length), names)
        await here.done(LIMIT)
        worker, served, own, others = meter.read()
        grown = stored_bytes(here.url) - stored
        journals = await here.journals(names)
        at, count = steps(journals), sessions * length
        if len(at) != count or not all(map(finished, journals)):
            raise StuckError(f"{len(at)} steps are in the journals, not {count}")
        low, high = at[int(_EDGE * count)], at[int((1 - _EDGE) * count)]
        return {
            "steps_s": (1 - 2 * _EDGE) * count / max(1, high - low) * 1e3,
            "worker_us_step": worker / count * 1e6,
            "server_us_step": served / count * 1e6,
            "driver_us_session": own / sessions * 1e6,
            "bytes_step": grown / count,
            "others": others * 100,
        }


async def beginning(site: Site, workers: int, rate: float, seconds: float, length: int) -> Figures:
    """Send messages at a rate, whatever becomes of them; return how long each waited for its first step."""
    async with yard(site, workers) as here:
        await warm(here)
        meter, due = Meter(here), dict[str, float]()
        start = time.time() + 0.05
        async with asyncio.TaskGroup() as group:
            for number in range(max(1, round(rate * seconds))):
                name, at = f"s{number}", start + number / rate
                await asyncio.sleep(max(0.0, at - time.time()))
                due[name] = at
                told = here.home.begin(quick, run_prompt(length), tenant=TENANT, session=name)
                group.create_task(told)
        sent = time.time() - start
        await here.done(LIMIT)
        worker, served, own, others = meter.read()
        names = list(due)
        waits = [
            came - due[name] * 1e3
            for name, records in zip(names, await here.journals(names), strict=True)
            if (came := asked(records)) is not None
        ]
        if len(waits) != len(names):
            raise StuckError("a session was never taken up")
        return {
            "rate": len(names) / max(sent, seconds),
            "p50": percentile(waits, 0.5),
            "p95": percentile(waits, 0.95),
            "p99": percentile(waits, 0.99),
            "cores": (worker + served + own) / meter.seconds,
            "worker_us": worker / len(names) * 1e6,
            "server_us": served / len(names) * 1e6,
            "others": others * 100,
        }


async def slowly(site: Site, workers: int, sessions: int, length: int) -> Figures:
    """Have many sessions under way at once whose model takes its time, as models do; return what one of them takes."""
    async with yard(site, workers) as here:
        await warm(here, slow)
        rest = here.crew.weighed.memory()
        names, meter = [f"s{number}" for number in range(sessions)], Meter(here)
        await here.begin(slow, run_prompt(length), names)
        began = time.perf_counter()
        # By then all are under way and none is done.
        await asyncio.sleep(length * SECONDS / 2)
        held = here.crew.weighed.memory()
        flight = int(ask(here.url, "SELECT count(*) FROM remit.sessions WHERE status = 'running'")[0][0])
        await here.done(LIMIT)
        took = time.perf_counter() - began
        worker, served, _, others = meter.read()
        at, count = steps(await here.journals(names)), sessions * length
        return {
            "steps_s": count / max(1, at[-1] - at[0]) * 1e3,
            "wall_s": took,
            "in_flight": float(flight),
            "worker_us_step": worker / count * 1e6,
            "server_us_step": served / count * 1e6,
            "rest_mb": rest / workers,
            "kb_session": (held - rest) * 1024 / max(1, flight),
            "others": others * 100,
        }
