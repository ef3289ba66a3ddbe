"""Errands: which run of a session a call is about, and how it stands, made from the journal alone."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from remit.core.errors import UnknownSessionError
from remit.core.events import MessageReceived, Record, RunEnded
from remit.core.state import Ended, State
from remit.home import HANDED_BACK
from remit.runtime import RunResult
from remit.server.service import RefusedError
from remit.server.service.views import waits
from remit.telemetry import Row, Timeline


@dataclass(slots=True)
class Errand:
    """One run of a session, as far as its journal was read."""

    session: str
    run: int = 0
    """Its number, from 1."""
    state: State = field(default_factory=State)
    untold: list[Row] = field(default_factory=list[Row])
    """What happened since the message that the run is about."""
    _timeline: Timeline = field(default_factory=Timeline)
    _ends: dict[int, Ended] = field(default_factory=dict[int, Ended])

    @classmethod
    def of_message(cls, session: str, records: Iterable[Record], seq: int) -> "Errand":
        """Find the run that a message is for; 0 for the first message of all."""
        errand = cls(session)
        for record in records:
            if not errand.run and isinstance(record.event, MessageReceived) and seq in {0, record.seq}:
                # What comes while a run is under way is for the next one.
                errand.run = errand.state.runs + 1
            row = errand.take(record)
            if errand.run and row is not None:
                errand.untold.append(row)
        return errand

    @classmethod
    def of_run(cls, session: str, records: Iterable[Record], run: int) -> "Errand":
        """Find a run by its number, 0 for the newest; raise `RefusedError` for a session in which there is none."""
        errand = cls(session, run)
        for record in records:
            errand.take(record)
        if errand.state.opened is None:
            raise UnknownSessionError(f"no session {session!r}")
        state = errand.state
        newest = state.runs + bool(state.inbox and state.run is None)
        errand.run = run or newest
        if not 0 < errand.run <= state.runs + 1:
            raise RefusedError("conflict", f"session {session!r} has nothing to do; give its agent a message")
        return errand

    def take(self, record: Record) -> Row | None:
        """Take in the next record; give what it tells a person, if it does."""
        self.state.apply(record.event)
        if isinstance(record.event, RunEnded) and self.state.last is not None:
            self._ends[record.event.run] = self.state.last
        return self._timeline.see(record)

    def under_way(self) -> bool:
        """Say whether the run was begun and has not ended."""
        return self.state.run is not None and self.state.run.number == self.run

    def result(self) -> RunResult | None:
        """Say how it ended, or what it waits for; nothing while it goes on by itself."""
        ended, run = self._ends.get(self.run), self.state.run
        if ended is not None:
            return RunResult(self.session, self.run, ended.status, ended.output, ended.reason, ended.spent)
        if self.state.closed is not None:
            return RunResult(self.session, self.run, "cancelled", reason="the session was closed")
        if run is None or run.suspended is None:
            return None
        asleep = run.suspended
        stopped = asleep.why in {"paused", "alarm"} and asleep.question != HANDED_BACK
        if not stopped and not waits(self.session, self.state):
            return None
        # A message behind a run that waits waits too.
        spent = run.spent if run.number == self.run else 0
        return RunResult(self.session, self.run, "waiting", reason=asleep.question or asleep.why, spent=spent)
