"""Ways of working, as generators that yield moves: react, pipeline, plan and execute."""

from remit.strategies.doors import ask_for, mended, perform
from remit.strategies.pipeline import Stage, call, optional, parallel, pipeline, prompt
from remit.strategies.plan import Plan, PlanStep
from remit.strategies.plan_and_execute import plan_and_execute, planning
from remit.strategies.react import react, shaped

__all__ = [
    "Plan",
    "PlanStep",
    "Stage",
    "ask_for",
    "call",
    "mended",
    "optional",
    "parallel",
    "perform",
    "pipeline",
    "plan_and_execute",
    "planning",
    "prompt",
    "react",
    "shaped",
]
