"""Entry: one box of a fleet, and what a session sees of it."""

from collections.abc import Awaitable, Callable, Mapping

from remit.core.errors import ConfigError
from remit.core.programs import Box, Bridge, Result, SandboxPolicy, Tier
from remit.core.values import JsonValue

_WHOLE = frozenset({"ok", "error", "paused", "output_limit"})
"""How programs end that left their box as it was."""


class Entry:
    """A box with its past."""

    def __init__(self, box: Box, policy: SandboxPolicy, opened: float) -> None:
        """Have run nothing."""
        self.box, self.policy, self.opened = box, policy, opened
        self.tenant: str | None = None
        """Whose it is for the rest of its life; nobody's while it is warm."""
        self.runs = 0
        self.running = 0
        self.spoiled = False
        """Something went wrong in it: it is not used again."""

    async def clean(self) -> bool:
        """Say whether nothing is left in it and nothing went wrong; without an answer it is not."""
        if self.spoiled or self.running:
            return False
        try:
            return not await self.box.files()
        except Exception:  # noqa: BLE001 - what breaks in a box only means that it is not used again
            return False


class Lent:
    """A box as its session has it, until it gives it back."""

    def __init__(self, entry: Entry, back: Callable[[Entry], Awaitable[None]]) -> None:
        """Lend it."""
        self._entry, self._back = entry, back
        self._closed = False

    @property
    def tier(self) -> Tier:
        """How it is held."""
        return self._entry.box.tier

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        """Run a program."""
        return await self._counted(self._box().run(code, inputs=inputs, tools=tools, bridge=bridge))

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        """Go on with a program that was kept."""
        return await self._counted(self._box().resume(kept, tools=tools, bridge=bridge))

    async def files(self) -> Mapping[str, int]:
        """List what is below `/scratch`."""
        return await self._box().files()

    async def put(self, path: str, data: bytes) -> None:
        """Write a file."""
        await self._box().put(path, data)

    async def get(self, path: str) -> bytes:
        """Read a file."""
        return await self._box().get(path)

    async def close(self) -> None:
        """Give it back; doing it again does nothing."""
        if not self._closed:
            self._closed = True
            await self._back(self._entry)

    def _box(self) -> Box:
        if self._closed:
            raise ConfigError("the box was given back; open another one")
        return self._entry.box

    async def _counted(self, run: Awaitable[Result]) -> Result:
        entry = self._entry
        entry.runs += 1
        entry.running += 1
        whole = False
        try:
            result = await run
            whole = result.status in _WHOLE
            return result
        finally:
            entry.running -= 1
            entry.spoiled |= not whole
