"""Owned: finds sessions for those whose they are. What belongs to another tenant does not exist."""

from remit.core.errors import UnknownSessionError
from remit.core.events import Record, SessionOpened
from remit.core.ports import Store
from remit.core.state import State
from remit.server.access.port import Principal
from remit.server.service.refusals import RefusedError

_KNOWN = 100_000
"""Sessions whose owner is kept in memory; it never changes."""


class Owned:
    """The sessions of a store, each shown to its tenant only."""

    def __init__(self, store: Store) -> None:
        """Begin knowing none."""
        self._store = store
        self._owners: dict[str, tuple[str, str]] = {}
        """Tenant and agent by session."""

    async def check(self, principal: Principal, session: str) -> str:
        """Give the name of a session's agent; raise `UnknownSessionError` unless it is the principal's tenant's."""
        if session not in self._owners:
            await self.records(principal, session)
        tenant, agent = self._owners[session]
        if tenant != principal.tenant:
            raise _unknown(session)
        return agent

    async def cursor(self, principal: Principal, after: str) -> None:
        """Raise `RefusedError` for the end of a page that was never shown to them."""
        try:
            await self.check(principal, after)
        except UnknownSessionError:
            raise RefusedError("unknown", f"{after!r} is no cursor of this list") from None

    async def records(self, principal: Principal, session: str) -> list[Record]:
        """Read a session from its beginning; raise `UnknownSessionError` as `check` does."""
        records = await self._store.read(session)
        first = records[0].event if records else None
        if not isinstance(first, SessionOpened):
            raise _unknown(session)
        if len(self._owners) >= _KNOWN:
            self._owners.clear()
        self._owners[session] = (first.tenant, first.agent)
        if first.tenant != principal.tenant:
            raise _unknown(session)
        return records

    async def state(self, principal: Principal, session: str) -> State:
        """Give what a session is now; raise `UnknownSessionError` as `check` does."""
        return State.fold(record.event for record in await self.records(principal, session))


def _unknown(session: str) -> UnknownSessionError:
    # Word for word the same, whether there is none or it is somebody else's.
    return UnknownSessionError(f"no session {session!r}")
