"""Pipeline: fixed steps in a fixed order; a model is asked only where a stage says so."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from remit.core.errors import ConfigError
from remit.core.messages import Call
from remit.core.moves import Brief, Door, GiveUp, Strategy, StrategyMaker, ask, fork, versioned
from remit.core.shape import Shape
from remit.core.values import JsonObject, JsonValue
from remit.strategies.doors import ask_for, performed
from remit.strategies.react import as_json
from remit.strategies.template import BRACES, as_text, fill, references, referred


class Stage(Protocol):
    """One step of a pipeline: a generator function of the brief and the results of earlier stages, by name."""

    def __call__(self, brief: Brief, so_far: Mapping[str, JsonValue], /) -> Door[JsonValue]:
        """Work and return a result; raise `GiveUp` to stop the pipeline."""
        ...


def pipeline(**stages: Stage) -> StrategyMaker:
    """Make a strategy that follows named stages in the order given; its output is what the last one returns.

    A stage that gives up stops it; the output then holds which one, why, and the results so far. Raise `ConfigError`
    for a `{reference}` in a ready-made stage to something that is not `task` or an earlier stage.
    """
    _check_references(stages)

    @versioned("1")
    def pipeline(brief: Brief) -> Strategy:
        _check_tools(stages, brief)
        so_far = _Results()
        result: JsonValue = None
        for name, stage in stages.items():
            try:
                result = so_far[name] = yield from stage(brief, so_far)
            except GiveUp as stop:
                output: JsonObject = {"failed": name, "reason": stop.reason, "done": {**so_far}}
                raise GiveUp(f"stage {name!r} failed: {stop.reason}", output) from stop
        return result

    return pipeline


def prompt(text: str, *, role: str = "default", shape: Shape | None = None) -> Stage:
    """Make a stage that asks a model, without tools; `{task}`, `{stage}` and `{stage.key}` in the text are filled in.

    The result is what it says, or a value of the shape as JSON.
    """
    return PromptStage(text, role, None if shape is None else as_json(shape))


def call(tool: str, args: JsonObject | None = None) -> Stage:
    """Make a stage that calls a tool and gives up when the call fails; references in the arguments are filled in.

    An argument that is one reference, such as `"{ticket.key}"`, takes the value itself; in other text it is written. A
    result that is too large to be here as a whole cannot be referred to.
    """
    return CallStage(tool, args or {})


def optional(stage: Stage, default: JsonValue = None) -> Stage:
    """Make a stage that may fail: its result is then `default` and the pipeline goes on."""
    return OptionalStage(stage, default)


def parallel(**stages: Stage) -> Stage:
    """Make a stage of named stages at the same time, each in a branch of its own; the result holds theirs by name.

    It gives up after all have ended, when one of them gave up.
    """
    return ParallelStage(stages)


@dataclass(frozen=True, slots=True)
class PromptStage:
    """Ask a model something."""

    text: str
    role: str
    shape: Shape | None

    def __call__(self, brief: Brief, so_far: Mapping[str, JsonValue], /) -> Door[JsonValue]:
        """Ask and return what it says."""
        say = as_text(_filled(self.text, brief, so_far))
        if self.shape is not None:
            return (yield from ask_for(self.shape, say, role=self.role))
        answer = yield from ask(say, role=self.role, tools=())
        return answer.text


@dataclass(frozen=True, slots=True)
class CallStage:
    """Make one call."""

    tool: str
    args: JsonObject

    def __call__(self, brief: Brief, so_far: Mapping[str, JsonValue], /) -> Door[JsonValue]:
        """Call and return the output."""
        args = cast("JsonObject", _filled(self.args, brief, so_far))
        heads = so_far.heads if isinstance(so_far, _Results) else []
        if any(_cut(value, heads) for value in referred(self.args, {"task": brief.task, **so_far}, BRACES)):
            # A call made with half a value would look like a success.
            raise GiveUp(f"{self.tool} was not called: a result that it refers to is too large, only its head is here")
        outcome = yield from performed(Call(self.tool, args))
        if outcome.blob:
            heads.append(outcome.output)
        return outcome.output


@dataclass(frozen=True, slots=True)
class OptionalStage:
    """Go on when a stage fails."""

    stage: Stage
    default: JsonValue

    def __call__(self, brief: Brief, so_far: Mapping[str, JsonValue], /) -> Door[JsonValue]:
        """Return the stage's result or the default."""
        try:
            return (yield from self.stage(brief, so_far))
        except GiveUp:
            return self.default


@dataclass(frozen=True, slots=True)
class ParallelStage:
    """Do stages at the same time."""

    stages: Mapping[str, Stage] = field(default_factory=dict[str, Stage])

    def __call__(self, brief: Brief, so_far: Mapping[str, JsonValue], /) -> Door[JsonValue]:
        """Return the results by name."""
        branches = [_branch(stage, brief, so_far) for stage in self.stages.values()]
        ends = cast("tuple[JsonObject, ...]", (yield from fork(branches)))
        ended = dict(zip(self.stages, ends, strict=True))
        failed = [f"{name}: {end['failed']}" for name, end in ended.items() if "failed" in end]
        if failed:
            raise GiveUp("; ".join(failed))
        return {name: end["result"] for name, end in ended.items()}


class _Results(dict[str, JsonValue]):
    """The results so far, and which of them are only the head of a larger one."""

    __slots__ = ("heads",)

    def __init__(self) -> None:
        super().__init__()
        self.heads: list[JsonValue] = []


def _cut(value: JsonValue, heads: Sequence[JsonValue]) -> bool:
    """Say whether a value is, or holds, one of these very heads."""
    match value:
        case list():
            return any(_cut(item, heads) for item in value)
        case dict():
            return any(_cut(item, heads) for item in value.values())
        case _:
            return any(value is head for head in heads)


def _branch(stage: Stage, brief: Brief, so_far: Mapping[str, JsonValue]) -> Door[JsonValue]:
    """Follow a stage to its end, good or bad: a branch that gives up must not tear its neighbours from their work."""
    try:
        return {"result": (yield from stage(brief, so_far))}
    except GiveUp as stop:
        return {"failed": stop.reason}


def _filled(template: JsonValue, brief: Brief, so_far: Mapping[str, JsonValue]) -> JsonValue:
    try:
        return fill(template, {"task": brief.task, **so_far}, BRACES)
    except LookupError as error:
        raise GiveUp(str(error)) from None


def _leaves(stage: Stage) -> Iterator[PromptStage | CallStage]:
    """Find the ready-made stages within a stage; what a function of the user's does, nobody can look up."""
    match stage:
        case PromptStage() | CallStage():
            yield stage
        case OptionalStage():
            yield from _leaves(stage.stage)
        case ParallelStage():
            for inner in stage.stages.values():
                yield from _leaves(inner)
        case _:
            pass


def _check_references(stages: Mapping[str, Stage]) -> None:
    if not stages:
        raise ConfigError("a pipeline needs a stage")
    known = ["task"]
    for name, stage in stages.items():
        if name == "task":
            raise ConfigError("a stage cannot be named 'task', which is what `{task}` stands for; rename it")
        for leaf in _leaves(stage):
            template = leaf.text if isinstance(leaf, PromptStage) else leaf.args
            for reference in references(template, BRACES):
                if reference not in known:
                    raise ConfigError(f"stage {name!r} refers to {reference!r}; known there: {', '.join(known)}")
        known.append(name)


def _check_tools(stages: Mapping[str, Stage], brief: Brief) -> None:
    for name, stage in stages.items():
        for leaf in _leaves(stage):
            if isinstance(leaf, CallStage) and leaf.tool not in brief.tools:
                known = ", ".join(brief.tools) or "none"
                raise GiveUp(f"stage {name!r} calls {leaf.tool!r}, which the agent does not have; it has: {known}")
