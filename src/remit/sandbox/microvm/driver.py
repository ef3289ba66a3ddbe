"""The driver of the tier: finds out what boots here, and keeps one snapshot for each size of machine."""

import asyncio
import platform
import weakref
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from remit.core.errors import ConfigError
from remit.core.programs import TIERS, Bounds, Capabilities, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.microvm import cache, image, machine, snapshot
from remit.sandbox.microvm.box import MicrovmBox
from remit.sandbox.microvm.files import mounted
from remit.sandbox.microvm.image import Image
from remit.sandbox.microvm.machine import Accelerator, Plan
from remit.sandbox.microvm.snapshot import Snapshot

_INSTALL = "apt-get install qemu-system-x86"
_LEAST = 512
"""Megabytes of the smallest machine, which most programs get."""
_MOST = 32_768
_KERNEL = 96_000_000
"""Bytes of a machine that are its kernel's and its first process's, beside the image."""
_LEVELS: Mapping[Accelerator, str] = {"kvm": "KVM", "tcg": "software emulation"}


async def _none(_tool: str, _arguments: JsonObject) -> JsonValue:
    return None


class MicrovmSandbox:
    """Runs each program in a virtual machine of its own, restored from a snapshot in about a quarter of a second."""

    def __init__(self, *, packages: tuple[str, ...] = (), accelerator: Accelerator | None = None) -> None:
        """Put `packages` of this machine's into it, imported in advance; use no other `accelerator` than asked."""
        self._packages = packages
        self._accelerator: Accelerator | None = accelerator
        self._known: Capabilities | None = None
        self._plan: Plan | None = None
        self._image: Image | None = None
        self._loaded: frozenset[str] = frozenset()
        self._snapshots: dict[int, Snapshot] = {}
        self._taking = asyncio.Lock()
        self._boxes: weakref.WeakSet[MicrovmBox] = weakref.WeakSet()

    def capabilities(self) -> Capabilities:
        """Say what this machine can give, as found by running a program once; the first time a machine is booted."""
        if self._known is None:
            # In a thread, because there may be a loop here already.
            with ThreadPoolExecutor(1) as thread:
                self._known = thread.submit(asyncio.run, self._find()).result()
        return self._known

    async def _find(self) -> Capabilities:
        path, version = machine.emulator()
        if not path:
            return _lacking(f"QEMU: {_INSTALL}")
        if platform.machine() != "x86_64":
            return _lacking("a processor of the kind x86_64, which is the only kind of machine that is made")
        missing: list[str] = []
        for accelerator in _accelerators(self._accelerator):
            plan = Plan(path, version, accelerator, _LEAST)
            why = _known_not_to_boot(plan) or await self._attempt(plan)
            if not why:
                self._plan = plan
                level = _LEVELS[accelerator]
                lost = sorted(set(self._packages) - self._loaded)
                missing += [f"{name}: it cannot be imported there; name what it needs as well" for name in lost]
                packages = tuple(name for name in self._packages if name in self._loaded)
                return Capabilities(
                    tier="microvm", available=True, level=level, missing=tuple(missing), packages=packages
                )
            missing.append(f"{_LEVELS[accelerator]}: {why}")
        return _lacking(*missing)

    async def _attempt(self, plan: Plan) -> str:
        """Run a program; say why that did not work, or nothing."""
        try:
            self._image = await asyncio.to_thread(image.build, self._packages)
            taken = await snapshot.take(plan, self._image)
            self._loaded = frozenset(taken.packages)
        except (ConfigError, OSError) as error:
            if plan.accelerator == "kvm" and snapshot.NOT_BOOTED in str(error):
                _remember(plan, str(error))
            return str(error)
        try:
            box = MicrovmBox(taken.machine, Bounds(), {})
            result = await box.run("20 + 22", inputs={}, tools={}, bridge=_none)
        except OSError as error:
            return str(error)
        finally:
            taken.close()
        return "" if result.value == 42 else f"{result.status} {result.why}{result.error}"

    async def prepare(self) -> None:
        """Download Debian's kernel, without installing it, and boot once; raise `ConfigError` when that fails."""
        await asyncio.to_thread(image.fetch, self._packages)
        self._known = None
        known = await asyncio.to_thread(self.capabilities)
        if not known.available:
            raise ConfigError("; ".join(known.missing))

    async def open(self, policy: SandboxPolicy) -> MicrovmBox:
        """Make a box; raise `ConfigError` when this machine cannot, a mount is not there or something is too large."""
        assert TIERS[-1] == "microvm", "no policy can ask for more"
        found = self._known or await asyncio.to_thread(self.capabilities)
        if not found.available or self._plan is None or self._image is None:
            raise ConfigError("this machine cannot run virtual machines: " + "; ".join(found.missing))
        lacking = sorted(set(policy.packages) - set(found.packages))
        if lacking:
            raise ConfigError(f"no {', '.join(lacking)} in the machine: MicrovmSandbox(packages=({lacking[0]!r}, ...))")
        data = await asyncio.to_thread(mounted, policy.mounts)
        taken = await self._taken(_size(policy.bounds, sum(map(len, data.values())), self._image))
        box = MicrovmBox(taken.machine, policy.bounds, data)
        self._boxes.add(box)
        return box

    async def _taken(self, megabytes: int) -> Snapshot:
        async with self._taking:
            assert self._plan is not None
            assert self._image is not None
            if megabytes not in self._snapshots:
                plan = Plan(self._plan.emulator, self._plan.version, self._plan.accelerator, megabytes)
                self._snapshots[megabytes] = await snapshot.take(plan, self._image)
            return self._snapshots[megabytes]

    async def close(self) -> None:
        """End all machines and let go of the snapshots; they stay on disk, and it can be used again."""
        for box in list(self._boxes):
            await box.close()
        async with self._taking:
            for taken in self._snapshots.values():
                taken.close()
            self._snapshots = {}
        # Used again, it may be in another loop.
        self._taking = asyncio.Lock()


def _lacking(*missing: str) -> Capabilities:
    return Capabilities(tier="microvm", available=False, missing=missing)


def _accelerators(wanted: Accelerator | None) -> tuple[Accelerator, ...]:
    if wanted is not None:
        return (wanted,)
    return ("kvm", "tcg") if Path("/dev/kvm").exists() else ("tcg",)


def _mark(plan: Plan) -> Path:
    return cache.folder() / f"no-kvm-{platform.release()}"


def _known_not_to_boot(plan: Plan) -> str:
    """Say why KVM did not boot here before: trying again takes long."""
    mark = _mark(plan)
    return mark.read_text() if plan.accelerator == "kvm" and mark.is_file() else ""


def _remember(plan: Plan, why: str) -> None:
    _mark(plan).write_text(f"{why} (tried before; remove {_mark(plan)} to try again)")


def _size(bounds: Bounds, data: int, made: Image) -> int:
    """Say how many megabytes a machine needs, so that its own bounds are what a program meets."""
    needed = _KERNEL + Path(made.archive).stat().st_size + bounds.memory + bounds.disk + data
    megabytes = _LEAST
    while megabytes << 20 < needed:
        megabytes *= 2
    if megabytes > _MOST:
        raise ConfigError(f"these bounds need a machine of {megabytes:,} MB, where {_MOST:,} are possible")
    return megabytes
