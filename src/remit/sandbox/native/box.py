"""A box of the native tier: programs one after the other, which share `/scratch` and nothing else."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import cast

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Bridge, Result, Tier
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.native.control import Control
from remit.sandbox.native.run import Run

_CLOSING = 5.0
_KILLED = Result(status="killed", why="the box is closed or was killed")


class NativeBox:
    """Processes in namespaces of their own, or at the lowest level under Landlock alone."""

    def __init__(self, control: Control, bounds: Bounds, *, files: bool) -> None:
        """Run programs through the keeper behind `control`; without `files` there is no `/scratch`."""
        self._control, self._bounds, self._files = control, bounds, files
        self._turn = asyncio.Lock()
        self._run: Run | None = None
        self._usable, self._closed = True, False
        self.tier: Tier = "native"

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        """Run a program; `inputs` are its first names, `tools` the parameters of the functions it may call, by name."""
        async with self._turn:
            if not self._usable or self._closed:
                return _KILLED
            try:
                worker = self._control.take()
            except OSError:
                self._abandon()
                return _KILLED
            run = self._run = Run(self._control, worker, self._bounds)
            try:
                await run.begin(code, inputs, tools)
                with contextlib.suppress(OSError):
                    self._control.advance()
                return await run.finish(tools, bridge)
            finally:
                self._run = None
                worker.close()
                if not run.intact:
                    self._abandon()

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        """Raise `ConfigError`: processes are not kept; run the program again over the answers of its calls."""
        raise ConfigError("the tier 'native' keeps no programs: run it again over the answers that it was given")

    async def files(self) -> Mapping[str, int]:
        """List the files below `/scratch`, 10,000 at most: bytes by path; the names are the program's."""
        if not self._files:
            return {}
        listed = json.loads(await self._file({"op": "list"}, b"", "/scratch"))
        return cast("dict[str, int]", listed)

    async def put(self, path: str, data: bytes) -> None:
        """Write a file that programs find below `/scratch`; raise `ConfigError` when the path leads elsewhere."""
        if len(data) > self._bounds.disk:
            raise ConfigError(f"{path!r} is larger than the {self._bounds.disk:,} bytes of the disk")
        await self._file({"op": "put", "path": path, "size": len(data)}, data, path)

    async def get(self, path: str) -> bytes:
        """Read a file of `/scratch`; raise `ConfigError` when there is none or the path leads elsewhere."""
        return await self._file({"op": "get", "path": path}, b"", path)

    async def _file(self, order: JsonObject, data: bytes, path: str) -> bytes:
        async with self._turn:
            if not self._files:
                raise ConfigError(
                    f"without namespaces there is no {path!r} in the native sandbox: allow user namespaces"
                )
            asked = False
            try:
                answer = await self._control.ask(order, data) if self._usable else None
                if answer is None:
                    raise ConfigError("the box is closed or was killed")
                content = b"" if answer["op"] == "failed" else await self._control.content(answer)
                asked = True
            except OSError as error:
                raise ConfigError("the box was killed") from error
            finally:
                # Half an answer would be taken for the next.
                if not asked:
                    self._abandon()
            if answer["op"] == "failed":
                raise ConfigError(str(answer["why"]))
            return content

    async def close(self) -> None:
        """End everything in the box, the program that runs too; its files are gone with it."""
        self._closed = True
        if self._run is not None:
            await self._run.stop("killed", "the box was closed")
        async with self._turn:
            if self._usable:
                try:
                    async with asyncio.timeout(_CLOSING):
                        await self._control.end()
                except (TimeoutError, OSError):
                    # Closing our end says the same.
                    self._usable = False
                finally:
                    self._abandon()

    def _abandon(self) -> None:
        self._usable = False
        self._control.close()
