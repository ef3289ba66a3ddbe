"""A sandbox in memory for the tests of fleets: it counts its boxes and knows who ran what in which."""

import asyncio
from collections.abc import Mapping

from remit.core.errors import ConfigError
from remit.core.values import JsonValue
from remit.sandbox import Box, Bridge, Capabilities, Result, SandboxPolicy, Tier


class CountedSandbox:
    """Opens boxes that do what programs say: `fail`, `killed`, or any other text, which is given back."""

    def __init__(self, *, turns: int = 0) -> None:
        """Take so many turns of the loop to open and to close."""
        self.turns = turns
        self.living: set[CountedBox] = set()
        self.opened = 0
        self.most = 0
        self.failing = 0
        self.closed = False
        self.gate: asyncio.Event | None = None

    def capabilities(self) -> Capabilities:
        """Be there."""
        return Capabilities(tier="native", available=True)

    async def open(self, policy: SandboxPolicy) -> Box:
        """Open one, unless it is to fail."""
        if self.gate is not None:
            await self.gate.wait()
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if self.failing:
            self.failing -= 1
            raise ConfigError("no box today")
        box = CountedBox(self)
        self.opened += 1
        self.living.add(box)
        self.most = max(self.most, len(self.living))
        return box

    async def close(self) -> None:
        """Be closed, and have no boxes by then."""
        assert not self.living
        self.closed = True


class CountedBox:
    """Remembers."""

    def __init__(self, sandbox: CountedSandbox) -> None:
        """Be fresh."""
        self.tier: Tier = "native"
        self._sandbox = sandbox
        self.ran: list[str] = []
        self.held: dict[str, bytes] = {}
        self.broken = False

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        """Give the code back."""
        self.ran.append(code)
        await asyncio.sleep(0)
        if code == "fail":
            raise OSError("the box is broken")
        return Result(status="killed") if code == "killed" else Result(status="ok", value=list[JsonValue](self.ran))

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        """Give the bytes back."""
        return Result(status="ok", value=kept.decode())

    async def files(self) -> Mapping[str, int]:
        """List them."""
        if self.broken:
            raise OSError("the box is broken")
        return {path: len(data) for path, data in self.held.items()}

    async def put(self, path: str, data: bytes) -> None:
        """Write."""
        self.held[path] = data

    async def get(self, path: str) -> bytes:
        """Read."""
        return self.held[path]

    async def close(self) -> None:
        """Be gone."""
        for _ in range(self._sandbox.turns):
            await asyncio.sleep(0)
        self._sandbox.living.discard(self)
        if self.broken:
            raise OSError("the box is broken")
