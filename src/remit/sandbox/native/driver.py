"""The driver of the native tier: finds out what the machine allows, and keeps a nursery for each set of packages."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from remit.core.errors import ConfigError
from remit.core.programs import TIERS, Capabilities, SandboxPolicy
from remit.sandbox.native.box import NativeBox
from remit.sandbox.native.levels import Level, probe
from remit.sandbox.native.mounts import checked
from remit.sandbox.native.nursery import Nursery
from remit.sandbox.native.packages import chosen

_SETS = 4
"""Sets of packages that are kept loaded at once."""


class NativeSandbox:
    """Runs programs in forked processes under namespaces, Landlock, a filter of system calls and limits."""

    def __init__(self, *, packages: tuple[str, ...] = (), pool: int = 1, level: Level | None = None) -> None:
        """Give every box `packages` beside those of its policy, keep `pool` boxes ready, use no `level` but this."""
        self._packages, self._pool = packages, pool
        self._level: Level | None = level
        self._known: Capabilities | None = None
        self._nurseries: dict[tuple[str, ...], Nursery] = {}
        self._finding = asyncio.Lock()

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
        for last in (False, True):
            try:
                return await probe(self._packages, self._level)
            except (ConfigError, OSError) as error:
                # Once may be an accident, such as a process that somebody killed.
                if last:
                    return Capabilities(tier="native", available=False, missing=(str(error),))
        raise AssertionError("the last attempt returns")

    async def open(self, policy: SandboxPolicy) -> NativeBox:
        """Make a box; raise `ConfigError` when the machine or the tier is below the policy, or a mount is not there."""
        if TIERS.index(policy.least) > TIERS.index("native"):
            would = ", ".join(TIERS[TIERS.index(policy.least) :])
            raise ConfigError(f"the policy asks for {policy.least!r} at least, which is above 'native'; use: {would}")
        packages = chosen((*self._packages, *policy.packages))
        mounts = tuple(checked(mount) for mount in policy.mounts)
        async with self._finding:
            found = self._known or await asyncio.to_thread(self.capabilities)
        if not found.available:
            raise ConfigError("this machine cannot run the native sandbox: " + "; ".join(found.missing))
        if mounts and found.level == "landlock only":
            raise ConfigError("mounts need namespaces: allow unprivileged user namespaces, or use 'container'")
        nursery = await self._nursery(packages, found.level)
        return await nursery.open(policy.bounds, mounts)

    async def _nursery(self, packages: tuple[str, ...], level: str) -> Nursery:
        """Find the nursery of a set of packages, or make one in place of the one that was longest unused."""
        nursery = self._nurseries.pop(packages, None)
        while nursery is None and len(self._nurseries) >= _SETS:
            idle = [each for each, kept in self._nurseries.items() if not kept.busy]
            if not idle:
                raise ConfigError(
                    f"more than {_SETS} sets of packages in use at once: close boxes, or ask for the same"
                )
            await self._nurseries.pop(idle[0]).close()
            # Somebody else may have made it meanwhile.
            nursery = self._nurseries.pop(packages, None)
        nursery = nursery or Nursery(packages, self._pool, cast("Level", level))
        # The last is the one that was used last.
        self._nurseries[packages] = nursery
        return nursery

    async def close(self) -> None:
        """End the zygotes and every box."""
        nurseries, self._nurseries = self._nurseries, {}
        for nursery in nurseries.values():
            await nursery.close()
