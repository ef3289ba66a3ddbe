"""Child: what every system's module runs as a program: one workload, one size, one store, one JSON line."""

import argparse
import asyncio
import json
from pathlib import Path

from benchmarks.measure import Figures, asleep, awake, concurrent, tool_loop
from benchmarks.rig import OpenRig, UnsupportedError


async def measured(open_rig: OpenRig, workload: str, n: int, folder: Path | None) -> Figures:
    """Return the figures of one workload."""
    if workload == "W1":
        return await tool_loop(open_rig, n, folder)
    if workload == "W2":
        return await concurrent(open_rig, n, folder)
    if folder is None:
        raise UnsupportedError("W4 needs a store on disk")
    return await (awake(open_rig, folder) if workload == "W4-wake" else asleep(open_rig, n, folder))


def serve(open_rig: OpenRig) -> None:
    """Measure what the command line names and print it; an error ends the process with its traceback."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=("W1", "W2", "W4", "W4-wake"))
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--store", choices=("memory", "sqlite"), default="memory")
    parser.add_argument("--dir", type=Path, help="an empty folder for the store; for W4-wake, the one W4 has filled")
    options = parser.parse_args()
    if options.store == "sqlite" and options.dir is None:
        parser.error("--store sqlite needs --dir")
    folder = options.dir if options.store == "sqlite" else None
    try:
        figures = asyncio.run(measured(open_rig, options.workload, options.n, folder))
    except UnsupportedError as error:
        print(json.dumps({"unsupported": str(error)}), flush=True)
    else:
        print(json.dumps(figures), flush=True)
