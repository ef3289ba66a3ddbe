"""Remit: an operating system for agents. It runs them within their remit: what they may do, spend and touch."""

from remit.core.agent import Agent
from remit.core.errors import RejectedError, RemitError
from remit.core.limits import Limits, Tenant
from remit.core.messages import Call
from remit.core.moves import Brief, GiveUp, Strategy, ask, fork, note, run
from remit.core.ports import ToolContext
from remit.core.shape import Shape, shape
from remit.home import Home, Settings
from remit.policy import AskBefore, Permissions, Secrets
from remit.runtime import RunResult
from remit.strategies import react
from remit.tools import tool

__all__ = [
    "Agent",
    "AskBefore",
    "Brief",
    "Call",
    "GiveUp",
    "Home",
    "Limits",
    "Permissions",
    "RejectedError",
    "RemitError",
    "RunResult",
    "Secrets",
    "Settings",
    "Shape",
    "Strategy",
    "Tenant",
    "ToolContext",
    "ask",
    "fork",
    "note",
    "react",
    "run",
    "shape",
    "tool",
]
