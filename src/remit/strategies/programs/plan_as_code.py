"""Plan as code: a model writes one program that calls the tools, instead of one call after the other.

It is checked before it runs. A program that fails goes back to the model with the reason and with the calls that were
made, and none of those that went well is made by the next one: it is given what they gave.
Source: CodeAct (Wang et al., 2024, arXiv:2402.01030).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from remit.core.errors import ConfigError
from remit.core.moves import (
    Answer,
    Brief,
    Door,
    Function,
    GiveUp,
    Made,
    Ran,
    Strategy,
    StrategyMaker,
    ask,
    execute,
    note,
    versioned,
)
from remit.core.programs import SandboxPolicy
from remit.core.shape import Shape
from remit.core.values import JsonObject, JsonValue, Nanos, show_usd
from remit.strategies.programs import program_text
from remit.strategies.programs.annotations import identifier
from remit.strategies.programs.checked import Report, check
from remit.strategies.programs.fences import program_in
from remit.strategies.programs.languages import Language, language
from remit.strategies.programs.parsing import Problem
from remit.strategies.programs.stubs import Stubs, stubs
from remit.strategies.prompts import Prompts
from remit.strategies.react import as_json

_NO_CALLS = Problem(0, "no tool can be called now, only by the program: write it into one ```python block")


class ProgramTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the programs of a strategy may be and use."""

    policy: SandboxPolicy = SandboxPolicy()
    tools: Sequence[str] | None = None
    """Those that programs may call; `None` for all of the agent's."""
    inputs: JsonObject = {}
    """Names that every program finds set."""
    cost: Nanos | None = None
    """The most that the calls of one program may cost, counted before it runs; in nano-dollars."""

    def __post_init__(self) -> None:
        """Refuse inputs that no program could use."""
        for name in self.inputs:
            if identifier(name) != name:
                raise ConfigError(f"an input cannot be named {name!r}; choose another name of letters")


def code(
    terms: ProgramTerms | None = None,
    *,
    repairs: int = 3,
    shape: Shape | None = None,
    prompts: Prompts = program_text.PROMPTS,
) -> StrategyMaker:
    """Make a strategy that does the task by one program, with at most so many more answers to put it right.

    The output is the value of the program's last expression; with a shape it is one of it, as JSON. It gives up when no
    repair is left; the output then holds the last value, what was printed, and the calls that were made.
    """
    if repairs < 0:
        raise ConfigError(f"repairs is at least 0, so not {repairs}")
    declared = terms or ProgramTerms()
    final = None if shape is None else as_json(shape)

    @versioned(prompts.edition())
    def code(brief: Brief) -> Strategy:
        work = _work(declared, prompts, brief, final)
        schema = None if final is None else final.schema
        say = program_text.opening(
            prompts, declared.policy, work.language, work.stubs, inputs=declared.inputs, schema=schema
        )
        left = repairs
        while True:
            answer = yield from ask(say, tools=())
            tried = yield from work.attempt(answer)
            if not tried.again:
                return program_text.as_output(tried.ran.value, "" if final else tried.ran.printed)
            if not left:
                raise work.given_up(f"no program did the task after {repairs} repairs: {tried.why}")
            left -= 1
            say = tried.again

    return code


@dataclass(frozen=True, slots=True)
class _Tried:
    """What came of one answer."""

    ran: Ran
    again: str = ""
    """What to ask the model next; empty when the task is done."""
    why: str = ""


_NOT_RUN = Ran("error")
_TRIES = 3
"""How often a program asks for a box; each time it waits in the queue of the pool."""


@dataclass(slots=True)
class _Work:
    """One run: what its programs may use, and what they have done so far."""

    terms: ProgramTerms
    prompts: Prompts
    brief: Brief
    stubs: Stubs
    language: Language
    final: Shape | None
    made: list[Made] = field(default_factory=list[Made])
    """The calls of all programs so far, in their order, each of them once."""
    last: Ran = _NOT_RUN

    def attempt(self, answer: Answer) -> Door[_Tried]:
        """Check the program of an answer, and run it when nothing is wrong with it."""
        source = program_in(answer.text)
        if isinstance(source, Problem):
            return self._refused([_NO_CALLS if answer.calls else source])
        terms = self.terms
        report = check(source, self.brief, self.stubs.functions, self.language, terms.inputs)
        found = [*report.problems, *self._dear(report)]
        if found:
            return self._refused(found)
        yield from note("program", report.as_json())
        ran = yield from self._ran(source, report)
        # Only those that this program made itself: what it was given is of a program before it.
        self.made.extend(ran.made)
        self.last = ran
        return self._judged(ran)

    def _ran(self, source: str, report: Report) -> Door[Ran]:
        """Run a program, again while no box is free for it: that is no fault that a model could mend."""
        terms, functions, ran = self.terms, self._used(report), _NOT_RUN
        for _ in range(_TRIES):
            ran = yield from execute(
                source, functions=functions, inputs=terms.inputs, policy=terms.policy, made=self.made
            )
            if ran.status != "busy":
                return ran
        raise self.given_up(f"no box was free: {ran.why}")

    def given_up(self, why: str) -> GiveUp:
        """Say what the last program came to."""
        made = list[JsonValue](program_text.in_its_words(self.made, self.stubs.functions))
        output: JsonObject = {"value": self.last.value, "printed": self.last.printed, "made": made}
        return GiveUp(why, output)

    def _judged(self, ran: Ran) -> _Tried:
        if ran.status != "ok":
            ending = program_text.ending(ran, self.terms.policy)
            again = program_text.failed(self.prompts, ran, self.terms.policy, self._listed())
            last = ran.error.strip().rpartition("\n")[2]
            return _Tried(ran, again, f"{ending}: {last}" if last else ending)
        if self.final is not None:
            try:
                self.final.read(ran.value)
            except ValueError as error:
                return _Tried(ran, program_text.misfit(self.prompts, str(error), ran, self._listed()), str(error))
        return _Tried(ran)

    def _refused(self, found: Sequence[Problem]) -> _Tried:
        again = program_text.problems(self.prompts, found, self._listed())
        return _Tried(_NOT_RUN, again, "; ".join(map(str, found)))

    def _dear(self, report: Report) -> Iterable[Problem]:
        """Find a program whose calls may cost too much; one without a bound makes as many as its box allows."""
        if self.terms.cost is None or not report.calls:
            return
        prices = {name: self.brief.tools[name].price for name in report.calls}
        most = self.terms.policy.bounds.calls
        worst = sum(prices[name] * count for name, count in report.calls.items() if count is not None)
        worst += most * max((prices[name] for name, count in report.calls.items() if count is None), default=0)
        if worst > self.terms.cost:
            told = f"its calls may cost {show_usd(worst)}, and at most {show_usd(self.terms.cost)} is allowed"
            yield Problem(0, f"{told}: make fewer, in loops over known lists")

    def _used(self, report: Report) -> tuple[Function, ...]:
        return tuple(function for name, function in self.stubs.functions.items() if name in report.names)

    def _listed(self) -> str:
        return program_text.calls_made(self.prompts, self.made, self.stubs.functions, self.brief.tools)


def _work(terms: ProgramTerms, prompts: Prompts, brief: Brief, final: Shape | None) -> _Work:
    names = tuple(brief.tools) if terms.tools is None else tuple(terms.tools)
    missing = [name for name in names if name not in brief.tools]
    if missing:
        has = ", ".join(brief.tools) or "none"
        raise GiveUp(f"the agent has no tool {missing[0]!r}; it has: {has}")
    cards = {name: brief.tools[name] for name in names}
    written = stubs(cards.values(), taken=terms.inputs)
    return _Work(terms, prompts, replace(brief, tools=cards), written, language(terms.policy), final)
