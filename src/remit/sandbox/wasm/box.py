"""A box of the WebAssembly tier: programs one after the other, which share nothing but files."""

import asyncio
from collections.abc import Mapping

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Bridge, Result, Tier
from remit.core.values import JsonValue
from remit.sandbox.wasm.files import Files, RefusedError
from remit.sandbox.wasm.run import Run
from remit.sandbox.wasm.slots import Slots


class WasmBox:
    """Runs each program in an instance of its own."""

    def __init__(self, slots: Slots, bounds: Bounds, files: Files) -> None:
        """Hold programs to these bounds, with these files, in the slots that are free."""
        self._slots, self._bounds, self._files = slots, bounds, files
        self._turn = asyncio.Lock()
        self._run: Run | None = None
        self._closed = False
        self.tier: Tier = "wasm"

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        """Run a program; `inputs` are its first names, `tools` the parameters of the functions it may call, by name."""
        async with self._turn, self._slots.one() as slot:
            if self._closed:
                return Result(status="killed", why="the box is closed")
            self._run = Run(slot, self._bounds, tools, bridge)
            try:
                return await self._run.follow(code, inputs, self._files, self._slots.threads)
            finally:
                self._run = None

    @property
    def closed(self) -> bool:
        """Whether it runs nothing any more."""
        return self._closed

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        """Raise `ConfigError`: programs are not kept, because the same answers make them do the same again."""
        raise ConfigError("the tier 'wasm' keeps no programs: run it again over the answers that it was given")

    async def files(self) -> Mapping[str, int]:
        """List what is below `/scratch`: bytes by path."""
        async with self._turn:
            return self._files.listing()

    async def put(self, path: str, data: bytes) -> None:
        """Write a file that programs find below `/scratch`; raise `ConfigError` when that cannot be."""
        async with self._turn:
            self._check()
            try:
                self._files.put(path, data)
            except RefusedError as error:
                raise ConfigError(f"{path!r} cannot be written: {error}") from None

    async def get(self, path: str) -> bytes:
        """Read a file that programs have written below `/scratch`; raise `ConfigError` when there is none."""
        async with self._turn:
            self._check()
            try:
                return self._files.get(path)
            except RefusedError as error:
                raise ConfigError(f"{path!r} cannot be read: {error}") from None

    def _check(self) -> None:
        if self._closed:
            raise ConfigError("the box is closed; open another one")

    async def close(self) -> None:
        """End the program that runs in it; its files are gone with it."""
        self._closed = True
        if self._run is not None:
            self._run.end("killed", "the box was closed")
        async with self._turn:
            # Whoever closes a box finds nothing of it running.
            self._files = Files(self._bounds, ())
