"""Board: told the records of all sessions, it knows their lines, who waits for a person, and what today came to.

Pure, O(1) a record; only lines of sessions that changed are made anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from remit.cli.top.lines import Line, Status
from remit.core import events as ev
from remit.core.ports import SessionRow
from remit.core.values import Nanos
from remit.telemetry import Row as Told
from remit.telemetry import Timeline, call_text
from remit.telemetry.cost import Charge, Charges, copied, total
from remit.telemetry.metrics.lives import Life

DAY = 86_400_000
"""Milliseconds of a day; days are of UTC, as budgets are."""
_RESTING = 2000
"""Sessions at rest, those that changed last, that are listed."""
_UNREAD = "message"


@dataclass(slots=True)
class Sums:
    """What charges came to, and what was flagged meanwhile."""

    steps: int = 0
    input: int = 0
    output: int = 0
    failures: int = 0
    cost: Nanos = 0
    flags: int = 0
    stops: int = 0
    """Times a loop went so far that the run had to end."""

    def add(self, charges: Iterable[Charge]) -> None:
        """Add what came to an end."""
        line = total(charges)
        self.steps += line.calls
        self.input += line.input
        self.output += line.output
        self.failures += line.failures
        self.cost += line.cost

    def flag(self, event: ev.Flagged) -> None:
        """Add a flag."""
        self.flags += 1
        self.stops += event.level == "stop"


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that waits for a person's decision."""

    session: str
    agent: str
    tenant: str
    call: str
    text: str
    reason: str
    at: int
    """Since when, in milliseconds since the epoch."""
    expires: int
    missing: int = 1
    """How many more people must allow it."""


@dataclass(slots=True)
class _Entry:
    life: Life
    timeline: Timeline = field(default_factory=Timeline)
    sums: Sums = field(default_factory=Sums)
    opened: int = 0
    since: int = 0
    worker: str = ""
    unread: int = 0
    """When the first message came that no run took up; 0 for none."""
    last: str = ""
    asked: dict[str, ev.ApprovalAsked] = field(default_factory=dict[str, ev.ApprovalAsked])


class Board:
    """What is known of all sessions."""

    def __init__(self, day: int, tenant: str = "") -> None:
        """Count today's sums from a day on, in days since the epoch; know only a tenant's sessions if one is named."""
        self.day, self.tenant = day, tenant
        self.today: dict[str, Sums] = {}
        """By tenant."""
        self.hidden = 0
        """Sessions at rest that are not listed."""
        self._entries: dict[str, _Entry] = {}
        self._rows: dict[str, SessionRow] = {}
        self._lines: dict[str, Line] = {}
        self._changed: set[str] = set()
        self._fallen: frozenset[str] = frozenset()

    # -- what it is told -------------------------------------------------------------------------------------------

    def see(self, session: str, record: ev.Record, *, fresh: bool = True) -> None:
        """Take in a session's next record; only one that is `fresh` counts for today."""
        entry = self._entries.get(session)
        if entry is None:
            entry = self._entries[session] = _Entry(Life(Charges(session)), opened=record.at, since=record.at)
        before = (entry.life.status, entry.life.why)
        charges = entry.life.charges.see(record)
        entry.life.see(record)
        if (entry.life.status, entry.life.why) != before or isinstance(record.event, ev.RunSuspended):
            entry.since = record.at
        entry.sums.add(charges)
        told = entry.timeline.see(record)
        entry.last = entry.last if told is None else doing(told)
        _note(entry, record)
        self._changed.add(session)
        opened = entry.life.charges.opened
        if fresh and opened is not None and record.seq > copied(opened):
            self._count(opened.tenant, record, charges)

    def forget(self, session: str) -> None:
        """Let go of the past of a session that is at rest; its line stays as it was."""
        self._entries.pop(session, None)

    def survey(self, rows: Iterable[SessionRow]) -> None:
        """Take the list of all sessions."""
        found = {row.id: row for row in rows if self.tenant in {"", row.tenant}}
        resting = sorted((row for row in found.values() if row.status in {"idle", "closed"} and not _unread(row)),
                         key=lambda row: row.changed, reverse=True)  # fmt: skip
        self.hidden = max(len(resting) - _RESTING, 0)
        for row in resting[_RESTING:]:
            del found[row.id]
        for gone in (*(self._entries.keys() - found.keys()), *(self._lines.keys() - found.keys())):
            self._entries.pop(gone, None)
            self._lines.pop(gone, None)
        self._changed.update(name for name, row in found.items() if self._rows.get(name) != row)
        self._rows = found

    def fell(self, fallen: frozenset[str]) -> None:
        """Take the sessions whose run is under way and whose worker is dead."""
        self._changed |= self._fallen ^ fallen
        self._fallen = fallen

    def turn(self, day: int) -> None:
        """Begin a new day when it is one."""
        if day > self.day:
            self.day, self.today = day, {}

    def _count(self, tenant: str, record: ev.Record, charges: tuple[Charge, ...]) -> None:
        if record.at // DAY != self.day or self.tenant not in {"", tenant}:
            return
        sums = self.today.setdefault(tenant, Sums())
        sums.add(charges)
        if isinstance(record.event, ev.Flagged):
            sums.flag(record.event)

    # -- what it knows ---------------------------------------------------------------------------------------------

    def lines(self) -> list[Line]:
        """Give a line for each session."""
        changed, self._changed = self._changed, set()
        for name in changed:
            entry, row = self._entries.get(name), self._rows.get(name)
            opened = entry.life.charges.opened if entry is not None else None
            if entry is not None and opened is not None:
                if self.tenant in {"", opened.tenant}:
                    self._lines[name] = self._line(name, entry, opened)
            elif row is not None and (name not in self._lines or self._lines[name].changed != row.changed):
                self._lines[name] = _listed(row)
        return list(self._lines.values())

    def asks(self) -> list[Ask]:
        """Give the calls that wait for a decision, oldest first."""
        found: list[Ask] = []
        for name, entry in self._entries.items():
            opened = entry.life.charges.opened
            if opened is None or self.tenant not in {"", opened.tenant}:
                continue
            for call, at in entry.life.approvals.items():
                asked, known = entry.asked[call], entry.life.charges.call(call)
                question = entry.life.questions.get(call)
                missing = max(asked.persons - len(question.names if question else ()), 0)
                text = call_text(known) if known else call
                found.append(
                    Ask(name, opened.agent, opened.tenant, call, text, asked.reason, at, asked.expires, missing)
                )
        return sorted(found, key=lambda ask: (ask.at, ask.session, ask.call))

    def inputs(self) -> int:
        """Count the calls that wait for an answer."""
        return sum(len(life.inputs) for life in self._lives())

    def doubts(self) -> int:
        """Count the calls of which nobody can say whether they happened."""
        return sum(len(life.doubts) for life in self._lives())

    def workers(self) -> Mapping[str, str]:
        """Give the worker of each session whose run is under way."""
        return {name: entry.worker for name, entry in self._entries.items() if entry.life.status == "running"}

    def waiting(self) -> list[str]:
        """Give the sessions that wait, whose lines in the catalogue a decision leaves as they were."""
        return [name for name, entry in self._entries.items() if entry.life.status == "waiting"]

    def _lives(self) -> Iterable[Life]:
        for entry in self._entries.values():
            opened = entry.life.charges.opened
            if opened is not None and self.tenant in {"", opened.tenant}:
                yield entry.life

    def _line(self, name: str, entry: _Entry, opened: ev.SessionOpened) -> Line:
        status, why, since = _stands(entry, fallen=name in self._fallen)
        return Line(
            name, opened.agent, opened.tenant, status, why, since, entry.opened, entry.life.last, opened.tree.parent,
            spent=entry.sums.cost, steps=entry.sums.steps, tokens=entry.sums.input + entry.sums.output,
            flags=entry.sums.flags, now=_doing(entry),
        )  # fmt: skip


def doing(row: Told) -> str:
    """Say in few words what a row of a timeline is about."""
    if row.title == "started":
        return row.detail.removesuffix(": no outcome yet")
    if row.detail == "no answer yet":
        return f"asks {row.title}"
    return f"{row.title}: {row.wants or row.detail}" if row.wants or row.detail else row.title


def _doing(entry: _Entry) -> str:
    """Say what is under way or waits for a person, or else what happened last."""
    life = entry.life
    if life.status == "running":
        found = list(map(doing, entry.timeline.under_way()))
    elif life.status == "waiting":
        waits = sorted({*life.approvals, *life.doubts, *life.inputs})
        found = [call_text(call) for name in waits if (call := life.charges.call(name)) is not None]
    else:
        found = []
    return " · ".join(found) or entry.last


def _note(entry: _Entry, record: ev.Record) -> None:
    match record.event:
        case ev.RunOpened():
            entry.worker, entry.unread, entry.asked = record.event.worker, 0, {}
        case ev.RunResumed():
            entry.worker = record.event.worker
        case ev.MessageReceived():
            entry.unread = entry.unread or record.at
        case ev.ApprovalAsked():
            entry.asked[record.event.call] = record.event
        case ev.Flagged():
            entry.sums.flag(record.event)
        case _:
            pass


def _stands(entry: _Entry, *, fallen: bool) -> tuple[Status, str, int]:
    life = entry.life
    match life.status:
        case "running":
            return ("crashed", "worker died", life.last) if fallen else ("running", "", entry.since)
        case "waiting":
            if life.why == "paused":
                return "paused", "", entry.since
            pending = [why for why, some in (("approval", life.approvals), ("in doubt", life.doubts),
                                             ("input", life.inputs)) if some]  # fmt: skip
            if life.why == "alarm" or pending:
                oldest = min([entry.since, *life.approvals.values()])
                return "waiting", ", ".join(pending) or "alarm", oldest
            return "ready", "decided", life.last
        case "idle" if entry.unread:
            return "queued", "message", entry.unread
        case _:
            return life.status, life.why, entry.since


def _unread(row: SessionRow) -> bool:
    return row.status == "idle" and row.why == _UNREAD


def _listed(row: SessionRow) -> Line:
    """Tell a session by its line in the catalogue alone."""
    status: Status = "queued" if _unread(row) else row.status
    why = row.why.split(",")[0]
    if row.status == "waiting" and why == "paused":
        status, why = "paused", ""
    return Line(row.id, row.agent, row.tenant, status, why.replace("_", " "), row.changed, row.opened, row.changed,
                row.parent, read=False)  # fmt: skip
