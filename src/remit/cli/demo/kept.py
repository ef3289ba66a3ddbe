"""A process that goes on with a program that another one left waiting, and tells how.

Run as `python -m remit.cli.demo.kept STORE SESSION`.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from remit.apps.desk.places import Desk, Places
from remit.cli.demo.clerk import Told, clerk
from remit.core.programs import Box, Bridge, Capabilities, Result, Sandbox, SandboxPolicy, Tier
from remit.core.values import JsonValue
from remit.home import Home, Settings
from remit.sandbox.monty import MontySandbox
from remit.testing import ScriptedModel


@dataclass(slots=True)
class Watched:
    """A sandbox that counts how its programs begin."""

    sandbox: Sandbox
    ran: int = 0
    resumed: int = 0

    def capabilities(self) -> Capabilities:
        """Say what the sandbox says."""
        return self.sandbox.capabilities()

    async def open(self, policy: SandboxPolicy) -> Box:
        """Open a box that is counted."""
        return _Counted(await self.sandbox.open(policy), self)

    async def close(self) -> None:
        """Close the sandbox."""
        await self.sandbox.close()


@dataclass(frozen=True, slots=True)
class _Counted:
    box: Box
    watched: Watched

    @property
    def tier(self) -> Tier:
        return self.box.tier

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        self.watched.ran += 1
        return await self.box.run(code, inputs=inputs, tools=tools, bridge=bridge)

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        result = await self.box.resume(kept, tools=tools, bridge=bridge)
        self.watched.resumed += 1
        return result

    async def files(self) -> Mapping[str, int]:
        return await self.box.files()

    async def put(self, path: str, data: bytes) -> None:
        await self.box.put(path, data)

    async def get(self, path: str) -> bytes:
        return await self.box.get(path)

    async def close(self) -> None:
        await self.box.close()


async def main(store: Path, session: str) -> None:
    """Go on with the session as far as it goes, and tell on standard output."""
    nowhere = Places(jira_url="http://localhost:0", smtp_url="smtp://localhost:0")
    watched = Watched(MontySandbox())
    async with Home.open(store, Settings(sandbox=watched)) as home:
        result = await home.resume(clerk(Desk.open(nowhere, store), ScriptedModel([])), session)
    told = Told(os.getpid(), result.status, watched.resumed, watched.ran)
    sys.stdout.buffer.write(msgspec.json.encode(told))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
