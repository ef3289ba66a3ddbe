"""The driver of the native tier: finds out what the machine allows, keeps a zygote and boxes in advance."""

import asyncio
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from remit.core.errors import ConfigError
from remit.core.programs import TIERS, Bounds, Capabilities, Mount, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.native.box import NativeBox
from remit.sandbox.native.link import Link
from remit.sandbox.native.zygotes import Zygote, start

Level = Literal["without cgroup", "landlock only"]
"""How far of the tier a machine allows."""

_NO_CGROUP = (
    "cgroup: this driver makes none; memory is bounded as address space of the program and threads by a limit of the "
    "process, and memory of the kernel's (pipes, sockets) only by the number of descriptors"
)
_NO_LANDLOCK = "Landlock: the kernel has none (5.13 or newer with `landlock` in its `lsm=`); namespaces hold alone"
_ALONE = (
    "mounts, threads and /scratch, which need namespaces",
    "names, sizes and times of files outside can be asked for, their contents cannot",
)
_READY = 30.0


async def _none(_tool: str, _arguments: JsonObject) -> JsonValue:
    return None


async def _ready(link: Link) -> None:
    """Wait until a box is set up; raise `ConfigError` with what the machine forbade."""
    why = "it was killed"
    try:
        async with asyncio.timeout(_READY):
            answer = await link.receive()
        if answer is not None and answer["op"] == "ready":
            return
        why = str(answer["why"]) if answer else why
    except TimeoutError:
        why = "it did not start"
    except BaseException:
        link.close()
        raise
    link.close()
    raise ConfigError(f"no box of the native sandbox: {why}")


async def _attempt(zygote: Zygote, *, namespaces: bool) -> str:
    """Run a program at a level; say why that did not work, or nothing."""
    try:
        link = zygote.order(Bounds(), (), namespaces=namespaces)
        await _ready(link)
    except (ConfigError, OSError) as error:
        return str(error)
    box = NativeBox(link, Bounds(), files=namespaces)
    try:
        result = await box.run("20 + 22", inputs={}, tools={}, bridge=_none)
    finally:
        await box.close()
    return "" if result.value == 42 else f"{result.status} {result.why}: {result.printed.strip()}"


async def _probe(packages: tuple[str, ...], forced: Level | None) -> Capabilities:
    zygote = await start(packages)
    try:
        why_not = "not tried" if forced == "landlock only" else await _attempt(zygote, namespaces=True)
        if not why_not:
            missing = (_NO_CGROUP,) if zygote.landlock else (_NO_CGROUP, _NO_LANDLOCK)
            return Capabilities(
                tier="native", available=True, level="without cgroup", missing=missing, packages=zygote.packages
            )
        lacks = f"namespaces: {why_not}; allow unprivileged user namespaces (`user.max_user_namespaces`, AppArmor)"
        if not zygote.landlock:
            return Capabilities(tier="native", available=False, missing=(lacks, _NO_LANDLOCK))
        why_not = "only namespaces were asked for" if forced else await _attempt(zygote, namespaces=False)
        if forced == "landlock only":
            why_not = await _attempt(zygote, namespaces=False)
        if why_not:
            return Capabilities(tier="native", available=False, missing=(lacks, f"Landlock and seccomp: {why_not}"))
        return Capabilities(
            tier="native",
            available=True,
            level="landlock only",
            missing=(lacks, *_ALONE, _NO_CGROUP),
            packages=zygote.packages,
        )
    finally:
        await zygote.close()


class NativeSandbox:
    """Runs programs in forked processes under namespaces, Landlock, a filter of system calls and limits."""

    def __init__(self, *, packages: tuple[str, ...] = (), pool: int = 1, level: Level | None = None) -> None:
        """Load `packages` in advance where installed, keep `pool` boxes ready, and use no other `level` than asked."""
        self._packages, self._pool = packages, pool
        self._level: Level | None = level
        self._known: Capabilities | None = None
        self._zygote: Zygote | None = None
        self._starting = asyncio.Lock()
        self._waiting: deque[Link] = deque()
        self._open: list[Link] = []

    def capabilities(self) -> Capabilities:
        """Say what this machine can give, as found by trying once."""
        if self._known is None and not sys.platform.startswith("linux"):
            self._known = Capabilities(tier="native", available=False, missing=("Linux",))
        if self._known is None:
            # In a thread, because there may be a loop here already.
            with ThreadPoolExecutor(1) as thread:
                self._known = thread.submit(asyncio.run, self._find()).result()
        return self._known

    async def _find(self) -> Capabilities:
        try:
            return await _probe(self._packages, self._level)
        except (ConfigError, OSError) as error:
            return Capabilities(tier="native", available=False, missing=(str(error),))

    async def open(self, policy: SandboxPolicy) -> NativeBox:
        """Make a box; raise `ConfigError` when the machine or the tier is below the policy, or a mount is not there."""
        if TIERS.index(policy.least) > TIERS.index("native"):
            raise ConfigError(f"the policy asks for {policy.least!r} at least, which is above 'native'")
        found = self._known or await asyncio.to_thread(self.capabilities)
        if not found.available:
            raise ConfigError("this machine cannot run the native sandbox: " + "; ".join(found.missing))
        namespaces = found.level != "landlock only"
        mounts = tuple(_checked(mount) for mount in policy.mounts)
        if mounts and not namespaces:
            raise ConfigError("mounts need namespaces: allow unprivileged user namespaces")
        link = await self._box(policy.bounds, mounts, namespaces=namespaces)
        self._open = [each for each in self._open if not each.closed] + [link]
        return NativeBox(link, policy.bounds, files=namespaces)

    async def _box(self, bounds: Bounds, mounts: tuple[Mount, ...], *, namespaces: bool) -> Link:
        zygote = await self._running()
        usual = not mounts and (bounds.disk, bounds.files) == (Bounds().disk, Bounds().files)
        link = await self._pooled() if usual else None
        if link is None:
            link = zygote.order(bounds, mounts, namespaces=namespaces)
            await _ready(link)
        while usual and len(self._waiting) < self._pool:
            # Set up while this one works; nobody waits for it here.
            self._waiting.append(zygote.order(Bounds(), (), namespaces=namespaces))
        return link

    async def _pooled(self) -> Link | None:
        while self._waiting:
            link = self._waiting.popleft()
            try:
                await _ready(link)
            except ConfigError:
                continue
            return link
        return None

    async def _running(self) -> Zygote:
        async with self._starting:
            if self._zygote is None or not self._zygote.alive:
                await self._let_go()
                self._zygote = await start(self._packages)
            return self._zygote

    async def _let_go(self) -> None:
        while self._waiting:
            self._waiting.popleft().close()
        if self._zygote is not None:
            zygote, self._zygote = self._zygote, None
            await zygote.close()

    async def close(self) -> None:
        """End the zygote and every box."""
        async with self._starting:
            for link in self._open:
                link.close()
            await self._let_go()


def _checked(mount: Mount) -> Mount:
    """Check a mount; raise `ConfigError` when its source is not there or its target not below `/data`."""
    parts = PurePosixPath(mount.target).parts
    if parts[:2] != ("/", "data") or ".." in parts or len(parts) < 3:
        raise ConfigError(f"a mount goes below /data, not to {mount.target!r}")
    source = Path(mount.source)
    if not source.exists():
        raise ConfigError(f"there is no file or folder {mount.source!r} to mount")
    return msgspec.structs.replace(mount, source=str(source.resolve()), target="/".join(("", *parts[1:])))
