"""Engine: the part of the Docker API that boxes need, spoken by aiodocker. The only module that imports it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, cast

import aiohttp
from aiodocker import Docker, DockerError
from aiodocker.stream import Stream

from remit.core.values import JsonObject, JsonValue
from remit.sandbox.containers.owner import LABEL, orphaned

_TIMEOUT = 60.0
_PAUSE = 0.05
_NONE = 404
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_HEARD = 2000
"""Bytes of what a container says to nobody that are kept, to tell what went wrong."""


class _Container(Protocol):
    """The library says too little about its types; this is what is used of it."""

    @property
    def id(self) -> str: ...

    def __getitem__(self, key: str) -> JsonValue: ...

    def attach(self, *, stdin: bool, stdout: bool, stderr: bool) -> Stream: ...

    async def start(self) -> None: ...

    async def show(self) -> JsonObject: ...

    async def delete(self, *, force: bool, v: bool) -> None: ...


class _Containers(Protocol):
    async def create(self, config: JsonObject) -> _Container: ...

    async def list(self, **query: str | bool) -> list[_Container]: ...

    def container(self, container_id: str) -> _Container: ...


class _Volume(Protocol):
    name: str

    async def delete(self) -> None: ...


class _Volumes(Protocol):
    async def create(self, config: JsonObject) -> _Volume: ...

    async def get(self, id: str) -> _Volume: ...  # noqa: A002 - as the library names it

    async def list(self, *, filters: Mapping[str, Sequence[str]]) -> JsonObject: ...


class _Images(Protocol):
    async def inspect(self, name: str) -> JsonObject: ...


class _System(Protocol):
    async def info(self) -> JsonObject: ...


class _Docker(Protocol):
    containers: _Containers
    volumes: _Volumes
    images: _Images
    system: _System

    async def version(self) -> JsonObject: ...

    async def close(self) -> None: ...


class EngineError(OSError):
    """The engine refused or broke off."""


@asynccontextmanager
async def _told(what: str) -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout(_TIMEOUT):
            yield
    except (DockerError, aiohttp.ClientError, TimeoutError) as error:
        raise EngineError(f"{what}: {error or type(error).__name__}") from error


class Attached:
    """The standard streams of a container, as a channel."""

    def __init__(self, stream: Stream) -> None:
        """Take over the stream."""
        self._stream, self._heard = stream, bytearray()
        self._closing: asyncio.Task[None] | None = None
        self.complaint = bytearray()

    async def read(self, count: int) -> bytes:
        """Read so many bytes, or fewer when the container is gone."""
        while len(self._heard) < count:
            try:
                message = await self._stream.read_out()
            except (aiohttp.ClientError, DockerError, OSError):
                message = None
            if message is None:
                break
            if message.stream == 1:
                self._heard += message.data
            else:
                self.complaint = (self.complaint + message.data)[-_HEARD:]
        data = bytes(self._heard[:count])
        del self._heard[:count]
        return data

    async def write(self, data: bytes) -> None:
        """Write all of it; raise `OSError` when nobody is there."""
        try:
            await self._stream.write_in(data)
        except (aiohttp.ClientError, DockerError, RuntimeError, AssertionError) as error:
            raise EngineError(f"the container does not listen: {error}") from error

    def close(self) -> None:
        """Close this end; the container's first process sees that and ends."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())

    async def _close(self) -> None:
        with contextlib.suppress(AssertionError, OSError, aiohttp.ClientError):
            await self._stream.close()

    async def closed(self) -> None:
        """Wait until this end is closed."""
        self.close()
        if self._closing is not None:
            await self._closing


class Engine:
    """One engine: Docker, podman, or what speaks as they do."""

    def __init__(self, host: str) -> None:
        """Speak to the engine at a URL such as `unix:///var/run/docker.sock`."""
        try:
            self._docker = cast("_Docker", Docker(url=host))
        except ValueError as error:
            raise EngineError(f"{host!r} is no URL of an engine: {error}") from error

    async def facts(self) -> JsonObject:
        """Say what it is: `podman`, its `machine`, and whether it bounds `memory` and `processes`."""
        async with _told("the engine does not answer"):
            version = await self._docker.version()
            info = await self._docker.system.info()
        return {
            "machine": _MACHINES.get(str(version.get("Arch")), str(version.get("Arch"))),
            "podman": "podman" in json.dumps(version.get("Components")).lower(),
            "memory": bool(info.get("MemoryLimit")),
            "processes": bool(info.get("PidsLimit")),
        }

    async def image(self, name: str) -> bool:
        """Whether it has an image."""
        try:
            async with _told("the engine does not answer"):
                await self._docker.images.inspect(name)
        except EngineError as error:
            if isinstance(error.__cause__, DockerError) and error.__cause__.status == _NONE:
                return False
            raise
        return True

    async def volume(self, options: str, labels: Mapping[str, str]) -> str:
        """Make a volume in memory with mount options; give its name."""
        driver: JsonObject = {"type": "tmpfs", "device": "tmpfs", "o": options}
        config: JsonObject = {"Driver": "local", "DriverOpts": driver, "Labels": {**labels}}
        async with _told("no volume for /scratch"):
            volume = await self._docker.volumes.create(config)
        return volume.name

    async def start(self, spec: JsonObject) -> tuple[str, Attached]:
        """Make a container, attach to it and start it; give its id."""
        async with _told("no container"):
            container = await self._docker.containers.create(spec)
        attached = Attached(container.attach(stdin=True, stdout=True, stderr=True))
        try:
            await _same_runtime(container, spec)
            async with _told("the container does not start"):
                # Attached first: what it says before would be lost.
                await attached.write(b"")
                await container.start()
        except BaseException:
            await attached.closed()
            await self.remove(container.id)
            raise
        return container.id, attached

    async def remove(self, container: str) -> None:
        """Remove a container, whatever it does, and wait until it is gone."""
        async with _told("the container cannot be removed"):
            while True:
                try:
                    await self._docker.containers.container(container).delete(force=True, v=True)
                except DockerError as error:
                    if error.status == _NONE:
                        return
                    # It is just ending, or being removed because it has ended.
                    await asyncio.sleep(_PAUSE)

    async def remove_volume(self, name: str) -> None:
        """Remove a volume."""
        with contextlib.suppress(EngineError):
            async with _told("the volume cannot be removed"):
                volume = await self._docker.volumes.get(name)
                await volume.delete()

    async def reap(self) -> int:
        """Remove the containers and volumes whose owner is gone; say how many containers."""
        filters = json.dumps({"label": [LABEL]})
        async with _told("the engine lists no containers"):
            found = await self._docker.containers.list(all=True, filters=filters)
        orphans = [each for each in found if orphaned(_labels(each))]
        for each in orphans:
            await self.remove(each.id)
        async with _told("the engine lists no volumes"):
            listed = await self._docker.volumes.list(filters={"label": [LABEL]})
        for volume in cast("list[JsonObject]", listed.get("Volumes") or []):
            if orphaned(cast("dict[str, str]", volume.get("Labels") or {})):
                await self.remove_volume(str(volume["Name"]))
        return len(orphans)

    async def close(self) -> None:
        """Let go of its connections."""
        await self._docker.close()


async def _same_runtime(container: _Container, spec: JsonObject) -> None:
    """Raise `EngineError` when a runtime was asked for and the engine takes another."""
    wanted = cast("JsonObject", spec["HostConfig"]).get("Runtime")
    if wanted is not None:
        async with _told("the container is not told"):
            made = cast("JsonObject", (await container.show())["HostConfig"]).get("Runtime")
        if made != wanted:
            raise EngineError(f"the engine takes the runtime {made!r}, not {wanted!r}: start its service with that one")


def _labels(container: _Container) -> dict[str, str]:
    return cast("dict[str, str]", container["Labels"] or {})
