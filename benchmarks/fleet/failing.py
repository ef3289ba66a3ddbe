"""Failing: a worker is killed, and how long its sessions stand still."""

import asyncio
import time

from benchmarks.fleet.agents import slow
from benchmarks.fleet.crew import StuckError
from benchmarks.fleet.flowing import LIMIT, warm
from benchmarks.fleet.postgres import ask
from benchmarks.fleet.yard import Site, finished, yard
from benchmarks.measure import Figures
from benchmarks.serving.ruler import percentile
from benchmarks.world import run_prompt
from remit.core.events import RunResumed

_THEIRS = "SELECT id FROM remit.sessions WHERE status = 'running' AND owner ~ %s"


async def killed(site: Site, workers: int, sessions: int, length: int) -> Figures:
    """Kill one of several workers in the middle of its work; return when others went on with what it had."""
    async with yard(site, workers) as here:
        await warm(here, slow)
        names = [f"s{number}" for number in range(sessions)]
        await here.begin(slow, run_prompt(length), names)
        await asyncio.sleep(1.0)
        victim = here.crew.processes[0].pid
        at = time.time() * 1e3
        here.crew.kill()
        lost = [str(name) for (name,) in ask(here.url, _THEIRS, f"-{victim}-")]
        if not lost:
            raise StuckError("the worker that was killed drove nothing")
        await here.done(LIMIT)
        waits: list[float] = []
        for records in await here.journals(lost):
            back = [record.at for record in records if isinstance(record.event, RunResumed) and record.at >= at]
            if not back or not finished(records):
                raise StuckError("a session of the dead was never taken up")
            waits.append((back[0] - at) / 1e3)
        return {
            "lost": float(len(lost)),
            "first_s": min(waits),
            "p50_s": percentile(waits, 0.5),
            "p95_s": percentile(waits, 0.95),
            "last_s": max(waits),
        }
