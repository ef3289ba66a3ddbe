"""Counting: figures of a fleet that are no rate of its steps: pick-ups, connections, and how slow a commit is."""

import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import psycopg
from tests.ports import free_port

from benchmarks.fleet.agents import quick, slow, still
from benchmarks.fleet.crew import SERVED, StuckError
from benchmarks.fleet.flowing import LIMIT, Meter, warm
from benchmarks.fleet.postgres import ask
from benchmarks.fleet.yard import Site, Yard, asked, yard
from benchmarks.launch import environment
from benchmarks.measure import Figures
from benchmarks.world import run_prompt

_EDGE = 0.1
_PORTS = "SELECT client_port, application_name FROM pg_stat_activity WHERE datname = current_database()"
_COMMITS = 200
_SETTLE = 3.0


async def picking(site: Site, workers: int, sessions: int) -> Figures:
    """Fill the queue while workers are stopped; return the time between two sessions that one worker takes up then."""
    async with yard(site, workers) as here:
        await warm(here)
        names = [f"s{number}" for number in range(sessions)]
        # For less time than after which others would take them for dead.
        with here.crew.stopped():
            await here.begin(still, run_prompt(1), names)
        meter = Meter(here)
        await here.done(LIMIT)
        others = meter.read()[3]
        at = sorted(time for records in await here.journals(names) if (time := asked(records)) is not None)
        if len(at) != sessions:
            raise StuckError("a session was never taken up")
        low, high = int(_EDGE * sessions), int((1 - _EDGE) * sessions)
        return {"pick_ms": max(1, at[high] - at[low]) / (high - low) * workers, "others": others * 100}


async def connected(site: Site, sessions: int) -> Figures:
    """Count the connections of one worker with nothing to do and with much, and of a replica of the API."""
    async with yard(site, 1) as here:
        await asyncio.sleep(_SETTLE)
        idle = _held(here, here.crew.processes[0].pid)
        for agent in (slow, quick):
            await here.begin(agent, run_prompt(20), [f"{agent.name}-{number}" for number in range(sessions)])
        most = idle
        for _ in range(20):
            await asyncio.sleep(0.1)
            most = max(most, _held(here, here.crew.processes[0].pid))
        await here.done(LIMIT)
        with replica(here) as (pid, port):
            await asyncio.to_thread(_answers, port)
            served = _held(here, pid)
        sync, plain = (_commit_ms(here.url, durable=durable) for durable in (True, False))
        return {
            "worker_idle": float(idle),
            "worker_busy": float(most),
            "replica": float(served),
            "sync_ms": max(0.0, sync - plain),
        }


@contextlib.contextmanager
def replica(here: Yard) -> Generator[tuple[int, int]]:
    """Run `remit serve --workers 0` meanwhile; give its number and its port."""
    port = free_port()
    words = ["serve", *SERVED, "--workers", "0", "--store", here.url, "--port", str(port), "--quiet"]
    process = subprocess.Popen(
        [sys.executable, "-m", "remit", *words],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process.pid, port
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> None:
    """Wait until it is ready, and have it answer some requests."""
    end, answers = time.monotonic() + 40, 0
    while answers < 20:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
                answers += 1
        except (OSError, urllib.error.URLError) as error:
            if time.monotonic() > end:
                raise StuckError(f"the replica did not answer: {error}") from error
            time.sleep(0.2)


def _held(here: Yard, pid: int) -> int:
    """Count the connections of a process to a database, as the server and the kernel see them."""
    mine = _sockets(pid)
    return sum(count for port, count in Counter(port for port, _ in ask(here.url, _PORTS)).items() if port in mine)


def _sockets(pid: int) -> set[int]:
    """Give the ports of a process's connections."""
    links = set[str]()
    for place in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            links.add(str(place.readlink()))
    found = set[int]()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = row.split()
                if f"socket:[{fields[9]}]" in links:
                    found.add(int(fields[1].rpartition(":")[2], 16))
    return found


def _commit_ms(url: str, *, durable: bool) -> float:
    """Give the median of a commit of one row."""
    taken: list[float] = []
    with psycopg.connect(url, autocommit=True) as line:
        line.execute("CREATE TABLE IF NOT EXISTS bench_commits (n int)")
        line.execute("SET synchronous_commit = on" if durable else "SET synchronous_commit = off")
        for number in range(_COMMITS):
            began = time.perf_counter()
            line.execute("INSERT INTO bench_commits VALUES (%s)", (number,))
            taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)
