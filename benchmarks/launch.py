"""Launch: runs one measurement in a process of its own and brings back its figures, or why there are none."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet.postgres import NoServerError, emptied, serving
from benchmarks.workloads import Case, System

Figures = dict[str, float | None]

HERE = Path(__file__).resolve().parent.parent
RECORDS = HERE / "build" / "bench.jsonl"
PAGE = HERE / "docs" / "benchmarks.md"
SCRATCH = HERE / "build" / "bench-stores"
"""On the disk of the checkout: /tmp may be memory, where a sync to disk costs nothing."""

KEY = "5e" * 32
"""Signs the remits of the bench's sessions on PostgreSQL."""

RAISED = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Group)\b")
"""The last line of a traceback."""

IMPORT_PROGRAM = """
{statement}
status = open("/proc/self/status").read() if __import__("os").path.exists("/proc/self/status") else ""
print("peak", *[line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")])
"""
HELP_PROGRAM = """
import runpy, sys
sys.argv = ["remit", "--help"]
try:
    runpy.run_path({script!r}, run_name="__main__")
except SystemExit:
    pass
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one process: figures, or the reason why not."""

    figures: Figures
    error: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended, by itself or at its limit."""

    out: str
    err: str
    code: int | None
    """`None` if it was stopped at its limit."""
    seconds: float


def environment() -> dict[str, str]:
    """Return the environment of every measured process: the same hashes, and nobody phones home."""
    fixed = {"PYTHONHASHSEED": "0", "LANGSMITH_TRACING": "false", "AGNO_TELEMETRY": "false", "PYTHONPATH": str(HERE)}
    fixed |= {"REMIT_KEY": KEY, "REMIT_STORE": ""}
    # Without cached bytecode W3 would measure the compiler.
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | fixed


def run(command: list[str], limit: float) -> Ended:
    """Run a command to its end; at the limit it is stopped together with what it started."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=HERE,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return Ended("", "", None, time.perf_counter() - start)
    finally:
        # In a session of its own, it would outlive an interrupt of the bench too.
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return Ended(out, err, process.returncode, time.perf_counter() - start)


def reason(ended: Ended, system: System, limit: float) -> str:
    """Return why a process gave no figures, in one line."""
    if ended.code is None:
        return f"> {limit:g} s"
    lines = [line for line in ended.err.splitlines() if line.strip()]
    # Warnings and the errors of abandoned tasks may be printed after the one that ended the process.
    raised = [line for line in lines if RAISED.match(line)]
    last = (raised or lines or [f"ended with status {ended.code}"])[-1].strip()
    if last.startswith("ModuleNotFoundError") or "No module named" in last:
        missing = last.rsplit("named ", 1)[-1].strip("'\"")
        if missing.split(".")[0] != "benchmarks" or missing.endswith(system.name):
            return f"not installed ({missing})"
    return last[:200]


def parsed(ended: Ended, system: System, limit: float) -> Result:
    """Return the figures a child printed; libraries may print before it, so its own line is the last with a brace."""
    lines = [line for line in ended.out.splitlines() if line.startswith("{")]
    if ended.code is None or not lines:
        return Result({}, reason(ended, system, limit), ended.seconds)
    figures = json.loads(lines[-1])
    if "unsupported" in figures:
        return Result({}, f"not supported: {figures['unsupported']}", ended.seconds)
    return Result(figures, None, ended.seconds)


_ONE_PROCESS = {
    "W6": "benchmarks.sandboxes.ruler",
    "W7": "benchmarks.sandboxes.humaneval",
    "workflow": "benchmarks.workflow.ways",
}
"""Modules that measure a workload on the system that they are told."""

PREPARE_LIMIT = 1000.0
"""Seconds for installing what W8's peers are."""


def measure(system: System, case: Case, limit: float) -> Result:
    """Measure one case on one system; W4 takes a second process, which wakes what the first put to sleep."""
    if case.workload == "W3":
        return imported(system, limit)
    if case.workload == "W5" or case.workload in _ONE_PROCESS:
        wire = [f"benchmarks.wires.{system.name}", case.store, "--n", str(case.n)]
        words = wire if case.workload == "W5" else [_ONE_PROCESS[case.workload], system.name]
        return parsed(run([sys.executable, "-m", *words], limit), system, limit)
    if case.workload == "W8":
        return served(system, case, limit)
    if case.store == "postgres":
        return shared(system, case, limit)
    folder = SCRATCH / f"{os.getpid()}-{system.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    figures: Figures = {}
    seconds = 0.0
    try:
        for workload in ("W4", "W4-wake") if case.workload == "W4" else (case.workload,):
            command = [sys.executable, "-m", f"benchmarks.systems.{system.name}", workload, "--n", str(case.n)]
            ended = run([*command, "--store", case.store, "--dir", str(folder)], limit)
            result = parsed(ended, system, limit)
            figures |= result.figures
            seconds += result.seconds
            if result.error is not None:
                return Result(figures, result.error, seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Result(figures, None, seconds)


@contextlib.contextmanager
def database() -> Generator[None]:
    """Run the PostgreSQL that all systems share meanwhile; where there is none, their cases say so."""
    with contextlib.ExitStack() as stack:
        try:
            _SERVER.append(stack.enter_context(serving(SCRATCH / f"{os.getpid()}-postgres")))
        except NoServerError as error:
            _SERVER.append(error)
        try:
            yield
        finally:
            _SERVER.clear()


_SERVER: list[str | NoServerError] = []


def shared(system: System, case: Case, limit: float) -> Result:
    """Measure one case on databases of the one server, which is empty again afterwards."""
    (url,) = _SERVER
    if isinstance(url, NoServerError):
        return Result({}, str(url), 0.0)
    command = [sys.executable, "-m", f"benchmarks.systems.{system.name}", case.workload, "--n", str(case.n)]
    try:
        return parsed(run([*command, "--store", "postgres", "--url", url], limit), system, limit)
    finally:
        emptied(url)


def served(system: System, case: Case, limit: float) -> Result:
    """W8: the peers' environment is made before the clock runs; the search for the highest rate is several loads."""
    run([sys.executable, "-m", "benchmarks.serving.environment"], PREPARE_LIMIT)
    command = [sys.executable, "-m", "benchmarks.serving.ruler", system.name, "--n", str(case.n)]
    return parsed(run(command, 2 * limit), system, 2 * limit)


def bare(limit: float) -> Result:
    """W3 of the interpreter alone: what every other figure of W3 contains."""
    return imported(System("python", "python -c pass", (), ("pass",)), limit)


def imported(system: System, limit: float) -> Result:
    """W3: wall and peak memory of a fresh process that imports the system; for Remit its command line as well."""
    figures: Figures = {}
    seconds = 0.0
    for statement in system.imports:
        timed = run([sys.executable, "-c", statement], limit)
        weighed = run([sys.executable, "-c", IMPORT_PROGRAM.format(statement=statement)], limit)
        seconds += timed.seconds + weighed.seconds
        if timed.code != 0:
            return Result(figures, reason(timed, system, limit), seconds)
        figures |= {"import_ms": timed.seconds * 1e3, "import_rss_mb": peak_mb(weighed)}
    script = Path(sys.executable).with_name("remit")
    if system.name == "remit" and script.exists():
        timed = run([str(script), "--help"], limit)
        program = IMPORT_PROGRAM.format(statement=HELP_PROGRAM.format(script=str(script)))
        weighed = run([sys.executable, "-c", program], limit)
        seconds += timed.seconds + weighed.seconds
        if timed.code != 0:
            return Result(figures, f"remit --help: {reason(timed, system, limit)}", seconds)
        figures |= {"help_ms": timed.seconds * 1e3, "help_rss_mb": peak_mb(weighed)}
    return Result(figures, None, seconds)


def peak_mb(ended: Ended) -> float | None:
    """Return the peak memory a weighed process printed, in MB."""
    lines = [line.split() for line in ended.out.splitlines() if line.startswith("peak ")]
    return float(lines[-1][1]) / 1024 if lines and len(lines[-1]) > 1 else None
