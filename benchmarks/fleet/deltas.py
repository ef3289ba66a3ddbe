"""Deltas: how soon text that a worker's model writes is on the socket of a client of another process, and its cost.

`python -m benchmarks.fleet.deltas [URL]` (a PostgreSQL of its own without one): a worker, a replica and the clients are
three processes; each word carries the time at which its model wrote it.
"""

import asyncio
import contextlib
import json
import os
import re
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from tests.server.rig import Anybody

from benchmarks.fleet.postgres import PREFIX, NoServerError, made, server, serving
from benchmarks.processes import Weighed
from remit.core.agent import Agent
from remit.core.limits import Tenant
from remit.core.ports import Delta, Emit, ModelSpec, Reply, Request
from remit.home import Home, Settings
from remit.journal.postgres import PostgresJournal, migrate
from remit.models.prices import FREE
from remit.runtime import LocalWorkers
from remit.server.api import Bind, site
from remit.server.api import serving as answering
from remit.server.fleet.deltas import Deltas
from remit.server.service import Service
from remit.server.service.streams import Streams

LOADS = (1, 10, 100)
"""Streams at the same time."""
RATE = 25
"""Words a second of each."""
SECONDS = 8.0
_WARM = 1.0
"""Seconds at the beginning that do not count."""
_WORD = re.compile(rb"<(\d+)>")


@dataclass(eq=False)
class Clock:
    """A model that writes what time it is."""

    seconds: float
    spec: ModelSpec = field(default_factory=lambda: ModelSpec("clock", FREE))

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """See `Model.complete`."""
        text, end = "", time.monotonic() + self.seconds
        # Not all at the same moment.
        await asyncio.sleep(secrets.randbelow(1000) / 1000 / RATE)
        while time.monotonic() < end:
            word = f"<{time.monotonic_ns()}>"
            emit(Delta(word))
            text += word
            await asyncio.sleep(1 / RATE)
        return Reply(text)


@contextlib.asynccontextmanager
async def _home(url: str) -> AsyncGenerator[tuple[PostgresJournal, Home]]:
    journal = await PostgresJournal.open(url)
    workers = cast("LocalWorkers", journal.workers)
    async with Home(journal, workers, bytes(32), Settings(tenants=(Tenant(name="t"),))) as home:
        yield journal, home


async def work(url: str) -> None:
    """Drive the sessions that are named on a line each, all at once, until there are no more lines."""
    agent = Agent("clock", Clock(SECONDS))
    async with _home(url) as (journal, home), Deltas(journal.signals, home):
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            await asyncio.gather(*(home.resume(agent, session) for session in json.loads(line)))
            print("done", flush=True)


async def serve(url: str) -> None:
    """Serve readers, and drive nothing."""
    async with _home(url) as (journal, home), Deltas(journal.signals, home) as deltas:
        service = Service(home, ())
        service.streams = Streams(home, each=1000, elsewhere=deltas)
        async with answering(site(service, Anybody()), service, Bind(port=0)) as address:
            print(address, flush=True)
            await asyncio.to_thread(sys.stdin.readline)


@dataclass
class Client:
    """Reads an event stream, and how old what it reads is."""

    port: int
    session: str
    ages: list[float] = field(default_factory=list[float])
    said: int = 0
    """Words that it should have read before their record."""
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, since: float) -> None:
        """Read until the run has ended."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        writer.write(
            f"GET /v1/sessions/{self.session}/events HTTP/1.1\r\nHost: x\r\n"
            "Authorization: Bearer t:ann:admin\r\n\r\n".encode()
        )
        event = b""
        async for line in reader:
            now = time.monotonic_ns()
            if line.startswith(b"event: "):
                event = line
            elif line.startswith(b"data: ") and b"delta" in event:
                self.ages += [(now - int(at)) / 1e6 for at in _WORD.findall(line) if int(at) / 1e9 > since]
            elif line.startswith(b"data: "):
                self.ready.set()
                if b'"ModelAnswered"' in line:
                    self.said += sum(int(at) / 1e9 > since for at in _WORD.findall(line))
                if b'"RunEnded"' in line:
                    break
        writer.close()


async def _process(what: str, url: str) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "benchmarks.fleet.deltas", what, url)
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


async def measure(url: str) -> None:
    """Print a line for each load: with nobody who reads, and with one reader of each session."""
    await migrate(url)
    worker, replica = await _process("work", url), await _process("serve", url)
    await _line(worker)
    port = int((await _line(replica)).rpartition(":")[2])
    weighed = {"worker": Weighed((worker.pid,)), "replica": Weighed((replica.pid,)), "postgres": server(url)}
    try:
        async with _home(url) as (_, home):
            agent = Agent("clock", Clock(SECONDS))
            for load in LOADS:
                quiet = await _round(home, agent, worker, weighed, (load, 0))
                told = await _round(home, agent, worker, weighed, (load, port))
                _report(load, quiet, told)
    finally:
        for process in (worker, replica):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


Figures = tuple[dict[str, float], list[float], int]


async def _round(
    home: Home,
    agent: Agent,
    worker: asyncio.subprocess.Process,
    weighed: dict[str, Weighed],
    wanted: tuple[int, int],
) -> Figures:
    """Have so many sessions talk, read at a port when there is one; give CPU seconds, and the age of each word."""
    load, port = wanted
    sessions = [await home.begin(agent, "go", tenant="t") for _ in range(load)]
    clients = [Client(port, session) for session in sessions] if port else []
    since = time.monotonic() + _WARM
    reading = [asyncio.create_task(client.read(since)) for client in clients]
    await asyncio.gather(*(client.ready.wait() for client in clients))
    before = {name: one.cpu() for name, one in weighed.items()}
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(sessions).encode() + b"\n")
    assert await _line(worker) == "done"
    spent = {name: one.cpu() - before[name] for name, one in weighed.items()}
    await asyncio.gather(*reading)
    return spent, sorted(age for client in clients for age in client.ages), sum(client.said for client in clients)


def _report(load: int, quiet: Figures, told: Figures) -> None:
    ages, words = told[1], load * RATE * SECONDS
    p50, p95, p99 = (ages[min(int(len(ages) * part), len(ages) - 1)] for part in (0.5, 0.95, 0.99))
    cost = {name: (told[0][name] - quiet[0][name]) / words * 1e6 for name in told[0]}
    print(
        f"{load:4} streams, {load * RATE:5} words/s: {len(ages)} of {told[2]} words before their record, "
        f"p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms; CPU a word beyond that of nobody reading: "
        + ", ".join(f"{name} {micros:.0f} us" for name, micros in cost.items())
    )


def main() -> None:
    """Measure, or be one of the processes."""
    if len(sys.argv) == 3:
        asyncio.run({"work": work, "serve": serve}[sys.argv[1]](sys.argv[2]))
    elif len(sys.argv) == 2:
        asyncio.run(measure(made(sys.argv[1], f"{PREFIX}deltas")))
    else:
        try:
            with serving(Path(tempfile.gettempdir()) / f"remit-deltas-{os.getpid()}") as url:
                asyncio.run(measure(url))
        except NoServerError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
