"""Turning to a session: reads it, tells people what is late, and says whether it can go on now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from remit.core.events import Record
from remit.core.state import State
from remit.core.values import now_ms
from remit.home import Home
from remit.runtime import escalate
from remit.server.service.work import work

Held = Callable[[str, str], str]
"""Says why the sessions of a tenant's agent are not to go on; nothing when they are."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A session as somebody turned to it."""

    state: State
    records: Sequence[Record]
    """What was read; empty when something was written since."""
    go: bool
    """Whether it can go on now."""
    at: int | None = None
    """Milliseconds since the epoch at which it is to be looked at again, when nobody acts before."""
    held: bool = False
    """Whether it could only not go on because its agent or its tenant is held back."""


async def turn(home: Home, session: str, held: Held | None, *, forced: bool) -> Turn | None:
    """Read a session and say what is to be done; `None` when there is none.

    With `forced` one that sleeps until it is resumed goes on. Questions that have waited too long are told to more
    people on the way.
    """
    records = await home.store.read(session)
    state = State.fold(record.event for record in records)
    opened = state.opened
    if opened is None:
        return None
    if held is not None and held(opened.tenant, opened.agent) and not _cancelled(state):
        return Turn(state, records, go=False, held=True)
    due = work(state, now_ms())
    if due.escalate:
        for call in due.escalate:
            state = await escalate(home.store, session, call)
        records, due = [], work(state, now_ms())
    return Turn(state, records, due.now or (forced and state.run is not None), due.at)


def _cancelled(state: State) -> bool:
    """Say whether somebody wants it to end: it does so before it acts again, so nothing needs to hold it back."""
    return state.run is not None and state.run.cancelled is not None
