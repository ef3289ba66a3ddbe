"""The same agent in a worker that acts before its intent is durable: `EffectStarted` waits for the next append."""

from collections.abc import Sequence

from benchmarks.chaos.inside.agents import agent, settings
from remit.core.events import EffectStarted, Event
from remit.core.ports import Entry
from remit.journal.postgres import PostgresJournal

__all__ = ["agent", "settings"]

_append = PostgresJournal.append
_late: dict[str, list[Event]] = {}


async def append(
    self: PostgresJournal, session: str, events: Sequence[Event], *, after: int, entries: Sequence[Entry] = ()
) -> int:
    """Keep intents that come alone in memory, and say that they are written."""
    late = _late.pop(session, [])
    if events and isinstance(events[-1], EffectStarted) and not entries:
        _late[session] = [*late, *events]
        return after + len(events)
    try:
        return await _append(self, session, [*late, *events], after=after - len(late), entries=entries)
    except BaseException:
        if late:
            _late[session] = late
        raise


PostgresJournal.append = append
