"""A box of the native tier: programs one after the other, which share `/scratch` and nothing else."""

import asyncio
from collections.abc import Mapping
from typing import cast

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Bridge, Result, Tier
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.native.link import Link
from remit.sandbox.native.run import Run

_CLOSING = 5.0


class NativeBox:
    """Processes in namespaces of their own, or at the lowest level under Landlock alone."""

    def __init__(self, control: Link, bounds: Bounds, *, files: bool) -> None:
        """Run programs through the keeper behind `control`; without `files` there is no `/scratch`."""
        self._control, self._bounds, self._files = control, bounds, files
        self._turn = asyncio.Lock()
        self._usable = True
        self.tier: Tier = "native"

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        """Run a program; `inputs` are its first names, `tools` the parameters of the functions it may call, by name."""
        async with self._turn:
            if not self._usable:
                return Result(status="killed", why="the box is closed or was killed")
            run = Run(self._control, self._bounds, tools, bridge)
            try:
                return await run.follow(code, inputs)
            finally:
                if not run.intact:
                    # Whoever keeps the box sees its link close, and ends everything in it.
                    self._abandon()

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        """Raise `ConfigError`: processes are not kept; run the program again over the answers of its calls."""
        raise ConfigError("the tier 'native' keeps no programs: run it again over the answers that it was given")

    async def put(self, path: str, data: bytes) -> None:
        """Write a file that programs find below `/scratch`; raise `ConfigError` when the path leads elsewhere."""
        if len(data) > self._bounds.disk:
            raise ConfigError(f"{path!r} is larger than the {self._bounds.disk:,} bytes of the disk")
        await self._file({"op": "put", "path": path, "size": len(data)}, data)

    async def get(self, path: str) -> bytes:
        """Read a file of `/scratch`; raise `ConfigError` when there is none or the path leads elsewhere."""
        return await self._file({"op": "get", "path": path})

    async def _file(self, order: JsonObject, data: bytes = b"") -> bytes:
        async with self._turn:
            if not self._files:
                raise ConfigError("without namespaces the native sandbox has no files: allow user namespaces")
            answer = await self._ask(order, data) if self._usable else None
            if answer is None:
                raise ConfigError("the box is closed or was killed")
            if answer["op"] == "failed":
                raise ConfigError(str(answer["why"]))
            size = cast("int", answer["size"])
            content = await self._control.read(size)
            if len(content) < size:
                raise ConfigError("the box was killed")
            return content

    async def _ask(self, order: JsonObject, data: bytes) -> JsonObject | None:
        asked = False
        try:
            await self._control.send(order, data)
            answer = await self._control.receive()
            asked = answer is not None
            return answer
        except OSError:
            return None
        finally:
            if not asked:
                self._abandon()

    async def close(self) -> None:
        """End everything in the box; its files are gone with it."""
        async with self._turn:
            if self._usable:
                try:
                    async with asyncio.timeout(_CLOSING):
                        await self._ask({"op": "close"}, b"")
                        # The keeper's last descriptor closes when the keeper is gone.
                        await self._control.read(1)
                except TimeoutError:
                    pass
                self._abandon()

    def _abandon(self) -> None:
        self._usable = False
        self._control.close()
