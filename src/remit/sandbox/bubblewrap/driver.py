"""The driver of the bubblewrap tier: finds out by trying what the machine allows, and opens boxes."""

import asyncio
import importlib.metadata
import sys
from concurrent.futures import ThreadPoolExecutor

from remit.core.errors import ConfigError
from remit.core.programs import TIERS, Capabilities, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.bubblewrap.holding import found, opened
from remit.sandbox.bubblewrap.shown import libraries, mounted, standard
from remit.sandbox.kept import KeptBox

_NO_CGROUP = (
    "cgroup: bubblewrap makes none; memory is bounded as address space of the program, and memory of the kernel's "
    "(pipes, sockets) only by the number of descriptors"
)
_ALLOW = "allow unprivileged user namespaces (`user.max_user_namespaces`, AppArmor)"


async def _none(_tool: str, _arguments: JsonObject) -> JsonValue:
    return None


class BubblewrapSandbox:
    """Runs each program in a process of bubblewrap's: namespaces, a filter of system calls, limits, no network."""

    def __init__(self, *, bwrap: str | None = None) -> None:
        """Use the executable given, or the one on the path."""
        self._bwrap = bwrap
        self._known: Capabilities | None = None
        self._boxes: list[KeptBox] = []

    def capabilities(self) -> Capabilities:
        """Say what this machine can give, as found by running a program once."""
        if self._known is None:
            # In a thread, because there may be a loop here already.
            with ThreadPoolExecutor(1) as thread:
                why_not = thread.submit(asyncio.run, self._try()).result()
            self._known = Capabilities(
                tier="bubblewrap",
                available=not why_not,
                level="" if why_not else "without cgroup",
                missing=(why_not,) if why_not else (_NO_CGROUP,),
                packages=() if why_not else _packages(),
            )
        return self._known

    async def _try(self) -> str:
        """Run a program; say why that did not work, or nothing."""
        if not sys.platform.startswith("linux"):
            return "Linux"
        try:
            box = await opened(found(self._bwrap), SandboxPolicy(), standard())
        except (ConfigError, OSError) as error:
            return str(error) if "apt install" in str(error) else f"{error}; {_ALLOW}"
        try:
            result = await box.run("20 + 22", inputs={}, tools={}, bridge=_none)
        finally:
            await box.close()
        return "" if result.value == 42 else f"{result.status}: {result.why or result.error}; {_ALLOW}"

    async def open(self, policy: SandboxPolicy) -> KeptBox:
        """Make a box; raise `ConfigError` when the machine or the tier is below the policy, or it lacks something."""
        if TIERS.index(policy.least) > TIERS.index("bubblewrap"):
            would = ", ".join(TIERS[TIERS.index(policy.least) :])
            raise ConfigError(f"the policy wants {policy.least!r} at least, which is above 'bubblewrap'; use: {would}")
        known = self._known or await asyncio.to_thread(self.capabilities)
        if not known.available:
            raise ConfigError("this machine cannot run the bubblewrap sandbox: " + "; ".join(known.missing))
        packages = await asyncio.to_thread(libraries, policy.packages) if policy.packages else []
        shown = [*standard(), *packages, *mounted(policy.mounts)]
        box = await opened(found(self._bwrap), policy, shown)
        self._boxes = [each for each in self._boxes if not each.closed] + [box]
        return box

    async def close(self) -> None:
        """End every box."""
        boxes, self._boxes = self._boxes, []
        await asyncio.gather(*(box.close() for box in boxes))


def _packages() -> tuple[str, ...]:
    return tuple(sorted(name for name in importlib.metadata.packages_distributions() if name.isidentifier()))
