"""Plan and execute: a model plans calls as a graph, which then run without it until one fails.

Sources: ReWOO (Xu et al., 2023, arXiv:2305.18323) and LLMCompiler (Kim et al., 2023, arXiv:2312.04511).
"""

from collections.abc import Sequence
from typing import cast

from remit.core.messages import Call
from remit.core.moves import Brief, Door, GiveUp, Strategy, StrategyMaker, ask, note, run, versioned
from remit.core.shape import Shape
from remit.core.values import JsonObject, JsonValue
from remit.strategies.doors import ask_for, succeeded
from remit.strategies.plans import plan_text
from remit.strategies.plans.plan import PLAN, Done, Plan, PlanStep, edges, review
from remit.strategies.plans.schedule import waves
from remit.strategies.prompts import Prompts
from remit.strategies.react import as_json
from remit.strategies.template import DOUBLE_BRACES, as_text, fill


def planning(
    *, most: int = 16, replans: int = 2, shape: Shape | None = None, prompts: Prompts = plan_text.PROMPTS
) -> StrategyMaker:
    """Make a plan-and-execute strategy: at most so many steps a plan and so many new plans after failures.

    The output is the model's answer, or a value of the shape as JSON. It gives up on a plan that is still not valid
    after one repair and on a failure after the last replan; the output then holds the problems or the results so far.
    """
    final = None if shape is None else as_json(shape)

    @versioned(prompts.edition())
    def plan_and_execute(brief: Brief) -> Strategy:
        done: Done = {}
        say = plan_text.opening(prompts, brief, most)
        replanned = 0
        while True:
            plan = yield from _plan(prompts, say, brief, done, most)
            yield from note("plan", plan.as_json())
            failed = yield from _execute(plan, done)
            if not failed:
                break
            if replanned == replans:
                raise _given_up(plan, done, failed, replans)
            replanned += 1
            say = plan_text.replan(prompts, plan, done, failed)
        if final is not None:
            return (yield from ask_for(final, plan_text.closing(prompts, done)))
        answer = yield from ask(plan_text.closing(prompts, done), tools=())
        return answer.text

    return plan_and_execute


plan_and_execute = planning()
"""Plan and execute, with at most 16 steps a plan and 2 replans."""


def _plan(prompts: Prompts, say: str, brief: Brief, done: Done, most: int) -> Door[Plan]:
    """Get a plan that can run, with one round to repair what a review finds."""
    plan: Plan = yield from ask_for(PLAN, say)
    found = review(plan, brief, done=done, most=most)
    if not found.errors and not found.notes:
        return plan
    plan = yield from ask_for(PLAN, plan_text.repair(prompts, found))
    errors = review(plan, brief, done=done, most=most).errors
    if errors:
        output: JsonObject = {"problems": list(errors), "plan": plan.as_json(), "done": _outputs(done)}
        raise GiveUp(f"the plan is still not valid after one repair: {'; '.join(errors)}", output)
    return plan


def _execute(plan: Plan, done: Done) -> Door[dict[str, str]]:
    """Run a plan, adding to `done` what goes well, until steps of a wave fail; return why those did."""
    steps = {step.id: step for step in plan.steps}
    for wave in waves(edges(plan)):
        failed = yield from _execute_wave([steps[name] for name in wave], done)
        if failed:
            return failed
    return {}


def _execute_wave(steps: Sequence[PlanStep], done: Done) -> Door[dict[str, str]]:
    calls: dict[str, Call] = {}
    failed: dict[str, str] = {}
    for step in steps:
        try:
            calls[step.id] = _call(step, done)
        except LookupError as error:
            failed[step.id] = str(error)
    outcomes = (yield from run(list(calls.values()))) if calls else ()
    ended = dict(zip(calls, outcomes, strict=True))
    for step in steps:
        outcome = ended.get(step.id)
        if outcome is not None and succeeded(outcome):
            done[step.id] = (step, outcome)
        elif outcome is not None:
            failed[step.id] = f"{outcome.status}: {as_text(outcome.output)}"
    return failed


def _call(step: PlanStep, done: Done) -> Call:
    for name in step.refers_to():
        outcome = done[name][1]
        if outcome.blob:
            # Only its head is here, and a call made with half a value would look like a success.
            raise LookupError(f"the result of {name!r} is too large to refer to ({outcome.size} bytes)")
    return Call(step.tool, cast("JsonObject", fill(step.args, _outputs(done), DOUBLE_BRACES)))


def _outputs(done: Done) -> dict[str, JsonValue]:
    return {name: outcome.output for name, (_, outcome) in done.items()}


def _given_up(plan: Plan, done: Done, failed: dict[str, str], replans: int) -> GiveUp:
    why = "; ".join(plan_text.failures(plan, failed))
    return GiveUp(f"the task failed after {replans} replans: {why}", {"failed": {**failed}, "done": _outputs(done)})
