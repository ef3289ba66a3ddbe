"""Workers: processes that are started, killed, stopped, cut off and replaced, each behind proxies of its own."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.inside.agents import EFFECTS
from benchmarks.chaos.inside.clock import SKEW
from benchmarks.chaos.places.network import Proxy

ROOT = Path(__file__).resolve().parents[3]
INSIDE = Path(__file__).resolve().parents[1] / "inside"
GRACE = 5.0
"""Seconds that a worker has to hand its sessions back."""
_WORKS = "working;"
"""What a worker says once it takes jobs."""
_FAKETIME = tuple(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


@dataclass(eq=False)
class Worker:
    """A process and the network around it."""

    process: asyncio.subprocess.Process
    database: Proxy
    effects: Proxy
    log: Path
    skew: float
    stopped: bool = False
    ended: str = ""
    """By what it was ended; empty while it is to live."""
    troubles: list[float] = field(default_factory=list[float])
    """When something was done to it, or ceased to be, in seconds since the epoch."""

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    @property
    def gone(self) -> bool:
        """Whether it is dead for sure."""
        return self.process.returncode is not None

    def trouble(self) -> None:
        """Note that something is done to it now."""
        self.troubles.append(time.time())

    def send(self, number: signal.Signals) -> None:
        """Send a signal; one that is gone gets none."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


class Fleet:
    """The workers there are and those there were. Use it as an async context manager."""

    def __init__(self, database: int, effects: int, environ: Mapping[str, str], folder: Path, agent: str) -> None:
        """Take the ports of the world and the file of the agent; nobody works yet."""
        self._ports, self._environ, self._folder = (database, effects), dict(environ), folder
        self._agent = agent
        self.all: dict[int, Worker] = {}
        """By process."""
        self.died: list[str] = []
        """Those that nobody ended, with the last of what they said."""
        self.ends: Counter[str] = Counter()
        self._watching: set[asyncio.Task[None]] = set()
        self._open = contextlib.AsyncExitStack()

    @property
    def living(self) -> list[Worker]:
        """Those that are to live."""
        return [worker for worker in self.all.values() if not worker.ended and not worker.gone]

    async def start(self, skew: float = 0.0) -> Worker:
        """Start another, with a clock that is wrong by so many seconds."""
        database = await self._open.enter_async_context(Proxy(self._ports[0]))
        effects = await self._open.enter_async_context(Proxy(self._ports[1], landing=True))
        url = f"postgresql://remit@127.0.0.1:{database.port}/postgres"
        environ = {**self._environ, EFFECTS: str(effects.port), **_wrong(skew)}
        path = self._folder / f"worker-{len(self.all)}.log"
        with path.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *_command(self._agent, url),
                env=environ,
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        worker = Worker(process, database, effects, path, skew)
        self.all[process.pid] = worker
        task = asyncio.create_task(self._watch(worker))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)
        return worker

    async def _watch(self, worker: Worker) -> None:
        code = await worker.process.wait()
        worker.trouble()
        if worker.ended:
            self.ends[worker.ended] += 1
            return
        said = worker.log.read_text(errors="replace")
        if _WORKS in said:
            worker.ended = "itself"
            self.died.append(f"worker {worker.pid} ended by itself with {code}: {said[-2000:]}")
        else:
            # It may come while the database is away, says so, and is started again by whatever starts services.
            worker.ended = "no start"
        self.ends[worker.ended] += 1

    async def kill(self, worker: Worker) -> None:
        """End it as a crash would."""
        worker.ended = worker.ended or "kill"
        worker.trouble()
        worker.send(signal.SIGKILL)
        await worker.process.wait()

    async def drain(self, worker: Worker, seconds: float = GRACE * 4) -> None:
        """Ask it to end, and end it when it does not."""
        worker.ended = worker.ended or "drain"
        worker.trouble()
        worker.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(seconds):
                await worker.process.wait()
        except TimeoutError:
            worker.ended = "killed while it drained"
            await self.kill(worker)

    def stop(self, worker: Worker) -> None:
        """Have it stand still."""
        worker.stopped = True
        worker.trouble()
        worker.send(signal.SIGSTOP)

    def go_on(self, worker: Worker) -> None:
        """Have it wake up, with no idea of how long it slept."""
        worker.send(signal.SIGCONT)
        worker.stopped = False
        worker.trouble()

    async def close(self) -> None:
        """End all that are left."""
        for worker in self.all.values():
            if not worker.gone:
                worker.ended = worker.ended or "the end"
                worker.send(signal.SIGKILL)
                await worker.process.wait()
        await asyncio.gather(*self._watching)
        await self._open.aclose()


def _command(agent: str, url: str) -> list[str]:
    return ["-m", "remit", "worker", f"{INSIDE / agent}:agent", "--store", url, "--grace", f"{GRACE:g}"]


def _wrong(skew: float) -> dict[str, str]:
    if not skew:
        return {}
    if not _FAKETIME:
        return {SKEW: str(skew)}
    # Waiting is measured by a clock that nobody sets.
    return {
        "LD_PRELOAD": str(_FAKETIME[0]),
        "FAKETIME": f"{skew:+.0f}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def clocks() -> str:
    """Say how a clock is made wrong here."""
    return "libfaketime" if _FAKETIME else "time.time() replaced in the worker"


def surroundings(extra: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a worker."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REMIT_", "OPENAI_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **extra}
