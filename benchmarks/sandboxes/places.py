"""Places: the one form in which W6 drives our tiers and their peers."""

from collections.abc import Mapping
from typing import Protocol

from remit.core.programs import Bounds, Box, Sandbox, SandboxPolicy, Tier
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.choosing import Deferred, standard

SMALL, SMALL_VALUE = "6 * 7", 42
FRAME = "import pandas\nint(pandas.DataFrame({'n': [1, 2, 39]}).n.sum())"
"""Gives the same."""


class MissingError(Exception):
    """A place is not on this machine; the message says why, and what to install."""


class Place(Protocol):
    """Somewhere to run the small program."""

    warm: bool
    """Whether a second program runs where the first did."""

    async def start(self) -> None:
        """Make what all its runs share."""
        ...

    async def fresh(self) -> JsonValue:
        """Run in a place of its own."""
        ...

    async def again(self, lane: int) -> JsonValue:
        """Run where an earlier program ran, in one of several lanes that are used at once."""
        ...

    async def stop(self) -> None:
        """Leave nothing behind."""
        ...


def driver(tier: Tier, packages: tuple[str, ...] = ()) -> Sandbox:
    """Make the driver of a tier; raise `MissingError` with what it lacks here."""
    for sandbox in standard(packages=packages).sandboxes:
        # Each is asked what it can do only when its turn comes: that may take a minute.
        if isinstance(sandbox, Deferred) and sandbox.tier == tier:
            known = sandbox.capabilities()
            if known.available:
                return sandbox
            raise MissingError("; ".join(known.missing) or "not available")
    raise MissingError(f"no driver of the tier {tier!r}")


def policy(tier: Tier, packages: tuple[str, ...] = (), bounds: Bounds | None = None) -> SandboxPolicy:
    """Ask for a tier."""
    return SandboxPolicy(least=tier, packages=packages, bounds=bounds or Bounds(memory=1_000_000_000))


async def no_tools(name: str, args: JsonObject) -> JsonValue:
    """Answer nothing: the programs have no tools."""
    return None


NONE: Mapping[str, tuple[str, ...]] = {}


class Tiered:
    """One of our tiers."""

    warm = True

    def __init__(self, tier: Tier, packages: tuple[str, ...]) -> None:
        """Find it; raise `MissingError` when it is not there."""
        self._policy = policy(tier, packages)
        self._sandbox = driver(tier, packages)
        self._code = FRAME if packages else SMALL
        self._open: dict[int, Box] = {}

    async def start(self) -> None:
        """Have the driver already: it starts with its first box."""

    async def fresh(self) -> JsonValue:
        """Open a box, use it once, close it."""
        box = await self._sandbox.open(self._policy)
        try:
            return await self._run(box)
        finally:
            await box.close()

    async def again(self, lane: int) -> JsonValue:
        """Use the box of a lane."""
        if lane not in self._open:
            self._open[lane] = await self._sandbox.open(self._policy)
        return await self._run(self._open[lane])

    async def stop(self) -> None:
        """Close everything."""
        for box in self._open.values():
            await box.close()
        await self._sandbox.close()

    async def _run(self, box: Box) -> JsonValue:
        result = await box.run(self._code, inputs={}, tools=NONE, bridge=no_tools)
        return result.value if result.status == "ok" else f"{result.status}: {result.why}{result.error}"
