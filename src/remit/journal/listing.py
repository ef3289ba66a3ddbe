"""Listing: the line of a session in the catalogue, derived from its events as they are appended."""

from collections.abc import Sequence

import msgspec

from remit.core.events import Event, RunEnded, RunOpened, RunResumed, RunSuspended, SessionClosed, SessionOpened
from remit.core.ports import SessionQuery, SessionRow

LISTED = frozenset((SessionOpened, RunOpened, RunResumed, RunSuspended, RunEnded, SessionClosed))


def listed(session: str, row: SessionRow | None, events: Sequence[Event], at: int) -> SessionRow | None:
    """Give the session's new line after these events, or `None` when they do not change it."""
    if LISTED.isdisjoint(map(type, events)):
        return None
    for event in events:
        if type(event) in LISTED:
            row = _after(session, row, event, at)
    return row


def concerns(events: Sequence[Event]) -> bool:
    """Say whether these events change a session's line."""
    return not LISTED.isdisjoint(map(type, events))


def _after(session: str, row: SessionRow | None, event: Event, at: int) -> SessionRow | None:
    if isinstance(event, SessionOpened):
        return SessionRow(session, event.agent, event.tenant, "idle", at, at, event.tree.parent)
    if row is None:
        return None
    status, why = row.status, row.why
    match event:
        case RunOpened() | RunResumed():
            status, why = "running", ""
        case RunSuspended():
            status, why = "waiting", event.why
        case RunEnded():
            status, why = "idle", event.status
        case SessionClosed():
            status = "closed"
        case _:
            pass
    return msgspec.structs.replace(row, status=status, changed=at, why=why)


def matches(row: SessionRow, query: SessionQuery) -> bool:
    """Say whether a line is asked for."""
    wanted = ((query.status, row.status), (query.agent, row.agent), (query.tenant, row.tenant))
    return all(not want or want == have for want, have in wanted)
