"""Pool: workers that interpret programs, and boxes over them. The only module that starts Monty."""

import asyncio
import time
from collections.abc import Mapping

from pydantic_monty import AsyncMonty, Monty, MontyError, ResourceLimits

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Bridge, Result, SandboxPolicy
from remit.core.values import JsonValue
from remit.sandbox.monty.program import Program

_NO_FILES = "the tier 'interpreter' has no files: give data as `inputs`, or use 'native' or stronger"


def trial() -> str:
    """Run a program; say what went wrong, or nothing."""
    try:
        with Monty(min_processes=1, max_processes=1) as pool, pool.checkout() as session:
            answer = session.feed_run("6 * 7")
    except (MontyError, OSError, RuntimeError) as error:
        return f"the interpreter does not start: {error}"
    return "" if answer == 42 else f"the interpreter says that 6 * 7 is {answer!r}"


class InterpreterPool:
    """The workers that boxes share."""

    def __init__(self, workers: int) -> None:
        """Start none yet."""
        self._monty = AsyncMonty(max_processes=workers)
        self._started = False
        self._starting = asyncio.Lock()
        self._boxes: set[MontyBox] = set()

    async def open(self, policy: SandboxPolicy) -> "MontyBox":
        """Make a box."""
        async with self._starting:
            if not self._started:
                await self._monty.__aenter__()
                self._started = True
        box = MontyBox(self._monty, policy.bounds)
        self._boxes.add(box)
        return box

    async def close(self) -> None:
        """End the programs under way and all workers."""
        for box in self._boxes:
            await box.close()
        self._boxes.clear()
        if self._started:
            await self._monty.__aexit__(None, None, None)


class MontyBox:
    """Runs each program in a session of its own, so that programs share nothing."""

    def __init__(self, monty: AsyncMonty, bounds: Bounds) -> None:
        """Hold programs to these bounds."""
        self._monty, self._bounds = monty, bounds
        self._running: set[asyncio.Task[Result]] = set()
        self._closed = False

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        """Run a program. One that hangs or takes its worker down is a result too."""
        if self._closed:
            raise ConfigError("the box is closed; open another one")
        program = Program(code, tools=tools, bridge=bridge, bounds=self._bounds)
        task = asyncio.create_task(self._held(program, dict(inputs)))
        self._running.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._closed and task.cancelled():
                return program.ended("killed", why="the box was closed")
            raise
        finally:
            self._running.discard(task)

    async def _held(self, program: Program, inputs: dict[str, JsonValue]) -> Result:
        limits: ResourceLimits = {
            "max_feed_duration_secs": min(self._bounds.wall, self._bounds.cpu),
            "max_total_sleep_secs": self._bounds.wall,
            "max_memory": self._bounds.memory,
            "max_recursion_depth": self._bounds.recursion,
            "max_suspensions": 4 * self._bounds.calls + 1000,
        }
        try:
            async with self._monty.checkout(limits=limits) as session:
                program.began(session.worker_pid, time.monotonic())
                return await program.run(session, inputs)
        except MontyError as error:
            # The worker could not even be taken back, as after a crash.
            return program.failed(error)

    async def put(self, path: str, data: bytes) -> None:
        """Raise `ConfigError`: there are no files."""
        raise ConfigError(f"{_NO_FILES} ({path!r})")

    async def get(self, path: str) -> bytes:
        """Raise `ConfigError`: there are no files."""
        raise ConfigError(f"{_NO_FILES} ({path!r})")

    async def close(self) -> None:
        """Kill the programs under way."""
        self._closed = True
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
