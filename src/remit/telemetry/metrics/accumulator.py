"""Accumulator: fed with records of any number of sessions, it knows what `/metrics` says. O(1) a record.

Counters are of the process, as Prometheus expects: they begin at 0 and only fresh records count.
"""

from collections import Counter, deque
from collections.abc import Iterable

from remit.core import events as ev
from remit.core.ports import SessionRow
from remit.core.values import usd
from remit.telemetry.cost import Charge, Charges, copied
from remit.telemetry.metrics import families as fam
from remit.telemetry.metrics.families import Family, Measured, Sample
from remit.telemetry.metrics.lives import Life, counted, highest
from remit.telemetry.metrics.series import OTHER, Labels, Series

_WINDOW = 100
"""Calls of a tool that its share of success is of."""

_GROWING = (
    fam.OPENED, fam.RUNS, fam.STEPS, fam.MODEL_CALLS, fam.MODEL_SECONDS, fam.TOKENS, fam.COST, fam.TOOL_CALLS,
    fam.TOOL_SECONDS, fam.RETRIES, fam.PROGRAMS, fam.VERDICTS, fam.FLAGS, fam.LOOP_STOPS, fam.DECISIONS, fam.DOUBTS,
    fam.ESCALATED,
)  # fmt: skip


class Metrics:
    """Counters and histograms since it was made, and gauges of now."""

    def __init__(self, *, values: int = 100) -> None:
        """Let each label have so many `values`; those that come later are all `other`."""
        self._labels = Labels(values)
        self._series = {family.name: Series(family, self._labels) for family in _GROWING}
        self._lives: dict[str, Life] = {}
        self._rest: Counter[tuple[str, str, str, str]] = Counter()
        self._recent: dict[str, deque[bool]] = {}

    def see(self, session: str, record: ev.Record, *, fresh: bool = True) -> None:
        """Take in a session's next record; one that is not `fresh` only tells where the session stands."""
        life = self._lives.get(session)
        if life is None:
            life = self._lives[session] = Life(Charges(session))
        charges = life.charges.see(record)
        life.see(record)
        opened = life.charges.opened
        if isinstance(record.event, ev.SessionOpened):
            self._begin(record.event)
        if not fresh or opened is None or record.seq <= copied(opened):
            return
        for charge in charges:
            self._charge(charge, opened)
        self._event(record.event, life, (opened.agent, opened.tenant))

    def forget(self, session: str) -> None:
        """Let go of a session that is at rest; before its next record it must be shown all of it again."""
        self._lives.pop(session, None)

    def survey(self, rows: Iterable[SessionRow]) -> None:
        """Take the list of all sessions: those at rest are only counted from it."""
        self._rest = Counter(
            (row.agent, row.tenant, row.status, row.why if row.status == "idle" else "")
            for row in rows
            if row.status in {"idle", "closed"}
        )

    def collect(self, now: int) -> list[Measured]:
        """Say what every metric is at a time, in milliseconds since the epoch."""
        lives = self._lives
        spoken = {name: series.measured() for name, series in self._series.items()}
        oldest = highest(lives, lambda life: (now - min(life.approvals.values())) / 1000 if life.approvals else 0.0)
        silent = highest(lives, lambda life: (now - life.last) / 1000 if life.status == "running" else 0.0)
        gauges = [
            self._sessions(),
            self._by(fam.HELD, counted(lives, lambda life: usd(life.charges.held))),
            self._by(fam.WAITING, counted(lives, lambda life: len(life.approvals))),
            self._by(fam.WAITING_AGE, oldest),
            self._by(fam.INPUTS, counted(lives, lambda life: len(life.inputs))),
            self._in_doubt(),
            self._by(fam.SILENCE, silent),
            Measured(fam.TOOL_SUCCESS, tuple(Sample((tool,), sum(last) / len(last)) for tool, last in
                                             self._recent.items())),
        ]  # fmt: skip
        spoken |= {measured.family.name: measured for measured in gauges}
        return [spoken[family.name] for family in fam.FAMILIES]

    # -- what grows ------------------------------------------------------------------------------------------------

    def _add(self, family: Family, amount: float, *values: str) -> None:
        self._series[family.name].add(amount, *values)

    def _begin(self, opened: ev.SessionOpened) -> None:
        # What is rare and alarming is there at 0 before it happens, or its first time would be no increase.
        who = (opened.agent, opened.tenant)
        self._add(fam.LOOP_STOPS, 0, *who)
        self._add(fam.ESCALATED, 0, *who)
        self._add(fam.FLAGS, 0, *who, "honeypot", "notice")

    def _charge(self, charge: Charge, opened: ev.SessionOpened) -> None:
        who = (charge.agent, charge.tenant)
        seconds = max(charge.at - charge.began - charge.waited, 0) / 1000 if charge.began else None
        self._add(fam.STEPS, 1, *who, charge.kind)
        tool = self._tool(charge.tool, opened) if charge.kind == "tool" else ""
        if charge.cost:
            self._add(fam.COST, usd(charge.cost), *who, charge.model, tool)
        if charge.retries:
            self._add(fam.RETRIES, charge.retries, *who, charge.model, tool)
        if charge.kind == "tool":
            self._add(fam.TOOL_CALLS, 1, *who, tool, charge.status)
            if charge.status in {"ok", "failed"}:
                tool = self._labels.bound("tool", tool)
                self._recent.setdefault(tool, deque(maxlen=_WINDOW)).append(charge.status == "ok")
                if seconds is not None:
                    self._series[fam.TOOL_SECONDS.name].observe(seconds, *who, tool)
            return
        self._add(fam.MODEL_CALLS, 1, *who, charge.model, charge.status)
        if seconds is not None and charge.status in {"ok", "unusable"}:
            self._series[fam.MODEL_SECONDS.name].observe(seconds, *who, charge.model)
        usage = charge.usage
        for kind in ("input", "output", "cached", "cache_written", "reasoning"):
            if tokens := getattr(usage, kind):
                self._add(fam.TOKENS, tokens, *who, charge.model, kind)

    def _event(self, event: ev.Event, life: Life, who: tuple[str, str]) -> None:
        match event:
            case ev.SessionOpened():
                self._add(fam.OPENED, 1, *who)
            case ev.RunEnded():
                self._add(fam.RUNS, 1, *who, event.status)
            case ev.ProgramEnded():
                self._add(fam.STEPS, 1, *who, "program")
                self._add(fam.PROGRAMS, 1, *who, event.status)
            case ev.Noted():
                self._add(fam.STEPS, 1, *who, "note")
            case ev.Judged():
                self._add(fam.VERDICTS, 1, *who, event.guard, event.verdict)
            case ev.Flagged():
                self._add(fam.FLAGS, 1, *who, event.kind, event.level)
                if event.level == "stop":
                    self._add(fam.LOOP_STOPS, 1, *who)
            case ev.ApprovalGiven() | ev.ApprovalEscalated():
                self._approval(event, who)
            case ev.EffectInDoubt():
                self._add(fam.DOUBTS, 1, *who, life.doubts.get(event.call, ""))
            case _:
                pass

    def _approval(self, event: ev.ApprovalGiven | ev.ApprovalEscalated, who: tuple[str, str]) -> None:
        if isinstance(event, ev.ApprovalEscalated):
            self._add(fam.ESCALATED, 1, *who)
            return
        decision = "denied" if not event.granted else "granted" if event.args is None else "edited"
        self._add(fam.DECISIONS, 1, *who, decision)

    def _tool(self, name: str, opened: ev.SessionOpened) -> str:
        # A model may wish for tools by names of its own invention, and those must not fill the label up.
        return name if not name or name in opened.tools else OTHER

    # -- what is now -----------------------------------------------------------------------------------------------

    def _by(self, family: Family, found: dict[tuple[str, str], float]) -> Measured:
        summed: dict[tuple[str, ...], float] = {}
        for values, figure in found.items():
            key = tuple(map(self._labels.bound, family.labels, values))
            # What shares the label `other` is one figure: ages do not add up.
            age = family.name.endswith("_seconds")
            summed[key] = max(summed.get(key, 0.0), figure) if age else summed.get(key, 0.0) + figure
        return Measured(family, tuple(Sample(key, figure) for key, figure in summed.items()))

    def _sessions(self) -> Measured:
        found = Counter(self._rest)
        for life in self._lives.values():
            opened = life.charges.opened
            if opened is not None and life.status in {"running", "waiting"}:
                found[opened.agent, opened.tenant, life.status, life.why] += 1
        return self._counts(fam.SESSIONS, found)

    def _in_doubt(self) -> Measured:
        found: Counter[tuple[str, ...]] = Counter()
        for life in self._lives.values():
            opened = life.charges.opened
            if opened is not None:
                found.update((opened.agent, opened.tenant, tool) for tool in life.doubts.values())
        return self._counts(fam.IN_DOUBT, found)

    def _counts(
        self, family: Family, found: "Counter[tuple[str, ...]] | Counter[tuple[str, str, str, str]]"
    ) -> Measured:
        summed: Counter[tuple[str, ...]] = Counter()
        for values, count in found.items():
            summed[tuple(map(self._labels.bound, family.labels, values))] += count
        return Measured(family, tuple(Sample(key, float(count)) for key, count in summed.items()))
