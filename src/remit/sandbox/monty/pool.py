"""Pool: workers that interpret programs, and boxes over them. The only module that starts Monty."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from pydantic_monty import Monty, MontyError, OSPolicy, ResourceLimits, __version__

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Bridge, Result, SandboxPolicy, Tier
from remit.core.values import JsonValue
from remit.sandbox.monty.kept import unsealed
from remit.sandbox.monty.mounts import Mounts
from remit.sandbox.monty.program import Program
from remit.sandbox.monty.turns import Turns

_NO_FILES = "the tier 'interpreter' has no files to write: give data as `inputs` or mounts, or use 'native' or stronger"
_SAME_AGAIN: OSPolicy = {
    "datetime": "call_host",
    "sleep": "call_host",
    "timezone": "utc",
    "process_time": "zero",
    "random_start": {"seed": "remit"},
}


def trial() -> str:
    """Run a program; say what went wrong, or nothing."""
    try:
        with Monty(min_processes=1, max_processes=1) as pool, pool.checkout() as session:
            answer = session.feed_run("6 * 7")
    except (MontyError, OSError, RuntimeError) as error:
        return f"the interpreter does not start: {error}"
    return "" if answer == 42 else f"the interpreter says that 6 * 7 is {answer!r}"


class InterpreterPool:
    """The workers that boxes share, each with a thread here that takes its turns: cheaper than its own async side."""

    def __init__(self, workers: int, waiting: int, key: bytes) -> None:
        """Start none yet; so many programs run at once, and so many more may wait for their tools."""
        most = workers + waiting
        self._monty = Monty(max_processes=most)
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="remit-interpreter")
        self._places, self._free = asyncio.Semaphore(most), asyncio.Semaphore(workers)
        self._key = key
        self._started = False
        self._starting = asyncio.Lock()
        self._boxes: set[MontyBox] = set()

    async def open(self, policy: SandboxPolicy) -> "MontyBox":
        """Make a box."""
        async with self._starting:
            if not self._started:
                await asyncio.to_thread(self._monty.__enter__)
                self._started = True
        mounts = await asyncio.to_thread(Mounts, policy.mounts, policy.bounds.memory)
        box = MontyBox(self, policy.bounds, mounts)
        self._boxes.add(box)
        return box

    @property
    def key(self) -> bytes:
        """With which kept programs are sealed."""
        return self._key

    async def hold(self, bounds: Bounds, drive: Callable[[Turns], Awaitable[Result]]) -> Result:
        """Give a worker to a program until it ends."""
        limits: ResourceLimits = {
            "max_feed_duration_secs": min(bounds.wall, bounds.cpu),
            "max_memory": bounds.memory,
            "max_recursion_depth": bounds.recursion,
            "max_suspensions": 4 * bounds.calls + 10_000,
        }
        async with self._places:
            session = self._monty.checkout(limits=limits, os_policy=_SAME_AGAIN)
            return await drive(Turns(session, self._threads, self._free))

    def forget(self, box: "MontyBox") -> None:
        """Drop a box that was closed."""
        self._boxes.discard(box)

    async def close(self) -> None:
        """End the programs under way and all workers."""
        for box in list(self._boxes):
            await box.close()
        if self._started:
            await asyncio.to_thread(self._monty.__exit__, None, None, None)
        self._threads.shutdown()


class MontyBox:
    """Runs each program in a session of its own, so that programs share nothing."""

    def __init__(self, pool: InterpreterPool, bounds: Bounds, mounts: Mounts) -> None:
        """Hold programs to these bounds."""
        self.tier: Tier = "interpreter"
        self._pool, self._bounds, self._mounts = pool, bounds, mounts
        self._running: set[asyncio.Task[Result]] = set()
        self._closed = False

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        """Run a program. One that hangs or takes its worker down is a result too."""
        self._check()
        program = Program(code, tools=tools, bridge=bridge, bounds=self._bounds, key=self._pool.key)
        given = dict(inputs)
        return await self._held(lambda turns: program.run(turns, given, self._mounts.opened))

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        """Go on with a program; calls and output count on, its time begins anew, mounts are those of this box.

        Raise `ConfigError` when it is damaged, or was kept by another version: then it must run again.
        """
        self._check()
        found = unsealed(kept, self._pool.key, __version__)
        program = Program(found.code, tools=tools, bridge=bridge, bounds=self._bounds, key=self._pool.key)
        return await self._held(lambda turns: program.resume(turns, found, self._mounts.opened))

    def _check(self) -> None:
        if self._closed:
            raise ConfigError("the box is closed; open another one")

    async def _held(self, drive: Callable[[Turns], Awaitable[Result]]) -> Result:
        task = asyncio.create_task(self._pool.hold(self._bounds, drive))
        self._running.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._closed and task.cancelled():
                return Result(status="killed", why="the box was closed")
            raise
        finally:
            self._running.discard(task)

    async def files(self) -> Mapping[str, int]:
        """List nothing: there are no files."""
        return {}

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
        self._mounts.close()
        self._pool.forget(self)
