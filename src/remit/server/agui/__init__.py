"""AG-UI: agents in front ends of others, such as CopilotKit. Needs `remit[agui]`."""

from remit.server.agui.front import front

__all__ = ["front"]
