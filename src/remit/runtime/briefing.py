"""Briefing: what a strategy is told when it begins. It depends on declarations only, so a replay is told the same."""

from remit.core.messages import Call
from remit.core.moves import Brief, ToolCard
from remit.core.ports import ToolSpec
from remit.core.state import State
from remit.policy import judge
from remit.runtime.world import World


def brief(task: str, world: World) -> Brief:
    """Make the brief of a run."""
    cards = {name: card(tool.spec) for name, tool in world.tools.items()}

    def preview(call: Call) -> str:
        tool = world.tools.get(call.tool)
        if tool is None:
            return ""
        verdict = judge(world.guards, call, tool.spec, State())
        return verdict.reason if verdict.kind in {"ask", "deny"} else ""

    return Brief(task, cards, preview)


def card(spec: ToolSpec) -> ToolCard:
    """Reduce a contract to what a plan needs."""
    properties = spec.schema.get("properties")
    required = spec.schema.get("required")
    return ToolCard(
        spec.name,
        spec.description,
        tuple(str(name) for name in required) if isinstance(required, list) else (),
        tuple(properties) if isinstance(properties, dict) else (),
        open=not isinstance(properties, dict) or bool(spec.schema.get("additionalProperties", False)),
    )
