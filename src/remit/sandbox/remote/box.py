"""A box of the service's: one machine, in which programs are processes one after the other."""

import asyncio
import base64
import secrets
from collections.abc import Mapping

import msgspec

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Bridge, Result, Tier
from remit.core.values import JsonValue
from remit.sandbox.remote import cells
from remit.sandbox.remote.run import Place, Run
from remit.sandbox.remote.service import Remote, Service

_SPARE = 120.0
"""Seconds that a machine lives longer than its program may."""


class RemoteBox:
    """A machine that the service keeps for us; programs in it share files, and whatever they leave running."""

    def __init__(self, service: Service, remote: Remote, bounds: Bounds, place: Place) -> None:
        """Use this machine, and end it when the box is closed."""
        self._service, self._remote, self._bounds, self._place = service, remote, bounds, place
        self._turn = asyncio.Lock()
        self._usable = True
        self.tier: Tier = "microvm"

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        """Run a program; `inputs` are its first names, `tools` the parameters of the functions it may call, by name."""
        async with self._turn:
            if not self._usable:
                return Result(status="killed", why="the box is closed or its machine is gone")
            run = Run(self._service, self._remote, self._bounds, tools, bridge)
            try:
                await self._service.prolong(self._remote, self._bounds.wall + _SPARE)
                return await run.follow(code, inputs, self._place)
            except (OSError, ConfigError) as error:
                return Result(status="killed", why=str(error))
            finally:
                if not run.intact:
                    # Nobody knows what still runs in it.
                    await self._abandon()

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        """Raise `ConfigError`: programs are not kept; run it again over the answers of its calls."""
        raise ConfigError("remote machines keep no programs: run it again over the answers that it was given")

    async def files(self) -> Mapping[str, int]:
        """List what is below `/scratch`: bytes by path, as the machine says."""
        word = secrets.token_hex(16)
        cell = cells.written({"word": word, "scratch": self._place.scratch})
        said = ""
        async with self._turn:
            self._check()
            try:
                async with self._service.cell(self._remote, cell) as sentences:
                    async for sentence in sentences:
                        said += str(sentence.get("text", "")) if sentence.get("type") == "stdout" else ""
                        if len(said) > self._bounds.files * 1000 + 10_000:
                            raise ConfigError("the machine lists more files than the bounds allow")
            except OSError as error:
                raise ConfigError(f"the files cannot be listed: {error}") from error
        _, _, coded = said.strip().partition(f"{word} L ")
        try:
            found = msgspec.json.decode(base64.b64decode(coded), type=dict[str, int])
        except (msgspec.DecodeError, ValueError) as error:
            raise ConfigError("the machine did not list its files") from error
        return found

    async def put(self, path: str, data: bytes) -> None:
        """Write a file that programs find below `/scratch`; raise `ConfigError` when it leads elsewhere."""
        if len(data) > self._bounds.disk:
            raise ConfigError(f"{path!r} is larger than the {self._bounds.disk:,} bytes of the disk")
        async with self._turn:
            self._check()
            try:
                await self._service.put(self._remote, self._path(path), data)
            except OSError as error:
                raise ConfigError(f"{path!r} cannot be written: {error}") from error

    async def get(self, path: str) -> bytes:
        """Read a file of `/scratch`, or what a link there leads to in the machine; raise `ConfigError`."""
        async with self._turn:
            self._check()
            try:
                return await self._service.get(self._remote, self._path(path), self._bounds.disk)
            except OSError as error:
                raise ConfigError(f"{path!r} cannot be read: {error}") from error

    def _check(self) -> None:
        if not self._usable:
            raise ConfigError("the box is closed or its machine is gone")

    def _path(self, path: str) -> str:
        parts = path.removeprefix("/scratch/").split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise ConfigError(f"{path!r} is not a plain path below /scratch")
        return "/".join((self._place.scratch, *parts))

    async def close(self) -> None:
        """End the machine; its files are gone with it."""
        async with self._turn:
            await self._abandon()

    async def _abandon(self) -> None:
        if self._usable:
            self._usable = False
            try:
                await self._service.end(self._remote)
            except (OSError, ConfigError):
                # The service ends it by itself when its time is over.
                return
