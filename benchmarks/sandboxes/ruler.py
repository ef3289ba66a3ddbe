"""Ruler: takes the figures of W6 at one place. `python -m benchmarks.sandboxes.ruler NAME` prints them."""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.sandboxes.peers import peer
from benchmarks.sandboxes.places import SMALL_VALUE, MissingError, Place, Tiered
from benchmarks.sandboxes.rows import BY_NAME
from remit.core.errors import ConfigError
from remit.core.values import JsonValue

Figures = dict[str, float | None]

AT_ONCE = 8
COLD = 3
SECONDS = 1.5
"""For so long each figure is taken, or for as many runs."""
RUNS = 2000
SLOW = 500.0
"""A place that takes so many ms to open is not opened for a second figure."""


class WrongValueError(Exception):
    """The program did not run, so its figures mean nothing."""


def tree_cpu() -> float:
    """Return the CPU seconds of this process, of all below it, and of those that they have waited for."""
    tick = os.sysconf("SC_CLK_TCK")
    children: defaultdict[int, list[int]] = defaultdict(list)
    spent: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children[int(fields[1])].append(int(folder.name))
            spent[int(folder.name)] = sum(map(int, fields[11:15])) / tick
    total, waiting = 0.0, [os.getpid()]
    while waiting:
        process = waiting.pop()
        total += spent.get(process, 0.0)
        waiting += children[process]
    return total


async def repeated(run: Callable[[], Awaitable[JsonValue]], *, most: int = RUNS) -> tuple[float, float]:
    """Run for a while, one after the other; return the median wall and the mean CPU of a run, in ms."""
    walls: list[float] = []
    spent, start = tree_cpu(), time.perf_counter()
    while len(walls) < most and (len(walls) < COLD or time.perf_counter() - start < SECONDS):
        began = time.perf_counter()
        checked(await run())
        walls.append(time.perf_counter() - began)
    return statistics.median(walls) * 1e3, (tree_cpu() - spent) / len(walls) * 1e3


async def at_once(run: Callable[[int], Awaitable[JsonValue]]) -> float:
    """Return the runs a second of several lanes."""
    for lane in range(AT_ONCE):
        checked(await run(lane))
    start, done = time.perf_counter(), 0

    async def loop(lane: int) -> None:
        nonlocal done
        while time.perf_counter() - start < SECONDS:
            checked(await run(lane))
            done += 1

    await asyncio.gather(*(loop(lane) for lane in range(AT_ONCE)))
    return done / (time.perf_counter() - start)


def checked(value: JsonValue) -> None:
    """See that the program ran."""
    if value != SMALL_VALUE:
        raise WrongValueError(f"the program gave {value!r}, not {SMALL_VALUE}")


def made(name: str) -> Place:
    """Make a place; raise `MissingError` when it is not on this machine."""
    row = BY_NAME[name]
    return Tiered(row.tier, row.packages) if row.tier else peer(name)


async def measured(name: str) -> Figures:
    """Take the figures of a place, beside those of `python -c` now."""
    walls: list[float] = []
    # The first one warms what is warmed once a machine, such as caches of files.
    for turn in range(COLD + 1):
        place = made(name)
        began = time.perf_counter()
        await place.start()
        checked(await place.fresh())
        if turn:
            walls.append(time.perf_counter() - began)
        await place.stop()
    figures: Figures = {"cold_ms": statistics.median(walls) * 1e3}
    place = made(name)
    try:
        await place.start()
        checked(await place.fresh())
        figures["fresh_ms"], figures["fresh_cpu_ms"] = await repeated(place.fresh)
        if place.warm:
            checked(await place.again(0))
            figures["warm_ms"], figures["warm_cpu_ms"] = await repeated(lambda: place.again(0))
        figures["runs_s"] = await at_once(place.again)
        if figures["fresh_ms"] < SLOW:
            figures["fresh_s"] = await at_once(lambda _lane: place.fresh())
    finally:
        await place.stop()
    bare_ms, bare_cpu_ms = await repeated(made("bare_python").fresh, most=40)
    figures["ratio"] = (figures["fresh_cpu_ms"] or 0.0) / bare_cpu_ms
    figures["wall_ratio"] = (figures["fresh_ms"] or 0.0) / bare_ms
    return figures


def main() -> None:
    """Measure the place that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandboxes.ruler")
    parser.add_argument("name", choices=tuple(BY_NAME))
    name = parser.parse_args().name
    try:
        print(json.dumps(asyncio.run(measured(name))), flush=True)
    except (MissingError, ConfigError) as error:
        print(json.dumps({"unsupported": " ".join(str(error).split())[:200]}), flush=True)


if __name__ == "__main__":
    main()
