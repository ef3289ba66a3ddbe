"""Crew: `remit worker` processes under measurement, started, weighed, killed and ended."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from pathlib import Path

from benchmarks.fleet.postgres import ask
from benchmarks.launch import environment
from benchmarks.processes import Weighed

AGENTS = Path(__file__).with_name("agents.py")
PROGRAM = (sys.executable, "-m", "remit", "worker")
"""What is measured; another program that takes the same arguments can be put in its place."""
SERVED = tuple(f"{AGENTS}:{name}" for name in ("quick", "slow", "still"))
"""Its agents."""
_READY, _DRAIN = 60.0, 30.0
_ALIVE = "SELECT count(*) FROM remit.workers WHERE expires > clock_timestamp() AND name ~ ('-(' || %s || ')-')"


class StuckError(Exception):
    """The fleet did not do what the measurement needs."""


class Crew:
    """The workers of one database."""

    def __init__(self, url: str, folder: Path, program: Sequence[str], slots: int | None = None) -> None:
        """Begin with nobody; each will drive `slots` sessions at once, or as many as it does by itself."""
        self._url, self._folder = url, folder
        self._command = [*program, *SERVED, "--store", url, *(("--sessions", str(slots)) if slots else ())]
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def weighed(self) -> Weighed:
        """All of them, as the kernel sees them."""
        return Weighed([process.pid for process in self.processes])

    async def start(self, count: int) -> None:
        """Start workers, and wait until each says in the database that it lives."""
        for _ in range(count):
            self._begin()
        end = time.monotonic() + _READY
        while (alive := self._alive()) < len(self.processes):
            if time.monotonic() > end or any(process.poll() is not None for process in self.processes):
                raise StuckError(f"{alive} of {len(self.processes)} workers live; {self._last_words()}")
            await asyncio.sleep(0.1)

    def _begin(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"worker-{len(self.processes)}.txt").open("wb") as log:
            self.processes.append(
                subprocess.Popen(self._command, cwd=self._folder, env=environment(), stdout=log, stderr=log)
            )

    def _alive(self) -> int:
        pids = "|".join(str(process.pid) for process in self.processes)
        [[alive]] = ask(self._url, _ALIVE, pids)
        return int(alive)

    def _last_words(self) -> str:
        for place in range(len(self.processes)):
            lines = (self._folder / f"worker-{place}.txt").read_text(errors="replace").strip().splitlines()
            if lines:
                return f"one said: {lines[-1][:200]}"
        return "they said nothing"

    @contextlib.contextmanager
    def stopped(self) -> Generator[None]:
        """Have none of them run meanwhile."""
        for process in self.processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in self.processes:
                process.send_signal(signal.SIGCONT)

    def kill(self) -> int:
        """Kill the first with no chance to say anything; give its number."""
        process = self.processes.pop(0)
        process.kill()
        process.wait()
        return process.pid

    def stop(self) -> None:
        """Have all of them end in order, or end them."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(_DRAIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()


@contextlib.asynccontextmanager
async def crew(
    url: str, folder: Path, program: Sequence[str], count: int, slots: int | None = None
) -> AsyncGenerator[Crew]:
    """Have workers meanwhile."""
    people = Crew(url, folder, program, slots)
    try:
        await people.start(count)
        yield people
    finally:
        people.stop()
    # What they said is kept only where something went wrong.
    shutil.rmtree(folder, ignore_errors=True)
