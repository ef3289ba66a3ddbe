"""Accounts: what a row costs that all of a tenant's workers write, beside a row for each of them, and beside none.

`python -m benchmarks.fleet.accounts` prints the durable appends a second of four processes with 50 sessions each: with
fsync, without it, and with each flush delayed by 5 ms. Two of three appends move money, as in a step with one call.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.fleet.postgres import NoServerError, serving
from remit.core.ports import Entry
from remit.journal.postgres import PostgresJournal, migrate
from remit.testing.journals import said

PROCESSES, SESSIONS, SECONDS, ROUNDS = 4, 50, 2.0, 5
KINDS = ("none", "own", "shared")
DISKS = {
    "fsync": {"fsync": "on"},
    "no fsync": {"fsync": "off"},
    "5 ms a flush": {"fsync": "on", "commit_delay": "5000", "commit_siblings": "0"},
}
_MOVED = (10, -4, 0)
"""Held, given back, and nothing: microdollars, by turns."""
_CAP = 1 << 50


async def work(url: str, number: int, kind: str) -> None:
    """Be one of the processes: say that it is ready, begin when it is told to, and say how often it appended."""
    journal = await PostgresJournal.open(url)
    account = {"none": "", "own": f"usd/bench-{number}", "shared": "usd/bench"}[kind]
    events, count = said("x" * 300), 0
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    end = time.monotonic() + SECONDS

    async def go(session: str) -> None:
        nonlocal count
        after = turn = 0
        while time.monotonic() < end:
            amount = _MOVED[turn % len(_MOVED)]
            cap = _CAP if amount > 0 else None
            entries = [Entry(account, amount, cap)] if account and amount else []
            after, turn, count = (
                await journal.append(session, events, after=after, entries=entries),
                turn + 1,
                count + 1,
            )

    await asyncio.gather(*(go(f"{kind}-{os.getpid()}-{one}") for one in range(SESSIONS)))
    await journal.close()
    print(json.dumps(count), flush=True)


def measured(url: str, kind: str) -> float:
    """Give the appends a second of all processes together."""
    words = [sys.executable, "-m", "benchmarks.fleet.accounts", url]
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen([*words, str(number), kind], stdin=pipe, stdout=pipe, text=True) for number in range(PROCESSES)
    ]
    try:
        for one in started:
            _line(one)
        for one in started:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        counts = [int(_line(one)) for one in started]
        for one in started:
            one.communicate(timeout=30)
    finally:
        for one in started:
            one.kill()
            one.wait()
    return sum(counts) / SECONDS


def _line(one: subprocess.Popen[str]) -> str:
    assert one.stdout is not None
    line = one.stdout.readline()
    if not line:
        raise SystemExit("a process of the bench ended early; what it wrote stands above")
    return line


def measure(disk: str) -> None:
    """Print the median of a kind of disk for each kind of account, taken by turns."""
    folder = Path(tempfile.gettempdir()) / f"remit-accounts-{os.getpid()}"
    with serving(folder, **DISKS[disk]) as url:
        asyncio.run(migrate(url))
        found: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for _ in range(ROUNDS):
            for kind in KINDS:
                found[kind].append(measured(url, kind))
    told = ", ".join(
        f"{kind} {statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"
        for kind, rates in found.items()
    )
    print(f"{disk}: appends a second by account: {told}", flush=True)


def main() -> None:
    """Measure, or be one of the processes."""
    if len(sys.argv) == 4:
        asyncio.run(work(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
        return
    try:
        for disk in DISKS:
            measure(disk)
    except NoServerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
