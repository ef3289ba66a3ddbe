"""Plan: calls that depend on each other's results, as a model writes them, and the review before anything runs."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from remit.core.messages import Call, Outcome
from remit.core.moves import Brief, ToolCard
from remit.core.shape import shape
from remit.core.values import JsonObject, JsonValue
from remit.strategies.plans.schedule import cycle
from remit.strategies.template import DOUBLE_BRACES, references

StepId = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]+$")]


class PlanStep(msgspec.Struct, frozen=True):
    """One call of a plan. Strings in `args` may hold `{{id}}` or `{{id.key.0}}` for the result of an earlier step."""

    id: StepId
    tool: str
    args: JsonObject = {}
    depends_on: tuple[str, ...] = ()

    def refers_to(self) -> tuple[str, ...]:
        """List the steps whose results the arguments need."""
        return references(self.args, DOUBLE_BRACES)


class Plan(msgspec.Struct, frozen=True):
    """What to do, and what must come before what."""

    steps: tuple[PlanStep, ...]

    def as_json(self) -> JsonValue:
        """Give the plan as plain JSON, equal to what a journal gives back."""
        return msgspec.json.decode(msgspec.json.encode(self))


PLAN = shape(Plan)

Done = dict[str, tuple[PlanStep, Outcome]]
"""Steps that went well, by id, over all plans of a run."""


@dataclass(frozen=True, slots=True)
class Review:
    """What is wrong with a plan."""

    errors: tuple[str, ...]
    """It cannot run like this."""
    notes: tuple[str, ...]
    """The model should know, and may keep it so."""


def edges(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Say which steps of a plan each step waits for: those it names and those it refers to."""
    own = {step.id for step in plan.steps}
    return {
        step.id: tuple(name for name in dict.fromkeys((*step.depends_on, *step.refers_to())) if name in own)
        for step in plan.steps
    }


def review(plan: Plan, brief: Brief, *, done: Collection[str], most: int) -> Review:
    """Find all that is wrong with a plan of at most so many steps, given the steps that are done already."""
    errors: list[str] = []
    if len(plan.steps) > most:
        errors.append(f"the plan has {len(plan.steps)} steps; at most {most} are allowed")
    errors.extend(_id_errors(plan, done))
    known = {*done, *(step.id for step in plan.steps)}
    for step in plan.steps:
        errors.extend(f"step {step.id!r}: {problem}" for problem in _name_errors(step, known))
        errors.extend(f"step {step.id!r}: {problem}" for problem in _argument_errors(step, brief.tools))
    waits = edges(plan)
    around = cycle(waits)
    if around:
        errors.append(f"the steps wait for each other in a circle: {' -> '.join(around)}")
    return Review(tuple(errors), (*_dependency_notes(plan, waits), *_policy_notes(plan, brief)))


def _id_errors(plan: Plan, done: Collection[str]) -> Iterator[str]:
    seen: set[str] = set()
    for step in plan.steps:
        if step.id in done:
            yield f"step {step.id!r}: this id belongs to a step that is done; choose another"
        elif step.id in seen:
            yield f"step {step.id!r}: two steps have this id"
        seen.add(step.id)


def _name_errors(step: PlanStep, known: Collection[str]) -> Iterator[str]:
    for name in step.depends_on:
        if name not in known:
            yield f"depends_on names {name!r}, which is not a step"
    for name in step.refers_to():
        if name not in known:
            yield f"its arguments refer to {{{{{name}}}}}, which is not a step"


def _argument_errors(step: PlanStep, tools: Mapping[str, ToolCard]) -> Iterator[str]:
    card = tools.get(step.tool)
    if card is None:
        yield f"there is no tool {step.tool!r}; there are: {', '.join(tools) or 'none'}"
        return
    for name in card.required:
        if name not in step.args:
            yield f"{step.tool} needs the argument {name!r}"
    for name in step.args:
        if name not in card.arguments and not card.open:
            yield f"{step.tool} has no argument {name!r}; it has: {', '.join(card.arguments) or 'none'}"


def _dependency_notes(plan: Plan, waits: Mapping[str, Collection[str]]) -> Iterator[str]:
    named = {step.id: step.depends_on for step in plan.steps}
    for step in plan.steps:
        before = _ancestors(step.id, named)
        for name in step.refers_to():
            if name in waits[step.id] and name not in before:
                yield f"step {step.id!r}: its arguments refer to {{{{{name}}}}}; add {name!r} to its depends_on"


def _ancestors(step: str, named: Mapping[str, Collection[str]]) -> set[str]:
    found: set[str] = set()
    left = list(named[step])
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left.extend(named.get(name, ()))
    return found


def _policy_notes(plan: Plan, brief: Brief) -> Iterator[str]:
    for step in plan.steps:
        if step.tool in brief.tools:
            reason = brief.preview(Call(step.tool, step.args))
            if reason:
                yield f"step {step.id!r}: {step.tool} may be refused or must wait for a person: {reason}"
