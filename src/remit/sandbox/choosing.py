"""Choosing: a sandbox over several, which opens the weakest tier of this machine that satisfies the policy."""

import asyncio
import contextlib
import importlib
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from remit.core.errors import ConfigError
from remit.core.programs import TIERS, Box, Capabilities, Sandbox, SandboxPolicy, Tier

_Make = Callable[..., Sandbox]
_Prepare = Callable[[], Awaitable[None]]

_WORKERS = 32
"""Interpreters at once: as many as a pool has boxes, or those that wait for others to run would wait for ever."""


class Deferred:
    """A driver by the name of its class, which is not imported before it is asked what it can do."""

    def __init__(self, tier: Tier, where: str, **options: object) -> None:
        """Make the class `where`, as in `package.module:Class`, with these options when it is needed."""
        self.tier: Tier = tier
        self._where, self._options = where, options
        self._driver: Sandbox | None = None
        self._absent = ""

    def capabilities(self) -> Capabilities:
        """Say what the driver can give; one that cannot be imported is not available."""
        driver = self._loaded()
        if driver is None:
            return Capabilities(tier=self.tier, available=False, missing=(self._absent,))
        try:
            return driver.capabilities()
        except (ConfigError, OSError) as error:
            return Capabilities(tier=self.tier, available=False, missing=(str(error),))

    async def prepare(self) -> bool:
        """Build or download what the driver needs once; say whether it needs anything."""
        driver = self._loaded()
        if driver is None:
            raise ConfigError(self._absent)
        prepare = cast("_Prepare | None", getattr(driver, "prepare", None))
        if prepare is None:
            return False
        await prepare()
        return True

    async def open(self, policy: SandboxPolicy) -> Box:
        """Make a box; raise `ConfigError` when the driver is not there, or below the policy."""
        driver = self._loaded()
        if driver is None:
            raise ConfigError(self._absent)
        return await driver.open(policy)

    async def close(self) -> None:
        """Close the driver, if it was ever made."""
        if self._driver is not None:
            await self._driver.close()

    def _loaded(self) -> Sandbox | None:
        if self._driver is None and not self._absent:
            module, _, name = self._where.partition(":")
            try:
                make = cast("_Make", getattr(importlib.import_module(module), name))
            except (ImportError, AttributeError) as error:
                self._absent = f"its driver is not in this installation: {error}"
            else:
                self._driver = make(**self._options)
        return self._driver


class Choosing:
    """Opens each box in the weakest tier that its policy allows and that this machine has."""

    def __init__(self, sandboxes: Sequence[Sandbox]) -> None:
        """Choose among these, weakest first."""
        self.sandboxes = tuple(sandboxes)
        self._asked: dict[int, asyncio.Task[Capabilities]] = {}

    def capabilities(self) -> Capabilities:
        """Say what the weakest one gives that is available; when none is, what each of them lacks."""
        missing: list[str] = []
        for sandbox in self.sandboxes:
            known = sandbox.capabilities()
            if known.available:
                return known
            missing.append(f"{known.tier}: {_lacks(known)}")
        return Capabilities(tier="none", available=False, missing=tuple(missing))

    async def open(self, policy: SandboxPolicy) -> Box:
        """Make a box; raise one `ConfigError` that says of each tier why it does not do, and what to install."""
        refused: list[str] = []
        for place, sandbox in enumerate(self.sandboxes):
            if isinstance(sandbox, Deferred) and _weaker(sandbox.tier, policy):
                refused.append(f"{sandbox.tier}: weaker than {policy.least!r}")
                continue
            known = await self._known(place)
            why = _unfit(known, policy)
            if not why:
                try:
                    return await sandbox.open(policy)
                except ConfigError as error:
                    why = str(error)
            refused.append(f"{known.tier}: {why}")
        lines = "".join(f"\n  {line}" for line in refused) or " there are none to choose from"
        raise ConfigError(f"no sandbox of this machine satisfies the policy ({_wishes(policy)}):{lines}")

    async def _known(self, place: int) -> Capabilities:
        """Ask one of them what it can, once, whoever gives up meanwhile; nobody waits for another one."""
        asked = self._asked.get(place)
        if asked is None or (asked.done() and (asked.cancelled() or asked.exception() is not None)):
            # Found out by trying, which takes time and may want a loop of its own.
            asked = asyncio.create_task(asyncio.to_thread(self.sandboxes[place].capabilities))
            self._asked[place] = asked
        return await asyncio.shield(asked)

    async def close(self) -> None:
        """Close all of them, also when one cannot be closed; what the last of those raised is raised."""
        async with contextlib.AsyncExitStack() as closing:
            for sandbox in reversed(self.sandboxes):
                closing.push_async_callback(sandbox.close)


def standard(*, packages: tuple[str, ...] = ()) -> Choosing:
    """Choose among all tiers that Remit has; `packages` are those that native programs find loaded."""
    return Choosing(
        (
            Deferred("interpreter", "remit.sandbox.monty:MontySandbox", workers=_WORKERS),
            Deferred("wasm", "remit.sandbox.wasm:WasmSandbox"),
            Deferred("native", "remit.sandbox.native:NativeSandbox", packages=packages),
            Deferred("bubblewrap", "remit.sandbox.bubblewrap:BubblewrapSandbox"),
            Deferred("container", "remit.sandbox.containers:ContainerSandbox"),
            Deferred("microvm", "remit.sandbox.microvm:MicrovmSandbox"),
        )
    )


def _weaker(tier: Tier, policy: SandboxPolicy) -> bool:
    return TIERS.index(tier) < TIERS.index(policy.least)


def _unfit(known: Capabilities, policy: SandboxPolicy) -> str:
    """Say why a sandbox cannot satisfy a policy, as far as its capabilities tell."""
    if _weaker(known.tier, policy):
        return f"weaker than {policy.least!r}"
    if not known.available:
        return _lacks(known)
    if policy.language == "full" and known.language == "subset":
        return "it has a subset of Python"
    absent = [name for name in policy.packages if name not in known.packages]
    if absent:
        return f"it has no {', '.join(absent)}"
    return ""


def _lacks(known: Capabilities) -> str:
    return "; ".join(known.missing) or "not available"


def _wishes(policy: SandboxPolicy) -> str:
    wishes = [f"{policy.least!r} at least"]
    if policy.language == "full":
        wishes.append("all of Python")
    if policy.packages:
        wishes.append(f"with {', '.join(policy.packages)}")
    if policy.mounts:
        wishes.append(f"{len(policy.mounts)} mounts")
    return ", ".join(wishes)
