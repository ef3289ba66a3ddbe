"""The fleet measured: `python -m benchmarks.fleet` writes docs/benchmarks-of-the-fleet.md and `remit simulate`'s costs.

W1 and W2 on PostgreSQL are taken from build/bench.jsonl with `--reuse`, when `python -m benchmarks` has just left them
there. Anything but the whole plan is written to build/ only. What was measured is in build/fleet.json after each
figure; `--keep` goes on from there, so that a part that failed can be taken again: `--keep --only fair`.
"""

import argparse
import os
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType

from benchmarks.__main__ import named, setting, take
from benchmarks.fleet.constants import FILE, MissingError, costs, written
from benchmarks.fleet.crew import PROGRAM
from benchmarks.fleet.page import COMMAND, PAGE, PEERS, page
from benchmarks.fleet.plan import PARTS, QUICK, Found, Sizes, measured
from benchmarks.fleet.postgres import serving
from benchmarks.fleet.yard import Site
from benchmarks.launch import HERE, KEY, RECORDS, SCRATCH, database
from benchmarks.record import Figures, Record, read, write
from benchmarks.serving.process import raise_limit
from benchmarks.workloads import SYSTEMS, cases

PARTIAL_PAGE, PARTIAL_COSTS = HERE / "build" / "fleet.md", HERE / "build" / "measured.json"
LIMIT, REPEATS = 240.0, 2


def beside(*, quick: bool) -> list[Record]:
    """Measure W1 and W2 on PostgreSQL, Remit and its peers in turn."""
    systems = [system for system in SYSTEMS if "postgres" in system.stores]
    records = list(setting(systems))
    with database():
        for case in cases(frozenset({"W1", "W2"}), quick=quick):
            if case.store == "postgres":
                records.extend(take(case, systems, 1 if quick else REPEATS, LIMIT))
                write(records, PEERS)
    return records


def options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description="Measure workers on PostgreSQL.")
    parser.add_argument("--only", default=",".join(("beside", *PARTS)), help="comma separated, of %(default)s")
    parser.add_argument("--quick", action="store_true", help="small sizes, one repeat")
    parser.add_argument("--reuse", action="store_true", help=f"take W1 and W2 from {RECORDS.relative_to(HERE)}")
    parser.add_argument("--keep", action="store_true", help="keep the figures of the last run that are not taken again")
    parser.add_argument("--worker", default="", help="another program for workers, which takes the same arguments")
    return parser.parse_args()


def main() -> None:
    """Measure, and write the page and the costs."""
    given = options()
    parts = named(given.only)
    if unknown := parts - {"beside", *PARTS}:
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}")
    os.environ["REMIT_KEY"] = KEY
    # Whoever stops the bench is to find neither workers nor a server left.
    signal.signal(signal.SIGTERM, _stopped)
    raise_limit()
    sizes = QUICK if given.quick else Sizes()
    begun = Found.read() if given.keep else None
    if begun is not None and begun.sizes != sizes:
        raise SystemExit("the last run had other sizes; leave --keep out")
    whole = not given.quick and not given.worker and (given.keep or not {"beside", *PARTS} - parts)
    peers: list[Record] = []
    if given.reuse:
        peers = [record for record in read(RECORDS) if record.store == "postgres" or record.workload == "setting"]
    elif "beside" in parts:
        peers = beside(quick=given.quick)
    elif given.keep and PEERS.exists():
        peers = read(PEERS)
    if given.reuse:
        write(peers, PEERS)
    command = COMMAND if whole else shlex.join(["python", "-m", "benchmarks.fleet", *sys.argv[1:]])
    with serving(SCRATCH / f"{os.getpid()}-fleet") as url:
        site = Site(url, shlex.split(given.worker) or PROGRAM)
        found = measured(site, sizes, [part for part in PARTS if part in parts], command, begun)
    file = PAGE if whole else PARTIAL_PAGE
    file.write_text(page(found, Figures(peers), command))
    print(f"wrote {file.relative_to(HERE)}")
    try:
        _keep(written(costs(found)), FILE if whole else PARTIAL_COSTS)
    except MissingError as error:
        print(f"no costs for `remit simulate`: {error}")


def _stopped(number: int, frame: FrameType | None) -> None:
    raise SystemExit(f"stopped by {signal.Signals(number).name}")


def _keep(text: bytes, file: Path) -> None:
    file.write_bytes(text)
    print(f"wrote {file.relative_to(HERE)}")


if __name__ == "__main__":
    main()
