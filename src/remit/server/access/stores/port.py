"""The port of stores of access."""

from typing import Protocol

from remit.server.access.cookies import LoginStore
from remit.server.access.keys import KeyStore
from remit.server.access.paces import PaceStore
from remit.server.access.records import AuditLog
from remit.server.switches.port import SwitchStore


class AccessStore(Protocol):
    """Keys, logins, switches and the audit log together, as processes that serve one home share them."""

    @property
    def keys(self) -> KeyStore:
        """Where keys are."""
        ...

    @property
    def logins(self) -> LoginStore:
        """Where logins are."""
        ...

    @property
    def log(self) -> AuditLog:
        """Where the audit log is."""
        ...

    @property
    def switches(self) -> SwitchStore:
        """Where it is kept what is off."""
        ...

    @property
    def paces(self) -> PaceStore | None:
        """Where servers tell each other how often somebody asked; `None` where each counts for itself."""
        ...

    def now(self) -> int:
        """Say what time it is for all who share it, in milliseconds since the epoch: what ends here ends there."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...
