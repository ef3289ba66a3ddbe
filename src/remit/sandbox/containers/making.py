"""Making the container of a box, and removing it."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

import msgspec

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Mount, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.containers.boot import modules
from remit.sandbox.containers.owner import labels
from remit.sandbox.containers.spec import Wish, container, scratch
from remit.sandbox.inside.keeper import DATA
from remit.sandbox.kept import KeptBox
from remit.sandbox.relay import Channel, Relay
from remit.sandbox.seccomp import bpf, profile

_READY = 60.0
"""Seconds in which a container starts."""


class Attached(Channel, Protocol):
    """The standard streams of a container."""

    complaint: bytearray
    """What it last said that was for nobody, such as why it did not start."""

    async def closed(self) -> None:
        """Wait until this end is closed."""
        ...


class Engine(Protocol):
    """What makes containers."""

    async def facts(self) -> JsonObject:
        """Say what it is: `podman`, its `machine`, and whether it bounds `memory` and `processes`."""
        ...

    async def image(self, name: str) -> bool:
        """Whether it has an image."""
        ...

    async def volume(self, options: str, labels: Mapping[str, str]) -> str:
        """Make a volume in memory with mount options; give its name."""
        ...

    async def start(self, spec: JsonObject) -> tuple[str, Attached]:
        """Make a container, attach to it and start it; give its id."""
        ...

    async def remove(self, container: str) -> None:
        """Remove a container, whatever it does."""
        ...

    async def remove_volume(self, name: str) -> None:
        """Remove a volume."""
        ...

    async def reap(self) -> int:
        """Remove the containers and volumes whose owner is gone; say how many containers."""
        ...

    async def close(self) -> None:
        """Let go of its connections."""
        ...


class Making(msgspec.Struct, frozen=True, kw_only=True):
    """How containers are made."""

    image: str
    runtime: str | None
    facts: JsonObject
    """What the engine says of itself."""


def binds(mounts: Sequence[Mount]) -> tuple[str, ...]:
    """Write mounts as the API wants them; raise `ConfigError` for what is not there, or not below `/data`."""
    found: list[str] = []
    for mount in mounts:
        parts = PurePosixPath(mount.target).parts
        if parts[:2] != ("/", "data") or ".." in parts or len(parts) < 3 or ":" in mount.target:
            raise ConfigError(f"a mount goes below /data, not to {mount.target!r}")
        source = Path(mount.source)
        if not source.exists() or ":" in str(source.resolve()):
            raise ConfigError(f"there is no file or folder {mount.source!r} to mount, or it has a colon in its name")
        wanted = stat.S_IROTH | (stat.S_IXOTH if source.is_dir() else 0)
        if source.stat().st_mode & wanted != wanted:
            raise ConfigError(f"programs in a container are nobody and cannot read {mount.source!r}: `chmod o+rX` it")
        found.append(f"{source.resolve()}:{'/'.join(('', *parts[1:]))}:ro")
    return tuple(sorted(found, key=lambda each: each.split(":")[1]))


@asynccontextmanager
async def _profile(*, by_path: bool) -> AsyncGenerator[str]:
    """Hand over the profile: as text, or as a file that is nowhere on disk."""
    text = msgspec.json.encode(profile())
    if not by_path:
        yield text.decode()
        return
    descriptor = os.memfd_create("profile")
    try:
        os.write(descriptor, text)
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _order(policy: SandboxPolicy) -> JsonObject:
    bounds = policy.bounds
    packages: list[JsonValue] = list(policy.packages)
    return {
        "sites": [],
        "packages": packages,
        "memory": bounds.memory,
        "cpu": bounds.cpu,
        "disk": bounds.disk,
        # The engine counts them: a limit of processes would count those of all boxes, which have the same user.
        "processes": 0,
        "recursion": bounds.recursion,
    }


async def _wait(relay: Relay, attached: Attached, making: Making, policy: SandboxPolicy) -> None:
    """Hand the container what it runs; raise `ConfigError` with what it complains of when it does not start."""
    packages: list[JsonValue] = list(policy.packages)
    order: JsonObject = {
        "disk": policy.bounds.disk,
        "packages": packages,
        "filter": bpf(str(making.facts["machine"]), starting=False).hex(),
    }
    try:
        async with asyncio.timeout(_READY):
            await attached.write(modules())
            await relay.send(DATA, msgspec.json.encode(order))
            await relay.ready()
    except (OSError, TimeoutError) as error:
        said = attached.complaint.decode("utf-8", "replace").strip()[-500:]
        raise ConfigError(f"the container did not start: {said or error or 'it says nothing'}") from error


async def opened(engine: Engine, making: Making, policy: SandboxPolicy, mounts: tuple[str, ...]) -> KeptBox:
    """Make a box; raise `ConfigError` or `OSError` with what the engine refused."""
    bounds, podman = policy.bounds, bool(making.facts["podman"])
    # Podman lets nobody cap the files of a file system in memory, unless as a volume.
    volume = await engine.volume(scratch(bounds), labels()) if podman else None
    made: list[str] = []

    async def leave() -> None:
        for each in made:
            await engine.remove(each)
        if volume is not None:
            await engine.remove_volume(volume)

    try:
        async with _profile(by_path=podman) as text:
            wish = _wish(making, bounds, text, mounts, volume)
            name, attached = await engine.start(container(wish))
        made.append(name)
        relay = Relay(attached, bounds)
        try:
            await _wait(relay, attached, making, policy)
        except BaseException:
            await relay.close()
            await attached.closed()
            raise
    except BaseException:
        await leave()
        raise

    async def let_go() -> None:
        await attached.closed()
        await leave()

    return KeptBox("container", relay, bounds, _order(policy), let_go)


def _wish(making: Making, bounds: Bounds, text: str, mounts: tuple[str, ...], volume: str | None) -> Wish:
    return Wish(
        image=making.image,
        runtime=making.runtime,
        profile=text,
        bounds=bounds,
        binds=mounts,
        volume=volume,
        processes=bool(making.facts["processes"]),
    )
