"""Plan text: what a model is told while it plans, filled into the words of `prompts/plan_and_execute.toml`."""

from collections.abc import Mapping

from remit.core.moves import Brief, ToolCard
from remit.strategies.plans.plan import Done, Plan, Review
from remit.strategies.prompts import Prompts, load
from remit.strategies.template import as_text, items

PROMPTS = load("plan_and_execute")


def opening(prompts: Prompts, brief: Brief, most: int) -> str:
    """Ask for the first plan."""
    return prompts.text("opening", most=most, tools="\n".join(map(_tool, brief.tools.values())) or "(none)")


def repair(prompts: Prompts, found: Review) -> str:
    """Report everything a review found."""
    notes = [f"{note} (keep it only if the task needs it)" for note in found.notes]
    return prompts.text("repair", problems=items([*found.errors, *notes]))


def replan(prompts: Prompts, plan: Plan, done: Done, failed: Mapping[str, str]) -> str:
    """Tell what became of a plan and ask for the rest."""
    left = ", ".join(step.id for step in plan.steps if step.id not in done and step.id not in failed)
    told = items(failures(plan, failed))
    return prompts.text("replan", done=_results(done) or "- nothing", failed=told, left=left or "none")


def closing(prompts: Prompts, done: Done) -> str:
    """Ask for the answer."""
    return prompts.text("closing", done=_results(done)) if done else prompts.text("closing_without_steps")


def failures(plan: Plan, failed: Mapping[str, str]) -> list[str]:
    """Say of each failed step what it was and why it failed."""
    return [f"{step.id} ({step.tool}): {failed[step.id]}" for step in plan.steps if step.id in failed]


def _results(done: Done) -> str:
    return items([f"{name} ({step.tool}): {as_text(outcome.output)}" for name, (step, outcome) in done.items()])


def _tool(card: ToolCard) -> str:
    arguments = ", ".join(name if name in card.required else f"{name}?" for name in card.arguments)
    return f"- {card.name}({arguments}): {' '.join(card.description.split())}"
