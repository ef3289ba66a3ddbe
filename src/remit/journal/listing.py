"""Listing: the line of a session in the catalogue, derived from its events as they are appended."""

from collections.abc import Sequence

import msgspec

from remit.core.events import (
    Event,
    MessageReceived,
    RunEnded,
    RunOpened,
    RunResumed,
    RunSuspended,
    SessionClosed,
    SessionOpened,
)
from remit.core.ports import SessionQuery, SessionRow

LISTED = frozenset((SessionOpened, RunOpened, RunResumed, RunSuspended, RunEnded, SessionClosed, MessageReceived))

UNREAD = "message"
"""Why a session is as it is while a message waits for its run: whoever looks for work finds it by this."""

_AND_UNREAD = f", {UNREAD}"


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
    # A message that comes during a run is what the next one is about, however often this one sleeps meanwhile.
    unread = why.endswith(UNREAD)
    match event:
        case RunOpened():
            status, why = "running", ""
        case RunResumed():
            status, why = "running", UNREAD if unread else ""
        case RunSuspended():
            status, why = "waiting", event.why + (_AND_UNREAD if unread else "")
        case RunEnded():
            status, why = "idle", UNREAD if unread else event.status
        case MessageReceived() if status == "waiting":
            why = why if unread else why + _AND_UNREAD
        case MessageReceived():
            why = UNREAD
        case SessionClosed():
            status = "closed"
        case _:
            pass
    return msgspec.structs.replace(row, status=status, changed=at, why=why)


def matches(row: SessionRow, query: SessionQuery) -> bool:
    """Say whether a line is asked for."""
    wanted = (
        (query.status, row.status),
        (query.agent, row.agent),
        (query.tenant, row.tenant),
        (query.why, row.why),
    )
    return all(not want or want == have for want, have in wanted)
