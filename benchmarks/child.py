"""Child: what every system's module runs as a program: one workload, one size, one store, one JSON line."""

import argparse
import asyncio
import json
from pathlib import Path

from benchmarks.measure import Figures, asleep, awake, concurrent, tool_loop
from benchmarks.rig import OpenRig, Place, UnsupportedError


async def measured(open_rig: OpenRig, workload: str, n: int, place: Place) -> Figures:
    """Return the figures of one workload."""
    if workload == "W1":
        return await tool_loop(open_rig, n, place)
    if workload == "W2":
        return await concurrent(open_rig, n, place)
    if not isinstance(place, Path):
        raise UnsupportedError("W4 needs a store in a folder")
    return await (awake(open_rig, place) if workload == "W4-wake" else asleep(open_rig, n, place))


def serve(open_rig: OpenRig) -> None:
    """Measure what the command line names and print it; an error ends the process with its traceback."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=("W1", "W2", "W4", "W4-wake"))
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--store", choices=("memory", "sqlite", "postgres"), default="memory")
    parser.add_argument("--dir", type=Path, help="an empty folder for the store; for W4-wake, the one W4 has filled")
    parser.add_argument("--url", help="a database of a PostgreSQL on this machine in which others may be made")
    options = parser.parse_args()
    if options.store == "sqlite" and options.dir is None:
        parser.error("--store sqlite needs --dir")
    if options.store == "postgres" and options.url is None:
        parser.error("--store postgres needs --url")
    place: Place = {"sqlite": options.dir, "postgres": options.url}.get(options.store)
    try:
        figures = asyncio.run(measured(open_rig, options.workload, options.n, place))
    except UnsupportedError as error:
        print(json.dumps({"unsupported": str(error)}), flush=True)
    else:
        print(json.dumps(figures), flush=True)
