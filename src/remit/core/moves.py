"""Moves: what a strategy asks for, and the four doors it asks through. Nobody else writes a bare `yield`.

A strategy is a generator without I/O, so running it again over recorded answers is the whole recovery mechanism.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from remit.core.messages import Call, Outcome, OutcomeStatus, Part
from remit.core.programs import SandboxPolicy, Status, Tier
from remit.core.shape import Shape
from remit.core.toolspec import EffectClass
from remit.core.values import Frozen, JsonObject, JsonValue, Nanos


class Ask(msgspec.Struct, frozen=True, gc=False):
    """Ask a model, by the role it plays."""

    say: str = ""
    """What to tell it first; it becomes part of the conversation."""
    role: str = "default"
    tools: tuple[str, ...] | None = None
    """Which tools are on offer: `None` for all of the agent's, `()` for none."""
    shape: Shape | None = None
    """What the answer must look like; `Answer.value` then holds it, or `Answer.problem` says why not."""
    alone: bool = False
    """Only `say` is sent and nothing of it enters the conversation: for judges and summaries."""
    sample: int = 0
    """Which of several independent answers to the same question this is; a cache keeps them apart."""


class Run(msgspec.Struct, frozen=True, gc=False):
    """Make these tool calls, at the same time."""

    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Fork:
    """Follow these sub-strategies, at the same time, each in a conversation of its own that starts from this one."""

    branches: tuple["Strategy", ...]


class Note(msgspec.Struct, frozen=True, gc=False):
    """Write down a plan, a critique or a thought."""

    kind: str
    body: JsonValue


class Function(Frozen, frozen=True):
    """A tool as a program calls it, by names that Python allows."""

    name: str
    tool: str
    parameters: tuple[tuple[str, str], ...] = ()
    """Name in Python and name in the tool's schema, in the order in which they can be given without names."""


class Execute(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Run a program that nobody trusts; each of its calls of tools is made like any other."""

    code: str
    functions: tuple[Function, ...] = ()
    inputs: JsonObject = {}
    """Its first names."""
    policy: SandboxPolicy = SandboxPolicy()
    made: tuple["Made", ...] = ()
    """Calls of programs before it: those that went well, or may have happened, are answered once each as they were."""


Move = Ask | Run | Fork | Note | Execute

Strategy = Generator[Move, Any, JsonValue]
"""A way of working under way: yields moves, is sent their answers, returns the output."""


class Answer(Frozen, frozen=True):
    """What a model said to an `Ask`."""

    text: str
    calls: tuple[Call, ...] = ()
    value: Any = None
    problem: str = ""
    """Why the answer does not have the asked shape; empty when it has."""


class Made(Frozen, frozen=True):
    """A call that a program made, and how it ended."""

    tool: str
    args: JsonObject
    status: OutcomeStatus
    output: JsonValue = None
    """The whole answer, or its readable head when `blob` names the whole."""
    blob: str = ""
    doubted: bool = False
    """Nobody can say whether it happened, so it must not be made again."""
    changed: bool = False
    """A guard or a person changed its arguments."""
    wished: JsonObject | None = None
    """Those that it had before a person changed them."""


class Ran(Frozen, frozen=True):
    """What came of an `Execute`. Nothing in it can be trusted."""

    status: Status
    value: JsonValue = None
    """Of its last expression; only `ok` has one."""
    printed: str = ""
    error: str = ""
    """The exception with its lines in the program; empty unless `error`."""
    line: int = 0
    why: str = ""
    """Which bound it ran into, or what ended it."""
    tier: Tier = "none"
    made: tuple[Made, ...] = ()
    """The calls it made that have an outcome, in its order, also those it made before it failed."""
    artefacts: tuple[Part, ...] = ()
    """The files it left; their bytes are blobs of the session."""


@dataclass(frozen=True, slots=True)
class ToolCard:
    """What a strategy may know of a tool: enough to plan with, and to write programs."""

    name: str
    description: str
    required: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    open: bool = False
    """Whether it takes arguments beyond those named."""
    schema: JsonObject = field(default_factory=dict[str, JsonValue])
    """JSON Schema of the arguments."""
    output: JsonObject | None = None
    """JSON Schema of a good answer, when one is promised."""
    price: Nanos = 0
    """The most that one call costs."""
    effect: EffectClass = "once"


@dataclass(frozen=True, slots=True)
class Brief:
    """What a strategy is told when it begins: only what the journal and the declarations say, so it never changes."""

    task: str
    tools: Mapping[str, ToolCard] = field(default_factory=dict[str, ToolCard])
    preview: Callable[[Call], str] = lambda call: ""
    """Say why policy would refuse this call or ask a person first, whatever happened so far; else empty."""


class GiveUp(Exception):  # noqa: N818 - what a strategy says, not what went wrong with it
    """Raised by a strategy that cannot reach its goal: the run ends as failed, with the reason."""

    def __init__(self, reason: str, output: JsonValue = None) -> None:
        """Say why, and hand over what there is."""
        super().__init__(reason)
        self.reason, self.output = reason, output


StrategyMaker = Callable[[Brief], Strategy]
"""A way of working: called once a run, with the brief."""

T = TypeVar("T")
Door = Generator[Move, Any, T]


def ask(
    say: str = "",
    *,
    role: str = "default",
    tools: Sequence[str] | None = None,
    shape: Shape | None = None,
    alone: bool = False,
    sample: int = 0,
) -> Door[Answer]:
    """Ask a model and get its answer."""
    answer: Answer = yield Ask(say, role, None if tools is None else tuple(tools), shape, alone, sample)
    return answer


def run(calls: Sequence[Call]) -> Door[tuple[Outcome, ...]]:
    """Make calls at the same time and get their outcomes, in the order of the calls."""
    outcomes: tuple[Outcome, ...] = yield Run(tuple(calls))
    return outcomes


def fork(branches: Sequence[Strategy]) -> Door[tuple[JsonValue, ...]]:
    """Follow branches at the same time and get what each returned, in the order given."""
    results: tuple[JsonValue, ...] = yield Fork(tuple(branches))
    return results


def execute(
    code: str,
    *,
    functions: Sequence[Function] = (),
    inputs: JsonObject | None = None,
    policy: SandboxPolicy | None = None,
    made: Sequence[Made] = (),
) -> Door[Ran]:
    """Run a program in a box, and get what came of it."""
    terms = SandboxPolicy() if policy is None else policy
    ran: Ran = yield Execute(code=code, functions=tuple(functions), inputs=inputs or {}, policy=terms, made=tuple(made))
    return ran


def note(kind: str, body: JsonValue) -> Door[None]:
    """Write something down in the journal."""
    yield Note(kind, body)


def altered(strategy: Strategy, change: Callable[[Ask], Ask]) -> Strategy:
    """Follow a strategy with every question changed on its way, also those of its branches."""

    def changed(move: Move) -> Move:
        match move:
            case Ask():
                return change(move)
            case Fork(branches):
                return Fork(tuple(altered(branch, change) for branch in branches))
            case _:
                return move

    return (yield from _passed(strategy, changed))


def prefaced(strategy: Strategy, text: str) -> Strategy:
    """Follow a strategy and tell the model something with the first question that enters the conversation.

    When it branches before it asks, every branch is told that asks within its own; if none does, it is told afterwards.
    """
    return (yield from _Preface(text, told=not text).follow(strategy))


@dataclass(slots=True)
class _Preface:
    text: str
    told: bool = False
    branches: tuple["_Preface", ...] = ()

    def follow(self, strategy: Strategy) -> Strategy:
        return (yield from _passed(strategy, self._change))

    def _heard(self) -> bool:
        # Branches have come to their end when the next move is made, so whether one was told is settled by then.
        return self.told or any(branch._heard() for branch in self.branches)

    def _change(self, move: Move) -> Move:
        if self._heard():
            return move
        match move:
            case Ask(say=say, alone=False):
                self.told = True
                return msgspec.structs.replace(move, say=f"{self.text}\n\n{say}" if say else self.text)
            case Fork(branches):
                self.branches = tuple(_Preface(self.text) for _ in branches)
                pairs = zip(self.branches, branches, strict=True)
                return Fork(tuple(preface.follow(branch) for preface, branch in pairs))
            case _:
                return move


def _passed(strategy: Strategy, change: Callable[[Move], Move]) -> Strategy:
    answer: Any = None
    try:
        while True:
            try:
                move = strategy.send(answer)
            except StopIteration as end:
                return end.value
            answer = yield change(move)
    finally:
        strategy.close()


def versioned(version: str) -> Callable[[StrategyMaker], StrategyMaker]:
    """Give a strategy a version; raise it when its moves change, so that old sessions can tell."""

    def mark(maker: StrategyMaker) -> StrategyMaker:
        maker.__dict__["version"] = version
        return maker

    return mark


def identity(maker: StrategyMaker) -> str:
    """Name a strategy and its version, such as `react@1`."""
    name = getattr(maker, "__name__", type(maker).__name__)
    return f"{name}@{getattr(maker, 'version', '1')}"
