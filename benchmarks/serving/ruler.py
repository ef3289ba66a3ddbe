"""Ruler: takes the figures of W8 of one server. `python -m benchmarks.serving.ruler NAME --n STREAMS` prints them."""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.launch import SCRATCH
from benchmarks.measure import STATUS
from benchmarks.serving.environment import AbsentError, prepare
from benchmarks.serving.fleet import Fleet, StuckError, Tally
from benchmarks.serving.process import Weighed, last_words, raise_limit, started
from benchmarks.serving.rows import BY_NAME, LIGHT, RATES, WHOLE
from benchmarks.serving.servers import Server, server
from benchmarks.serving.wire import Ask, Line, LostError

Figures = dict[str, float | None]

START_SECONDS = 60.0
WARM = 5
"""Streams that are opened, and messages that are answered, before anything is weighed."""
SETTLE = {LIGHT: 1.0, WHOLE: 3.0}
SECONDS = {LIGHT: 4.0, WHOLE: 20.0}
GRACE = {LIGHT: 3.0, WHOLE: 10.0}
"""Seconds that messages under way have after the last was sent."""
TRIAL, TRIES = 6.0, 5
BAR_MS = 1000.0
LEAST = 3.0
"""Messages a second below which no rate is looked for."""


@dataclass(slots=True)
class Opened:
    """A server that runs, with all streams open."""

    weighed: Weighed
    fleet: Fleet
    figures: Figures


async def awaited(weighed: Weighed, path: str) -> None:
    """Wait until the server serves."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not weighed.alive:
            raise StuckError("it ended")
        with contextlib.suppress(OSError, LostError):
            line = await Line.connect(weighed.port)
            async with asyncio.timeout(10):
                status = await line.begin(Ask("GET", path))
            line.close()
            if status == 200:
                return
        await asyncio.sleep(0.1)
    raise StuckError(f"it did not serve within {START_SECONDS:g} s")


def emptied(folder: Path) -> None:
    """Make a folder that has nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


@contextlib.asynccontextmanager
async def opened(kind: Server, folder: Path, streams: int, settle: float) -> AsyncGenerator[Opened]:
    """Start a server and open all streams, weighing it on the way."""
    emptied(folder)
    with started(kind, folder) as weighed:
        fleet = Fleet(kind, weighed.port)
        try:
            await awaited(weighed, kind.ready)
            yield Opened(weighed, fleet, await filled(weighed, fleet, streams, settle))
        except StuckError as error:
            raise StuckError(f"{error}; its log ends: {last_words(folder)}") from error
        finally:
            fleet.close()


async def filled(weighed: Weighed, fleet: Fleet, streams: int, settle: float) -> Figures:
    """Open all streams; return what they cost while nothing is said."""
    await fleet.sessions(streams)
    await fleet.follow(fleet.ears[:WARM])
    warm = await fleet.load(WARM, 1.0, 20.0)
    if not all(message.done for message in warm.messages):
        raise StuckError("the first messages were not answered within 20 s")
    await asyncio.sleep(settle)
    rest = weighed.memory()
    began = time.monotonic()
    await fleet.follow(fleet.ears[WARM:])
    opening = time.monotonic() - began
    await asyncio.sleep(settle)
    held = weighed.memory()
    spent = weighed.cpu()
    await asyncio.sleep(settle)
    return {
        "rest_mb": rest / 1024,
        "kb_stream": (held - rest) / (streams - WARM),
        "open_s": opening,
        "idle_cpu": (weighed.cpu() - spent) / settle * 100,
    }


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that so large a share is at most."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def ages(tally: Tally, name: str) -> list[float]:
    """Return ms from due to an event; of what never came, to the end."""
    came = [((getattr(one, name) or tally.over) - one.due) / 1e6 for one in tally.messages]
    return came + [(tally.over - due) / 1e6 for due in tally.unsent]


def read(tally: Tally) -> Figures:
    """Return the figures of a load."""
    first, text, delays = ages(tally, "first"), ages(tally, "text"), [delay / 1e6 for delay in tally.delays]
    return {
        "done": sum(bool(one.done) for one in tally.messages) / tally.planned * 100,
        "first_p50": percentile(first, 0.5),
        "first_p95": percentile(first, 0.95),
        "first_p99": percentile(first, 0.99),
        "text_p95": percentile(text, 0.95),
        "delay_p50": percentile(delays, 0.5),
        "delay_p95": percentile(delays, 0.95),
        "delay_p99": percentile(delays, 0.99),
        "errors": float(tally.faults),
        "driver_lag": percentile([lag * 1e3 for lag in tally.lags], 0.99),
    }


async def loaded(on: Opened, rate: float, seconds: float, grace: float) -> Figures:
    """Load a server once; return the figures."""
    spent, waited, began = on.weighed.cpu(), on.weighed.waited(), time.monotonic()
    own = time.process_time()
    tally = await on.fleet.load(rate, seconds, grace)
    took = time.monotonic() - began
    cpu = on.weighed.cpu() - spent
    done = sum(bool(one.done) for one in tally.messages)
    for why in on.fleet.ledger.whys:
        print(f"fault: {why}", file=sys.stderr)
    return read(tally) | {
        "done_s": done / took,
        "cpu": cpu / took * 100,
        "cpu_ms": cpu / done * 1e3 if done else None,
        "waited": (on.weighed.waited() - waited) / took * 100,
        "driver_cpu": (time.process_time() - own) / took * 100,
        "loaded_mb": on.weighed.memory() / 1024,
    }


async def checked(on: Opened) -> Figures:
    """Return how many streams are not as they should be."""
    tails = await on.fleet.tails()
    wrong = sum(ear.wrong(tails.get(ear.session)) for ear in on.fleet.ears)
    return {"wrong": float(wrong + on.fleet.broken), "strange": float(on.fleet.ledger.strange)}


def good(figures: Figures) -> bool:
    """Return whether a server kept up."""
    first, done = figures["first_p95"], figures["done"]
    return done is not None and done > 99.9 and first is not None and first <= BAR_MS


async def searched(on: Opened, rate: float) -> float:
    """Return the highest rate that a server keeps up with, which it did with the one given."""
    for _ in range(TRIES):
        if not good(await loaded(on, rate * 1.5, TRIAL, BAR_MS / 1e3)):
            return rate
        rate *= 1.5
    return rate


async def lowered(kind: Server, folder: Path, streams: int, rate: float) -> float | None:
    """Return a rate that a server keeps up with, which it did not with the one given; each is tried on a new one."""
    while (rate := rate / 2) >= LEAST:
        async with opened(kind, folder, streams, 0.1) as on:
            if good(await loaded(on, rate, TRIAL, BAR_MS / 1e3)):
                return rate
    return None


async def measured(name: str, streams: int) -> Figures:
    """Take all figures of one server."""
    kind, folder = server(name), SCRATCH / f"{os.getpid()}-{name}"
    rate = RATES[streams]
    try:
        async with opened(kind, folder, streams, SETTLE[streams]) as on:
            figures = on.figures | await loaded(on, rate, SECONDS[streams], GRACE[streams])
            figures |= await checked(on)
            fine = good(figures)
            if fine and streams == WHOLE:
                figures["highest"] = await searched(on, rate)
        if not fine and streams == WHOLE:
            figures["highest"] = await lowered(kind, folder, streams, rate)
        return figures
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Measure the server that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.ruler")
    parser.add_argument("name", choices=tuple(BY_NAME))
    parser.add_argument("--n", type=int, choices=tuple(RATES), default=WHOLE)
    given = parser.parse_args()
    if not hasattr(os, "sched_setaffinity") or not STATUS.exists():
        print(json.dumps({"unsupported": "W8 needs Linux, for cores and /proc"}), flush=True)
        return
    raise_limit()
    try:
        if BY_NAME[given.name].peer:
            prepare()
        print(json.dumps(asyncio.run(measured(given.name, given.n))), flush=True)
    except (AbsentError, StuckError) as error:
        print(json.dumps({"unsupported": " ".join(str(error).split())[:200]}), flush=True)


if __name__ == "__main__":
    main()
