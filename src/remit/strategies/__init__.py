"""Ways of working, as generators that yield moves: react, pipeline, plans, programs, and those made of others."""

from remit.strategies.checks import Check, Finding, by_model, by_tool
from remit.strategies.debate import Debater, debate
from remit.strategies.doors import ask_alone, ask_for, attempt, mended, perform
from remit.strategies.pipeline import Stage, call, optional, parallel, pipeline, prompt
from remit.strategies.plan_and_execute import plan_and_execute, planning
from remit.strategies.plans.plan import Plan, PlanStep
from remit.strategies.programs import ProgramTerms, code
from remit.strategies.prompts import Prompts
from remit.strategies.react import react, shaped
from remit.strategies.reflect import reflect
from remit.strategies.reflexion import reflexion
from remit.strategies.router import Route, router
from remit.strategies.self_consistency import self_consistency
from remit.strategies.thoughts import Bounds, Problem, Thoughts
from remit.strategies.tree_of_thoughts import tree_of_thoughts
from remit.strategies.votes import Ballot, exact, last_number, normalised

__all__ = [
    "Ballot",
    "Bounds",
    "Check",
    "Debater",
    "Finding",
    "Plan",
    "PlanStep",
    "Problem",
    "ProgramTerms",
    "Prompts",
    "Route",
    "Stage",
    "Thoughts",
    "ask_alone",
    "ask_for",
    "attempt",
    "by_model",
    "by_tool",
    "call",
    "code",
    "debate",
    "exact",
    "last_number",
    "mended",
    "normalised",
    "optional",
    "parallel",
    "perform",
    "pipeline",
    "plan_and_execute",
    "planning",
    "prompt",
    "react",
    "reflect",
    "reflexion",
    "router",
    "self_consistency",
    "shaped",
    "tree_of_thoughts",
]
