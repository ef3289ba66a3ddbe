"""Tracing: one session laid open for a person: its tree, one step of it, its state at any event, its whole journal."""

from collections.abc import Callable, Sequence

import msgspec

from remit.core.events import Record
from remit.core.state import State
from remit.server.access.port import Principal
from remit.server.service.owned import Owned
from remit.server.service.refusals import RefusedError
from remit.server.service.views import SessionView, session_view
from remit.telemetry.trace import Moment, Node, Step, moment, step, tree


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it is now, and the tree of what it did."""

    session: SessionView
    nodes: tuple[Node, ...]


class Tracing:
    """Reads a session's journal for who may see it."""

    def __init__(self, owned: Owned, held: Callable[[str, str], str] | None = None) -> None:
        """Take whose sessions are whose, and what says why those of a tenant's agent are held back."""
        self._owned, self._held = owned, held

    async def trace(self, principal: Principal, session: str) -> Trace:
        """Give the tree; raise `UnknownSessionError` for a session that is not theirs, as all here do."""
        records = await self._owned.records(principal, session)
        view = session_view(session, records, State.fold(record.event for record in records), self._held)
        return Trace(session=view, nodes=tree(records))

    async def step(self, principal: Principal, session: str, seq: int) -> Step:
        """Give all that is recorded of the node that begins with an event; raise `RefusedError` without one."""
        records = await self._owned.records(principal, session)
        found = step(records, seq)
        if found is None:
            raise _absent(session, seq, records)
        return found

    async def moment(self, principal: Principal, session: str, seq: int | None) -> Moment:
        """Give the state after an event, the last one when `None`; raise `RefusedError` when there is none such."""
        records = await self._owned.records(principal, session)
        found = moment(records, len(records) if seq is None else seq)
        if found is None:
            raise _absent(session, seq, records)
        return found

    async def records(self, principal: Principal, session: str) -> Sequence[Record]:
        """Give the whole journal."""
        return await self._owned.records(principal, session)


def _absent(session: str, seq: int | None, records: Sequence[Record]) -> RefusedError:
    return RefusedError("unknown", f"session {session!r} has events 1 to {len(records)}; there is no {seq}")
