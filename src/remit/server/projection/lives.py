"""Lives: a session's records folded into its line and into what each of them brought, O(1) a record."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import get_args

from remit.core import events as ev
from remit.core.ports import SessionRow
from remit.journal.listing import UNREAD, listed
from remit.server.projection.latencies import bucket
from remit.server.projection.port import Ended, FlagKind
from remit.telemetry.cost import Charge, Charges, copied
from remit.telemetry.words import about

HOUR = 3_600_000
"""Milliseconds."""

OTHER = "other"
"""What tools are called that an agent was never given: a model may wish for any name."""

KINDS: tuple[FlagKind, ...] = get_args(FlagKind)

_ABOUT = 120
_LONGEST = 65_536
"""Characters of one message that can be searched."""
_NAME = 120
_ENDED: dict[ev.RunStatus, Ended] = {
    "done": "done",
    "failed": "failed",
    "diverged": "failed",
    "refused": "stopped",
    "stopped": "stopped",
    "cancelled": "cancelled",
}
_ALIKE: dict[str, FlagKind] = {
    "honeypot": "honeypot",
    "injection": "injection",
    "in_doubt": "in_doubt",
    "repetition": "loop",
    "alternation": "loop",
    "no_progress": "loop",
    "guard": "guard",
    "velocity": "alarm",
    "detector": "alarm",
}

Key = tuple[int, str, str]
"""An hour's beginning, what is counted (`agent`, `model` or `tool`) and its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """A flag."""

    at: int
    kind: FlagKind
    what: str
    level: str
    reason: str
    call: str
    tool: str


@dataclass(slots=True)
class Brought:
    """What one record brought."""

    seq: int
    figures: dict[Key, Counter[str]] = field(default_factory=dict[Key, Counter[str]])
    said: str = ""
    raised: Raised | None = None
    settled: str = ""
    """A call of which somebody found out whether it happened."""

    def add(self, key: Key, **amounts: int) -> None:
        """Count."""
        self.figures.setdefault(key, Counter()).update(amounts)

    @property
    def anything(self) -> bool:
        """Whether there is something to write down."""
        return bool(self.figures or self.said or self.raised or self.settled)


@dataclass(slots=True)
class _Asked:
    at: int
    persons: int
    yes: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class Totals:
    """What a session came to."""

    about: str = ""
    changed: int = 0
    ended: Ended | str = ""
    runs: int = 0
    steps: int = 0
    tokens: int = 0
    cost: int = 0
    flags: int = 0
    kinds: int = 0
    """A bit for each kind of flag."""


class Life:
    """One session, told from its beginning."""

    def __init__(self, session: str) -> None:
        """Begin before the first record."""
        self.session = session
        self.totals = Totals()
        self.row: SessionRow | None = None
        self._charges = Charges(session)
        self._copied = 0
        self._began = 0
        self._said = ""
        self._asked: dict[str, _Asked] = {}
        self._inputs: dict[str, int] = {}
        self._doubts: dict[str, int] = {}
        self._doubted: set[str] = set()

    # -- what it is now --------------------------------------------------------------------------------------------

    @property
    def waits(self) -> tuple[int, int, int]:
        """Count the calls that wait: for a decision, for an answer, in doubt."""
        return len(self._asked), len(self._inputs), len(self._doubts)

    @property
    def oldest(self) -> int:
        """Say since when the oldest of these waits; 0 without any."""
        since = [one.at for one in self._asked.values()] + [*self._inputs.values(), *self._doubts.values()]
        return min(since, default=0)

    @property
    def queued(self) -> int:
        """Say since when a message waits for a run of its own; 0 without any."""
        row = self.row
        return row.changed if row is not None and row.status == "idle" and row.why == UNREAD else 0

    # -- what happens ----------------------------------------------------------------------------------------------

    def see(self, record: ev.Record) -> Brought:
        """Take in the next record."""
        brought, event = Brought(record.seq), record.event
        charges = self._charges.see(record)
        self.row = listed(self.session, self.row, (event,), record.at) or self.row
        self.totals.changed = record.at
        # The source of a fork has counted what was copied.
        own = record.seq > self._copied
        for charge in charges:
            self._charge(charge, brought)
        match event:
            case ev.SessionOpened():
                self._copied = copied(event)
            case ev.RunOpened():
                self._begin(event, record.at)
            case ev.RunEnded():
                self._end(event, record.at, brought, own=own)
            case ev.MessageReceived():
                self.totals.about = self.totals.about or about(event.text, _ABOUT)
                self._say(event.text, brought)
            case ev.ModelAnswered():
                self._say(event.text, brought)
            case _:
                self._wait(event, record.at)
                self._raise(event, record.at, brought, own=own)
        return brought

    def _say(self, text: str, brought: Brought) -> None:
        self._said = brought.said = text[:_LONGEST]

    def _begin(self, event: ev.RunOpened, at: int) -> None:
        self.totals.runs, self._began = event.run, at
        self._clear()
        self._doubted = set()

    def _end(self, event: ev.RunEnded, at: int, brought: Brought, *, own: bool) -> None:
        ended = self.totals.ended = _ENDED[event.status]
        if isinstance(event.output, str) and event.output.strip() != self._said.strip():
            self._say(event.output, brought)
        if own:
            amounts = {"runs": 1, f"runs.{ended}": 1}
            if self._began:
                amounts[bucket(at - self._began)] = 1
            brought.add(self._key(at, "agent", self._agent), **amounts)
        self._began = 0
        self._clear()

    def _clear(self) -> None:
        self._asked, self._inputs, self._doubts = {}, {}, {}

    def _wait(self, event: ev.Event, at: int) -> None:
        match event:
            case ev.ApprovalAsked():
                self._asked[event.call] = _Asked(at, event.persons)
            case ev.ApprovalGiven():
                self._decide(event)
            case ev.InputAsked():
                self._inputs[event.call] = at
            case ev.InputGiven():
                self._inputs.pop(event.call, None)
            case ev.EffectInDoubt():
                self._doubts[event.call] = at
            case ev.EffectReconciled():
                self._doubts.pop(event.call, None)
            case ev.EffectEnded():
                # A question that lapsed, or a doubt the model was told of, is over too.
                for waiting in (self._asked, self._inputs, self._doubts):
                    waiting.pop(event.outcome.call, None)
            case _:
                pass

    def _decide(self, event: ev.ApprovalGiven) -> None:
        asked = self._asked.get(event.call)
        if asked is None:
            return
        asked.yes.add(event.by)
        if not event.granted or event.args is not None or len(asked.yes) >= asked.persons:
            del self._asked[event.call]

    # -- flags -----------------------------------------------------------------------------------------------------

    def _raise(self, event: ev.Event, at: int, brought: Brought, *, own: bool) -> None:
        match event:
            case ev.Flagged(kind="in_doubt", call=call) if call in self._doubted:
                # It was in doubt before: this only says that the run went on without knowing.
                return
            case ev.Flagged():
                kind = _ALIKE.get(event.kind, "other")
                raised = (kind, event.kind, event.level, event.reason, event.call)
            case ev.EffectInDoubt():
                self._doubted.add(event.call)
                raised = ("in_doubt", "in_doubt", "pause", event.question, event.call)
            case ev.EffectReconciled():
                brought.settled = event.call
                return
            case _:
                return
        if own:
            kind, what, level, reason, name = raised
            call = self._charges.call(name)
            tool = call.tool[:_NAME] if call else ""
            brought.raised = Raised(at=at, kind=kind, what=what, level=level, reason=reason, call=name, tool=tool)
            self.totals.flags += 1
            self.totals.kinds |= mask((kind,))
            if isinstance(event, ev.EffectInDoubt):
                brought.add(self._key(at, "tool", self._tool(tool)), doubts=1)

    # -- figures ---------------------------------------------------------------------------------------------------

    def _charge(self, charge: Charge, brought: Brought) -> None:
        tokens, lost = charge.usage.input + charge.usage.output, charge.status == "lost"
        totals = self.totals
        totals.cost += charge.cost
        totals.tokens += tokens
        totals.steps += not lost
        amounts = {"calls": 1, "cost": charge.cost, "tokens": tokens}
        brought.add(self._key(charge.at, "agent", self._agent), **amounts, steps=int(not lost))
        took = bucket(charge.at - charge.began - charge.waited)
        if charge.kind == "model":
            usage = charge.usage
            amounts |= {"input": usage.input, "output": usage.output, "cached": usage.cached}
            amounts |= {"failed": int(charge.status in {"failed", "unusable", "lost"}), "hits": charge.status == "hit"}
            timed = charge.status in {"ok", "unusable"}
            key = self._key(charge.at, "model", charge.model)
        else:
            made = charge.status not in {"denied", "simulated"}
            amounts |= {"calls": int(made), charge.status: 1}
            timed = charge.status in {"ok", "failed"}
            key = self._key(charge.at, "tool", self._tool(charge.tool))
        if timed and charge.began:
            amounts[took] = 1
        brought.add(key, **amounts)

    @property
    def _agent(self) -> str:
        return self._charges.opened.agent if self._charges.opened else ""

    def _tool(self, name: str) -> str:
        opened = self._charges.opened
        return name if opened is not None and name in opened.tools else OTHER

    def _key(self, at: int, kind: str, name: str) -> Key:
        return at // HOUR * HOUR, kind, name[:_NAME]


def mask(kinds: Iterable[FlagKind]) -> int:
    """Give the bits of kinds of flags."""
    return sum(1 << KINDS.index(kind) for kind in set(kinds))
