"""Records: who did or was refused what, when and from where. Only ever appended; nothing here forgets."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from remit.core.values import now_ms
from remit.server.access.port import Asked, Principal

LONGEST = 500
"""How much of a path, and of what was done, a record keeps, in characters."""


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did or was refused."""

    at: int
    """Milliseconds since the epoch."""
    allowed: bool
    what: str
    """An action, such as `decide`, or why it was refused."""
    name: str = ""
    """Who, as authentication found out; empty for nobody known."""
    tenant: str = ""
    role: str = ""
    how: str = ""
    key: str = ""
    method: str = ""
    path: str = ""
    """Without the query, which may hold what nobody should read."""
    peer: str = ""
    times: int = 1
    """How many such requests this stands for: a flood of refusals is counted, not written one by one."""
    seq: int = 0
    """Its place in the log, which the log gives."""


class AuditLog(Protocol):
    """Where records are kept, for good."""

    async def write(self, record: AuditRecord) -> None:
        """Append a record; when it returns, the record survives the death of the process."""
        ...

    async def read(self, *, after: int = 0, tenant: str | None = None, limit: int = 1000) -> Sequence[AuditRecord]:
        """Give records after a place, oldest first: of all tenants and of nobody known, or of one tenant."""
        ...

    async def latest(self, *, tenant: str | None = None, limit: int = 1000, before: int = 0) -> Sequence[AuditRecord]:
        """Give the last records, oldest first; of those before a place, if it is not 0."""
        ...


def recorded(principal: Principal | None, asked: Asked, what: str, *, allowed: bool, times: int = 1) -> AuditRecord:
    """Make the record of a request, of now."""
    who = principal
    return AuditRecord(
        at=now_ms(),
        allowed=allowed,
        what=what[:LONGEST],
        name=who.name if who else "",
        tenant=who.tenant if who else "",
        role=who.role if who else "",
        how=who.how if who else "",
        key=who.key if who else "",
        method=asked.method[:20],
        path=asked.path.partition("?")[0][:LONGEST],
        peer=asked.peer,
        times=times,
    )
