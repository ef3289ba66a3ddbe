"""The driver of the container tier: finds an engine, finds out what it can give, opens boxes and removes leftovers."""

import asyncio
import importlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, cast

from remit.core.errors import ConfigError
from remit.core.programs import TIERS, Capabilities, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.containers.making import Engine, Making, binds, opened
from remit.sandbox.kept import KeptBox

INSTALL = "pip install 'remit[containers]'"
IMAGE = "docker.io/library/python:3.13-slim"
_ENGINE = "install Docker or podman and start its API (such as `systemctl start podman.socket`), or give `host`"


class _Engines(Protocol):
    def Engine(self, host: str) -> Engine: ...  # noqa: N802 - the class of that name


async def _none(_tool: str, _arguments: JsonObject) -> JsonValue:
    return None


def engine_host(host: str | None = None) -> str:
    """Find the engine: as given, by `DOCKER_HOST`, or at the usual places; raise `ConfigError` when there is none."""
    if host or os.environ.get("DOCKER_HOST"):
        return host or os.environ["DOCKER_HOST"]
    run = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    docker = ("/var/run/docker.sock", f"{run}/docker.sock", str(Path.home() / ".docker/run/docker.sock"))
    for path in (*docker, "/run/podman/podman.sock", f"{run}/podman/podman.sock"):
        if Path(path).is_socket():
            return f"unix://{path}"
    raise ConfigError(f"no engine of containers was found: {_ENGINE}")


class ContainerSandbox:
    """Runs programs in containers: no network, no rights, a read-only root, our own profile of system calls."""

    def __init__(
        self,
        *,
        image: str = IMAGE,
        host: str | None = None,
        runtime: str | None = None,
        packages: tuple[str, ...] = (),
    ) -> None:
        """Make containers of an image that is there and has `python3` (3.10 or newer) with these packages.

        `host` is the engine's URL; `runtime` one of its runtimes, such as `runsc`.
        """
        self._image, self._host, self._runtime, self._packages = image, host, runtime, packages
        self._known: Capabilities | None = None
        self._running: tuple[Engine, Making] | None = None
        self._reaped = False
        self._starting = asyncio.Lock()
        self._boxes: list[KeptBox] = []

    def capabilities(self) -> Capabilities:
        """Say what this machine can give, as found by running a program once."""
        if self._known is None:
            # In a thread, because there may be a loop here already.
            with ThreadPoolExecutor(1) as thread:
                self._known = thread.submit(asyncio.run, self._try()).result()
        return self._known

    async def _try(self) -> Capabilities:
        """Run a program in a container of a connection of its own."""
        try:
            engine, making = await self._connected()
        except (ConfigError, OSError) as error:
            return Capabilities(tier="container", available=False, missing=(str(error),))
        try:
            box = await opened(engine, making, SandboxPolicy(packages=self._packages), ())
            try:
                result = await box.run("20 + 22", inputs={}, tools={}, bridge=_none)
            finally:
                await box.close()
            why_not = "" if result.value == 42 else f"no program runs: {result.status}: {result.why or result.error}"
        except (ConfigError, OSError) as error:
            why_not = str(error)
        finally:
            await engine.close()
        if why_not:
            return Capabilities(tier="container", available=False, missing=(why_not,))
        lacks = [name for name in ("memory", "processes") if not making.facts[name]]
        return Capabilities(
            tier="container",
            available=True,
            level=f"without bounds of {' and '.join(lacks)} by the engine" if lacks else "full",
            missing=tuple(f"cgroup: the engine does not bound {name} here; enable its controllers" for name in lacks),
            packages=self._packages,
        )

    async def _connected(self) -> tuple[Engine, Making]:
        """Connect to the engine; raise `ConfigError` or `OSError` saying what to install or start."""
        host = engine_host(self._host)
        try:
            engines = cast("_Engines", importlib.import_module("remit.sandbox.containers.engine"))
        except ImportError as error:
            raise ConfigError(f"the client of container engines is not installed ({error}): {INSTALL}") from error
        engine = engines.Engine(host)
        try:
            making = Making(image=self._image, runtime=self._runtime, facts=await engine.facts())
            there = await engine.image(self._image)
        except BaseException:
            await engine.close()
            raise
        if not there:
            await engine.close()
            raise ConfigError(f"the engine has no image {self._image!r}: pull it, or give `image`")
        return engine, making

    async def open(self, policy: SandboxPolicy) -> KeptBox:
        """Make a box; raise `ConfigError` when the machine or the tier is below the policy, or it lacks something."""
        if TIERS.index(policy.least) > TIERS.index("container"):
            would = ", ".join(TIERS[TIERS.index(policy.least) :])
            raise ConfigError(f"the policy wants {policy.least!r} at least, which is above 'container'; use: {would}")
        lacks = sorted(set(policy.packages) - set(self._packages))
        if lacks:
            raise ConfigError(
                f"the image is not said to have {', '.join(lacks)}: use one that has, and name `packages`"
            )
        mounts = binds(policy.mounts)
        known = self._known or await asyncio.to_thread(self.capabilities)
        if not known.available:
            raise ConfigError("this machine cannot run the container sandbox: " + "; ".join(known.missing))
        try:
            engine, making = await self._started()
            if not self._reaped:
                self._reaped = True
                await engine.reap()
            box = await opened(engine, making, policy, mounts)
        except OSError as error:
            raise ConfigError(f"no box of the container sandbox: {error}") from error
        self._boxes = [each for each in self._boxes if not each.closed] + [box]
        return box

    async def _started(self) -> tuple[Engine, Making]:
        async with self._starting:
            if self._running is None:
                self._running = await self._connected()
            return self._running

    async def reap(self) -> int:
        """Remove the containers that dead processes of this machine have left; say how many there were."""
        try:
            engine, _making = await self._started()
            return await engine.reap()
        except OSError as error:
            raise ConfigError(str(error)) from error

    async def close(self) -> None:
        """End every box and let go of the engine."""
        boxes, self._boxes = self._boxes, []
        await asyncio.gather(*(box.close() for box in boxes))
        running, self._running = self._running, None
        if running is not None:
            await running[0].close()
