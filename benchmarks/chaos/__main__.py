"""Chaos: `python -m benchmarks.chaos --minutes 10` breaks whatever can break of a fleet, and says what came of it.

Afterwards each safeguard is taken away in turn for `--each` seconds, and the run must go wrong. The end is 1 when the
first goes wrong or one of the others does not.
"""

import argparse
import asyncio
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.chaos.faults import KINDS, SLOW
from benchmarks.chaos.page import compared, told, write
from benchmarks.chaos.removed import ALL, INTACT, REMOVED
from benchmarks.chaos.rig import Plan, Report, run


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="for which things break")
    parser.add_argument("--seconds", type=float, default=0.0, help="the same in seconds")
    parser.add_argument("--each", type=float, default=60.0, help="seconds without each safeguard; 0 leaves that out")
    parser.add_argument("--deadline", type=float, default=300.0, help="seconds in which all must settle afterwards")
    parser.add_argument("--at-once", type=int, default=24, help="sessions under way at the same time")
    parser.add_argument("--seed", type=int, default=0, help="0 draws one")
    parser.add_argument("--without", choices=sorted(ALL), default=INTACT.name, help="only this, without a safeguard")
    parser.add_argument("--only", action="append", default=[], help="faults whose names hold this; may be repeated")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/chaos.md")
    return parser.parse_args(arguments)


async def main(asked: argparse.Namespace) -> int:
    """Run, and say whether all was as it must be."""
    loop, me = asyncio.get_running_loop(), asyncio.current_task()
    assert me is not None
    # However we are ended, nothing of it stays.
    loop.add_signal_handler(signal.SIGTERM, me.cancel)
    seed = int(asked.seed) or random.SystemRandom().randrange(1, 1_000_000)
    seconds = float(asked.seconds) or 60 * float(asked.minutes)
    plan = Plan(seed=seed, seconds=seconds, deadline=asked.deadline, at_once=asked.at_once)
    plan = replace(plan, budget=max(0.02, 0.0004 * seconds), without=ALL[asked.without])
    if asked.only:
        plan = replace(plan, kinds=tuple(kind for kind in KINDS if any(one in kind for one in asked.only)))
    print(f"seed {seed}", flush=True)
    report = await run(plan)
    say(report)
    if asked.write:
        write("the whole", told(report))
    if plan.without is not INTACT or not asked.each:
        return 0 if report.good else 1
    kinds = tuple(kind for kind in plan.kinds if kind not in SLOW)
    less = replace(plan, seconds=float(asked.each), deadline=min(plan.deadline, 30.0), every=1.0, kinds=kinds)
    control, *without = [await run(replace(less, without=one)) for one in (INTACT, *REMOVED)]
    table = compared(control, without)
    print(table)
    if asked.write:
        write("removed", table)
    return 0 if report.good and control.good and not any(one.good for one in without) else 1


def say(report: Report) -> None:
    """Print what came of a run."""
    print(told(report))
    print("\n".join(report.wrongs.lines()) or "nothing went wrong")
    if not report.good:
        print(f"again: {report.again}\nkept: {report.kept}")


if __name__ == "__main__":
    sys.exit(asyncio.run(main(parsed(sys.argv[1:]))))
