"""The port of switches: what somebody switched off, until somebody switches it on again."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

Switchable = Literal["agent", "tenant", "tool"]


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is off for a tenant: an agent or a tool of its sessions, or the tenant itself."""

    kind: Switchable
    name: str
    tenant: str
    by: str
    """Who switched it off, as authentication found out."""
    at: int
    """Milliseconds since the epoch."""
    reason: str = ""

    @property
    def why(self) -> str:
        """Say it to whoever it stops."""
        return f"{self.kind} {self.name!r} was switched off by {self.by}" + (f": {self.reason}" if self.reason else "")


class SwitchStore(Protocol):
    """Where it is kept what is off. What is in it survives the process, and other processes see it."""

    async def put(self, switch: Switch) -> Switch:
        """Keep it, unless the same thing is off already; give what is kept."""
        ...

    async def take(self, tenant: str, kind: Switchable, name: str) -> Switch | None:
        """Forget it, and give it; `None` when it was not off."""
        ...

    async def all(self) -> Sequence[Switch]:
        """Give all of all tenants, oldest first."""
        ...

    async def wait(self, seconds: float) -> None:
        """Wait until another process may have switched something, or for so many seconds; it may return too soon."""
        ...
