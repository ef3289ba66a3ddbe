"""A box of machines: each program gets one that never ran anything; they share only the files that the box keeps."""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Bridge, Result, Tier
from remit.core.values import JsonValue
from remit.sandbox.inside.framing import pack
from remit.sandbox.microvm.files import SCRATCH, below_scratch
from remit.sandbox.microvm.machine import Machine
from remit.sandbox.microvm.run import Run


class MicrovmBox:
    """Machines one after the other; the first one is made ready at once."""

    def __init__(self, make: Callable[[], Machine], bounds: Bounds, data: Mapping[str, bytes]) -> None:
        """Make machines with `make`, each with the files of `data` by their path; raise `OSError` when it cannot."""
        self._make, self._bounds, self._data = make, bounds, data
        self._files: dict[str, bytes] = {}
        self._turn = asyncio.Lock()
        self._closed = False
        self._ready: Machine | None = make()
        self._running: Machine | None = None
        self.tier: Tier = "microvm"

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        """Run a program; `inputs` are its first names, `tools` the parameters of the functions it may call, by name.

        What a program that had to be ended wrote is lost with its machine.
        """
        async with self._turn:
            if self._closed:
                return Result(status="killed", why="the box is closed")
            order = self._order(code, inputs, tools)
            machine, self._ready = self._ready or self._make(), None
            self._running = machine
            run = Run(machine, self._bounds, tools, bridge)
            try:
                result = await run.follow(order)
            finally:
                self._running = None
            if run.files is not None:
                self._files = run.files
            return result

    def _order(self, code: str, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]]) -> bytes:
        bounds = self._bounds
        put = {f"{SCRATCH}/{path}": content for path, content in self._files.items()}
        order: dict[str, object] = {
            "code": code,
            "inputs": dict(inputs),
            "tools": {name: list(parameters) for name, parameters in tools.items()},
            "memory": bounds.memory,
            "cpu": bounds.cpu,
            "disk": bounds.disk,
            "files": bounds.files,
            "processes": bounds.processes,
            "recursion": bounds.recursion,
            # A copy of a machine has the clock and the chance of the one it was copied from.
            "now": time.time(),
            "seed": secrets.token_hex(64),
            "data": [(path, len(content)) for path, content in self._data.items()],
            "put": [(path, len(content)) for path, content in put.items()],
        }
        return b"".join((pack(order), *self._data.values(), *put.values()))

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        """Raise `ConfigError`: machines are not kept; run the program again over the answers of its calls."""
        raise ConfigError("the tier 'microvm' keeps no programs: run it again over the answers that it was given")

    async def files(self) -> Mapping[str, int]:
        """List what is below `/scratch`: bytes by path."""
        async with self._turn:
            return {path: len(content) for path, content in self._files.items()}

    async def put(self, path: str, data: bytes) -> None:
        """Write a file that programs find below `/scratch`; raise `ConfigError` when that cannot be."""
        async with self._turn:
            name = below_scratch(path)
            kept = {other: content for other, content in self._files.items() if other != name}
            if sum(map(len, kept.values())) + len(data) > self._bounds.disk:
                raise ConfigError(f"with {path!r} there are more than the {self._bounds.disk:,} bytes of the disk")
            if len(kept) >= self._bounds.files:
                raise ConfigError(f"with {path!r} there are more than {self._bounds.files:,} files")
            if any(other.startswith(f"{name}/") or name.startswith(f"{other}/") for other in kept):
                raise ConfigError(f"{path!r} would be a file and a folder")
            self._files = {**kept, name: data}

    async def get(self, path: str) -> bytes:
        """Read a file of `/scratch`; raise `ConfigError` when there is none."""
        async with self._turn:
            found = self._files.get(below_scratch(path))
            if found is None:
                raise ConfigError(f"there is no file {path!r}")
            return found

    async def close(self) -> None:
        """End its machines, also one that runs; its files are gone with it."""
        self._closed = True
        if self._running is not None:
            self._running.end()
        async with self._turn:
            ready, self._ready = self._ready, None
            if ready is not None:
                await ready.close()
            self._files = {}
