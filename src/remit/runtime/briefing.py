"""Briefing: what a strategy is told when it begins. It depends on declarations only, so a replay is told the same."""

from remit.core.messages import Call
from remit.core.moves import Brief
from remit.core.state import State
from remit.policy import judge
from remit.runtime.world import World


def brief(task: str, world: World) -> Brief:
    """Make the brief of a run."""

    def preview(call: Call) -> str:
        tool = world.tools.get(call.tool)
        if tool is None:
            return ""
        verdict = judge(world.guards, call, tool.spec, State())
        return verdict.reason if verdict.kind in {"ask", "deny"} else ""

    return Brief(task, world.cards, preview)
