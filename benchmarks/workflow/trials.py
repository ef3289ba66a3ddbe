"""Trials: runs programs of models in processes with limits, a few at a time, and remembers what came of each."""

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.workflow.problems import Example

WARDEN = Path(__file__).with_name("warden.py")
CPU_SECONDS = 2
"""What a program may use; processor time, so that a busy machine changes no verdict."""
WALL_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a program: whether all held, and what did not, in words."""

    passed: bool
    findings: tuple[str, ...]


Key = tuple[str, str, tuple[Example, ...]]


@dataclass
class Trials:
    """A pool of wardens. The same program against the same tests is run once: its verdict is remembered."""

    _idle: asyncio.Queue[Process]
    _known: dict[Key, "asyncio.Task[Verdict]"] = field(default_factory=dict[Key, "asyncio.Task[Verdict]"])
    ran: int = 0
    """How many programs were really run."""

    async def judge(self, program: str, *, tests: str = "", examples: Sequence[Example] = ()) -> Verdict:
        """Run a program against tests, examples or both."""
        key = (program, tests, tuple(examples))
        if key not in self._known:
            self._known[key] = asyncio.create_task(self._run(*key))
        # Shielded: whoever else waits for the same verdict must not lose it when one of them is cancelled.
        return await asyncio.shield(self._known[key])

    async def _run(self, program: str, tests: str, examples: tuple[Example, ...]) -> Verdict:
        job = {
            "program": program,
            "tests": tests,
            "examples": [(example.call, example.result) for example in examples],
            "cpu": CPU_SECONDS,
            "wall": WALL_SECONDS,
        }
        self.ran += 1
        warden = await self._idle.get()
        try:
            assert warden.stdin is not None
            assert warden.stdout is not None
            warden.stdin.write(json.dumps(job).encode() + b"\n")
            await warden.stdin.drain()
            said = json.loads(await warden.stdout.readline())
        finally:
            self._idle.put_nowait(warden)
        return Verdict(said["passed"], tuple(said["findings"]))


@asynccontextmanager
async def open_trials(wardens: int = os.cpu_count() or 1) -> AsyncGenerator[Trials]:
    """Open a pool; its processes end with the context."""
    idle: asyncio.Queue[Process] = asyncio.Queue()
    started: list[Process] = []
    try:
        for _ in range(wardens):
            # Nothing of this process's environment, packages or folder is in the child's reach by name, and sets have
            # the same order every time.
            command = (sys.executable, "-P", "-s", "-S", WARDEN)
            started.append(
                await asyncio.create_subprocess_exec(*command, env={"PYTHONHASHSEED": "0"}, stdin=PIPE, stdout=PIPE)
            )
            idle.put_nowait(started[-1])
        yield Trials(idle)
    finally:
        for warden in started:
            with contextlib.suppress(ProcessLookupError):
                warden.kill()
        await asyncio.gather(*(warden.wait() for warden in started))
