"""The bench: `python -m benchmarks` measures Remit beside its peers and writes docs/benchmarks.md.

A run of the whole plan writes the page; a partial one (`--only`, `--system`, `--quick`) leaves it alone and writes
build/benchmarks.md. Both write build/bench.jsonl.
"""

import argparse
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import get_args

from benchmarks.launch import HERE, PAGE, RECORDS, Result, bare, database, measure
from benchmarks.record import Figures, Record, write
from benchmarks.report import COMMAND, page
from benchmarks.workflow.problems import ABSENT, FILE, HOW_TO, VARIABLE, place
from benchmarks.workloads import CLIENTS, PLACES, SERVERS, SOLVING, SYSTEMS, WAYS, Case, System, Workload, cases

ALL = (*SYSTEMS, *CLIENTS, *WAYS, *PLACES, *SERVERS, *SOLVING)
WORKLOADS: tuple[Workload, ...] = get_args(Workload)
PARTIAL_PAGE = HERE / "build" / "benchmarks.md"
LIMIT_SECONDS = 240.0
REPEATS = 3
IMPORT_REPEATS = 7
LONG_SECONDS = 10.0
"""A case that took this long is not repeated: noise is small against it, and the bench must end."""


@dataclass
class Samples:
    """What the repeats of one case gave for one system."""

    system: System
    results: list[Result] = field(default_factory=list[Result])

    def exhausted(self) -> bool:
        """Return whether another repeat would add nothing: it failed, or it is long."""
        return any(result.error or result.seconds > LONG_SECONDS for result in self.results)

    def records(self, case: Case) -> Iterator[Record]:
        """Yield the median of every metric, and the first error."""
        good = [result.figures for result in self.results if result.error is None]
        good = good or [result.figures for result in self.results]
        for metric in dict.fromkeys(metric for figures in good for metric in figures):
            values = [value for figures in good if (value := figures.get(metric)) is not None]
            median = statistics.median(values) if values else None
            yield Record(case.workload, self.system.name, case.store, case.n, metric, median)
        errors = [result.error for result in self.results if result.error]
        if errors:
            yield Record(case.workload, self.system.name, case.store, case.n, "error", errors[0])


def take(case: Case, systems: Sequence[System], repeats: int, limit: float) -> Iterator[Record]:
    """Measure one case on all systems in turn, A B C A B C, so that noise of the machine hits all alike."""
    samples = [Samples(system) for system in systems if case.store == "none" or case.store in system.stores]
    if case.workload == "W3":
        samples = [Samples(System("python", "python", (), ())), *(each for each in samples if each.system.imports)]
        repeats = max(repeats, IMPORT_REPEATS)
        bare(limit)
    if case.workload in ("workflow", "W7"):
        # Nothing in them hangs on the machine: answers are drawn from seeds, programs are right or not.
        repeats = 1
    for repeat in range(repeats):
        for sample in samples:
            if sample.exhausted():
                continue
            result = bare(limit) if sample.system.name == "python" else measure(sample.system, case, limit)
            sample.results.append(result)
            said = result.error or ", ".join(f"{key} {value:.4g}" for key, value in result.figures.items() if value)
            print(f"{case.workload} {case.store} {case.n} #{repeat + 1} {sample.system.name}: {said}", flush=True)
    for sample in samples:
        yield from sample.records(case)


def setting(systems: Sequence[System]) -> Iterator[Record]:
    """Yield what the figures were taken with: machine, interpreter, versions of the systems' packages."""
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    yield Record("setting", "machine", "none", 0, "version", machine)
    for system in {system.name: system for system in systems if system.packages}.values():
        yield Record("setting", system.name, "none", 0, "version", ", ".join(map(packaged, system.packages)))


def packaged(package: str) -> str:
    """Return a package with its version."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} (not installed)"


def options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Remit beside its peers.")
    parser.add_argument("--only", default="", help=f"comma separated, of {','.join(WORKLOADS)}")
    parser.add_argument("--system", default="", help=f"of {','.join(dict.fromkeys(each.name for each in ALL))}")
    parser.add_argument("--humaneval", default="", help=f"HumanEval.jsonl.gz; else {VARIABLE}, else {FILE}")
    parser.add_argument("--quick", action="store_true", help="small sizes, one repeat")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="runs of each case, of which the median is taken")
    parser.add_argument("--page", type=Path, help="where a partial run writes its page; else build/benchmarks.md")
    parser.add_argument("--limit", type=float, default=LIMIT_SECONDS, help="seconds after which a process is stopped")
    return parser.parse_args()


def named(text: str) -> frozenset[str]:
    """Return the names in a comma separated list."""
    return frozenset(filter(None, text.split(",")))


def save(records: Sequence[Record], path: Path, command: str) -> None:
    """Write the records and their page."""
    write(records, RECORDS)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(Figures(records), command))


def main() -> None:
    """Measure what the command line names."""
    given = options()
    only, wanted = named(given.only), named(given.system)
    unknown = (only - {*WORKLOADS}) | (wanted - {system.name for system in ALL})
    if unknown:
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}")
    if given.humaneval:
        os.environ[VARIABLE] = str(Path(given.humaneval).resolve())
    systems = [system for system in ALL if not wanted or system.name in wanted]
    part = bool(only or wanted or given.quick)
    path = given.page or PARTIAL_PAGE if part else PAGE
    records = list(setting(systems))
    with database():
        records.extend(plan(given, systems, only, records))
    save(records, path, shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]) if part else COMMAND)
    print(f"wrote {RECORDS.relative_to(HERE)} and {path.resolve().relative_to(HERE)}")


def plan(
    given: argparse.Namespace, systems: Sequence[System], only: frozenset[str], before: Sequence[Record]
) -> list[Record]:
    """Take all cases that are asked for; what there is so far is on disk after each."""
    records: list[Record] = []
    for case in cases(only, quick=given.quick):
        if case.workload in ("workflow", "W7") and place() is None:
            print(HOW_TO)
            first = "reference" if case.workload == "workflow" else "wasm"
            records.append(Record(case.workload, first, case.store, case.n, "error", ABSENT))
            continue
        records.extend(take(case, systems, 1 if given.quick else given.repeats, given.limit))
        write([*before, *records], RECORDS)
    return records


if __name__ == "__main__":
    main()
