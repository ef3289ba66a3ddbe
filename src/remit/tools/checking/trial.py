"""Trial: one tool, called in phases, and what came of it."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from msgspec.structs import replace

from remit.core.errors import ConfigError
from remit.core.ports import Tool, ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.tools.checking.calling import Ended, Pace, called, legible
from remit.tools.checking.cases import Case, Cases, laid
from remit.tools.checking.fitting import difference, places_text, value_of
from remit.tools.checking.judging import OFFERED, Judge
from remit.tools.checking.options import Options
from remit.tools.checking.report import PHASES, Breach, Checked, Phase, PhaseReport, Status, latency
from remit.tools.checking.schemas import Path, has, reached, shown

_REASONS = 3
_SHOWN = 200


@dataclass(slots=True)
class _Tally:
    cases: int = 0
    calls: int = 0
    left: int = 0
    seconds: float = 0.0
    breaches: list[Breach] = field(default_factory=list[Breach])


class Trial:
    """Checks one tool."""

    def __init__(self, tool: Tool, options: Options, pace: Pace, run: str) -> None:
        """Take the tool, and what makes this run's idempotency keys differ from those of others."""
        self._tool, self._spec, self._options = tool, tool.spec, options
        self._pace, self._run = pace, run
        self._reason = why_not(self._spec, options)
        risky = self._spec.dangerous or self._spec.effect == "once"
        self._overlay = self._spec.dry_run if risky and not options.stand_in else None
        self._ends: list[Ended] = []
        self._tallies: dict[Phase, _Tally] = {}
        self._found: dict[tuple[str, str], tuple[Phase, int]] = {}
        self._failed: dict[Path, Breach] = {}
        self._causes: list[tuple[Path, tuple[JsonValue] | None, Breach]] = []
        self._refusals: Counter[str] = Counter()
        self._first: tuple[JsonObject, str, JsonValue] | None = None

    async def checked(self) -> Checked:
        """Make all calls and say what was found."""
        began = time.perf_counter()
        if self._spec.withheld:
            return self._result("unproven", self._reason, began, ())
        examples = self._options.examples.get(self._spec.name, ())
        try:
            cases = Cases(self._spec.schema, self._options.seed, examples)
        except ConfigError as error:
            self._note("minimal", Breach("minimal", "arguments", "", f"the schema of its arguments: {error}", {}))
            return self._result("breach", "", began, ())
        judge = Judge(self._spec, cases)
        for case in cases.valid(self._options.samples):
            await self._right(replace(case, args=laid(case.args, self._overlay)), judge)
        if self._spec.effect == "idempotent" and not self._reason:
            await self._repeated()
        for case in cases.invalid():
            await self._wrong(case, cases, judge)
        status, reason = self._status(cases)
        return self._result(status, reason, began, tuple(judge.notes))

    # -- cases -----------------------------------------------------------------------------------------------------

    async def _right(self, case: Case, judge: Judge) -> None:
        if case.phase == "optional" and self._within(case) is not None:
            return
        tally = self._tally(case.phase)
        tally.cases += 1
        began = time.perf_counter()
        words = self._check(case, judge)
        if words is not None:
            breaches = [judge.unchecked(case, words)] if words else await self._tried(case, judge, tally)
            for breach in breaches:
                self._note(case.phase, self._explained(case, breach))
            blamed = any(breach.field == shown(case.path) for breach in breaches)
            if blamed and case.path and self._within(case) is None:
                self._learn(case, breaches[0])
        tally.seconds += time.perf_counter() - began

    def _learn(self, case: Case, breach: Breach) -> None:
        """Remember what one argument, or one value of it, does to a call."""
        if case.phase == "optional":
            self._failed[case.path] = breach
            self._causes.append((case.path, None, breach))
        else:
            self._causes.append((case.path, (reached(case.args, case.path),), breach))

    def _within(self, case: Case) -> Path | None:
        """Give the argument that could not be given at all so far, and that a case gives."""
        return next((path for path in self._failed if case.path[: len(path)] == path), None)

    def _explained(self, case: Case, breach: Breach) -> Breach:
        """Give the breach that was met before with one argument alone, when that is among those of this call."""
        failed = self._within(case)
        if failed is not None and breach.kind == self._failed[failed].kind:
            return self._failed[failed]
        for path, value, known in self._causes if case.phase == "random" else ():
            there = has(case.args, path) and (value is None or value[0] == reached(case.args, path))
            if there and breach.kind == known.kind and known.field.startswith(breach.field):
                return known
        return breach

    async def _tried(self, case: Case, judge: Judge, tally: _Tally) -> list[Breach]:
        key = self._key()
        ended = await self._call(case.args, key, tally)
        if ended is None:
            return []
        if ended.end == "ok" and self._first is None:
            self._first = case.args, key, ended.output
        if ended.end == "ok" and case.phase in {"optional", "values"}:
            self._pin(case)
        if ended.end == "refused":
            self._refusals[ended.text[:_SHOWN]] += 1
        return judge.right(case, ended)

    def _pin(self, case: Case) -> None:
        """Name what is to blame for a breach, when the same call with this there is answered."""
        for breach in list(self._tally("minimal").breaches):
            if breach.kind == "arguments" and not breach.field:
                self._amend(breach, case)
        failed = self._within(case)
        if failed is not None:
            known = self._failed.pop(failed)
            amended = self._amend(known, case)
            self._causes = [cause for cause in self._causes if cause[2] is not known]
            self._causes.append((case.path, (reached(known.args, case.path),), amended))

    def _amend(self, breach: Breach, case: Case) -> Breach:
        why = "the world demands it although the schema calls it optional"
        if has(breach.args, case.path):
            why = f"the world refuses {value_of(reached(breach.args, case.path))}, and takes {case.what}"
        field = shown(case.path)
        said = breach.text.partition(OFFERED)[2] or breach.text
        phase, place = self._found[_mark(breach)]
        breaches = self._tallies[phase].breaches
        amended = replace(breaches[place], field=field, text=f"`{field}`: {why}: {said}")
        breaches[place] = amended
        self._found[_mark(amended)] = phase, place
        return amended

    async def _repeated(self) -> None:
        """Make a call again with its key: it must give the same answer, as after a crash."""
        tally = self._tally("repeated")
        if self._first is None:
            return
        tally.cases += 1
        args, key, output = self._first
        ended = await self._call(args, key, tally)
        if ended is None:
            return
        tally.seconds += ended.seconds
        if ended.end != "ok":
            text = f"the same call with the same key is first answered and then not: {ended.text[:_SHOWN]}"
            self._note("repeated", Breach("repeated", "answer", "", text, args))
            return
        path = difference(output, ended.output)
        if path is not None:
            text = f"`{places_text(path)}` of the answer is another one when the call is made again with the same key"
            self._note("repeated", Breach("repeated", "answer", shown(path), text, args))

    async def _wrong(self, case: Case, cases: Cases, judge: Judge) -> None:
        tally = self._tally("invalid")
        tally.cases += 1
        began = time.perf_counter()
        words = self._check(case, judge)
        if words:
            for breach in judge.worded(case, words):
                self._note("invalid", breach)
        elif words is not None:
            args = laid(case.args, self._overlay)
            mended = cases.fits(args)
            ended = None if mended else await self._call(args, self._key(), tally)
            for breach in [judge.passed(case)] if ended is None else judge.wrong(case, ended):
                self._note("invalid", breach)
        tally.seconds += time.perf_counter() - began

    def _check(self, case: Case, judge: Judge) -> str | None:
        """Ask the tool what is wrong; `None` when it could not say."""
        try:
            return legible(self._tool.check(case.args))
        except Exception as error:  # noqa: BLE001 - whatever a tool raises is what we are here to find
            self._note(case.phase, judge.crashed(case, error))
            return None

    # -- calls -----------------------------------------------------------------------------------------------------

    async def _call(self, args: JsonObject, key: str, tally: _Tally) -> Ended | None:
        """Make a call; `None` when this tool is not to be called, or not any more."""
        if self._reason:
            return None
        if len(self._ends) >= self._options.calls:
            tally.left += 1
            return None
        await self._pace.turn()
        context = ToolContext(key=key, session=f"check-{self._run}", tenant=self._options.tenant, call=key)
        ended = await called(self._tool, args, context, self._options.timeout or self._spec.timeout)
        tally.calls += 1
        self._ends.append(ended)
        return ended

    def _key(self) -> str:
        return f"check-{self._run}-{self._spec.name}-{len(self._ends)}"

    # -- what came of it -------------------------------------------------------------------------------------------

    def _tally(self, phase: Phase) -> _Tally:
        return self._tallies.setdefault(phase, _Tally())

    def _note(self, phase: Phase, breach: Breach) -> None:
        """Keep a breach once, with how often it was met."""
        mark = _mark(breach)
        if mark in self._found:
            where, place = self._found[mark]
            kept = self._tallies[where].breaches
            kept[place] = replace(kept[place], times=kept[place].times + 1)
            return
        breaches = self._tally(phase).breaches
        self._found[mark] = phase, len(breaches)
        breaches.append(breach)

    def _status(self, cases: Cases) -> tuple[Status, str]:
        if any(tally.breaches for tally in self._tallies.values()):
            return "breach", ""
        if cases.minimal is None:
            return "unproven", "no arguments were found that fit its schema; give `examples`"
        if self._reason:
            return "skipped", self._reason
        if not any(end.end == "ok" for end in self._ends):
            said = "; ".join(text for text, _ in self._refusals.most_common(_REASONS))
            return "unproven", (
                f"nothing was proven: every valid call was refused ({said}); give `examples` of arguments that exist"
            )
        return "ok", ""

    def _result(self, status: Status, reason: str, began: float, notes: tuple[str, ...]) -> Checked:
        spec, ends = self._spec, Counter(end.end for end in self._ends)
        if status != "skipped" and self._reason not in {"", reason}:
            notes = (*notes, self._reason)
        return Checked(
            tool=spec.name,
            status=status,
            reason=reason,
            contract=spec.digest(),
            calls=len(self._ends),
            ok=ends["ok"],
            refused=ends["refused"],
            errors=ends["broke"] + ends["slow"],
            latency=latency([end.seconds for end in self._ends]),
            seconds=time.perf_counter() - began,
            phases=tuple(self._phase(phase) for phase in PHASES if phase in self._tallies),
            notes=notes,
            owner=spec.owner,
            source=spec.source,
        )

    def _phase(self, phase: Phase) -> PhaseReport:
        tally = self._tallies[phase]
        skipped = ""
        if tally.left:
            skipped = f"{tally.left} of {tally.cases} cases were not tried: its {self._options.calls} calls are used up"
        elif phase == "repeated" and not tally.cases:
            skipped = "no call was answered that could be made again"
        elif self._reason and phase != "invalid":
            skipped = self._reason
        return PhaseReport(phase, tally.cases, tally.calls, tally.seconds, tuple(tally.breaches), skipped)


def _mark(breach: Breach) -> tuple[str, str]:
    """Say what makes two breaches one finding."""
    return breach.kind, breach.field or breach.text.rpartition(": ")[2][:60]


Risk = Literal["it is dangerous", "it acts once"]


def why_not(spec: ToolSpec, options: Options) -> str:
    """Say why a tool is not called; empty when it is."""
    if spec.withheld:
        return f"it is withheld: {spec.withheld}"
    if options.stand_in or spec.dry_run is not None:
        return ""
    risk: Risk = "it is dangerous" if spec.dangerous else "it acts once"
    if not spec.dangerous and spec.effect != "once":
        return ""
    return f"only its check was tried: {risk}; declare `dry_run`, or say that it talks to a stand-in"
