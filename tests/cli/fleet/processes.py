"""The processes of a fleet, started as an operator starts them, each in one folder over one database."""

import asyncio
import contextlib
import itertools
import os
import signal
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from remit.home import SHARED_KEY

KEY = "cd" * 32
SITES = Path(__file__).with_name("sites")
CLERK = f"{SITES / 'clerk.py'}:agent"
_PATIENCE = 60


@dataclass
class Started:
    """A process that stays."""

    process: asyncio.subprocess.Process
    said: dict[str, str]
    """Its first line: where it listens, or who it is."""
    told: Path
    """What it writes to standard error."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.said["listening"]

    def err(self) -> str:
        """Give what it wrote to standard error so far."""
        return self.told.read_text()

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and wait for its end."""
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), _PATIENCE)


@dataclass
class Processes:
    """Starts commands in a folder."""

    folder: Path
    environ: dict[str, str]
    started: list[Started] = field(default_factory=list[Started])
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def start(self, *words: str, more: Mapping[str, str] | None = None) -> Started:
        """Start what stays, and wait until it says where it is."""
        told = self.folder / f"told{next(self.numbers)}"
        with told.open("wb") as err:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "remit", *words),
                cwd=self.folder,
                env={**self.environ, **(more or {})},
                stdout=asyncio.subprocess.PIPE,
                stderr=err,
            )
        one = Started(process, {}, told)
        self.started.append(one)
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _PATIENCE)
        assert line, one.err()
        one.said = msgspec.json.decode(line, type=dict[str, str])
        return one

    async def run(self, *words: str, more: Mapping[str, str] | None = None) -> tuple[int | None, str, str]:
        """Run a command to its end; give its status and what it wrote."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "remit", *words),
            cwd=self.folder,
            env={**self.environ, **(more or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), _PATIENCE)
        finally:
            if process.returncode is None:
                process.kill()
        return process.returncode, out.decode(), err.decode()

    async def worker(self, *words: str, agent: str = CLERK, more: Mapping[str, str] | None = None) -> Started:
        """Start a worker."""
        return await self.start("worker", agent, *words, more=more)

    async def replica(self, *words: str, agent: str = CLERK, more: Mapping[str, str] | None = None) -> Started:
        """Start a server that drives nothing."""
        return await self.start("serve", agent, "--workers", "0", "--port", "0", *words, more=more)

    def cabinet(self) -> list[str]:
        """Give what clerks have filed: session, call and key of each."""
        path = Path(self.environ["CLERK_CABINET"])
        return path.read_text().splitlines() if path.exists() else []


@contextlib.asynccontextmanager
async def processes(folder: Path, url: str, **environ: str) -> AsyncGenerator[Processes]:
    """Start processes over a database meanwhile; whatever is left of them at the end is killed."""
    mine = {
        **{name: value for name, value in os.environ.items() if not name.startswith("REMIT_")},
        SHARED_KEY: KEY,
        "REMIT_STORE": url,
        "CLERK_CABINET": str(folder / "cabinet"),
        **environ,
    }
    made = Processes(folder, mine)
    try:
        yield made
    finally:
        for one in made.started:
            if one.process.returncode is None:
                one.process.kill()
                await one.process.wait()
            if one.process.stdout is not None:
                # What is left in the pipe is closed with it.
                await one.process.stdout.read()
