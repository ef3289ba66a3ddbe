"""Listing: the line of a session in the catalogue, kept up as events are appended. Derived, and only on events that change it."""

from collections.abc import Sequence

import msgspec

from remit.core.events import Event, RunEnded, RunOpened, RunResumed, RunSuspended, SessionClosed, SessionOpened
from remit.core.ports import SessionQuery, SessionRow

LISTED = frozenset((SessionOpened, RunOpened, RunResumed, RunSuspended, RunEnded, SessionClosed))


def listed(session: str, row: SessionRow | None, events: Sequence[Event], at: int) -> SessionRow | None:
    """Give the session's new line after these events, or `None` when they do not change it."""
    changed = False
    for event in events:
        if type(event) in LISTED:
            row, changed = _after(session, row, event, at), True
    return row if changed else None


def concerns(events: Sequence[Event]) -> bool:
    """Say whether these events change a session's line."""
    return any(type(event) in LISTED for event in events)


def _after(session: str, row: SessionRow | None, event: Event, at: int) -> SessionRow | None:
    if isinstance(event, SessionOpened):
        return SessionRow(session, event.agent, event.tenant, "idle", at, at, event.tree.parent)
    if row is None:
        return None
    match event:
        case RunOpened() | RunResumed():
            return msgspec.structs.replace(row, status="running", changed=at, why="")
        case RunSuspended():
            return msgspec.structs.replace(row, status="waiting", changed=at, why=event.why)
        case RunEnded():
            return msgspec.structs.replace(row, status="idle", changed=at, why=event.status)
        case SessionClosed():
            return msgspec.structs.replace(row, status="closed", changed=at)
        case _:
            return row


def matches(row: SessionRow, query: SessionQuery) -> bool:
    """Say whether a line is asked for."""
    wanted = ((query.status, row.status), (query.agent, row.agent), (query.tenant, row.tenant))
    return all(not want or want == have for want, have in wanted)
