"""Remit: an operating system for agents. It runs them within their remit: what they may do, spend and touch."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remit.core.agent import Agent
    from remit.core.errors import RejectedError, RemitError
    from remit.core.limits import Limits, Tenant
    from remit.core.messages import Call
    from remit.core.moves import Brief, GiveUp, Strategy, ask, fork, note, run, versioned
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
    "versioned",
]

_HOMES = {
    "remit.core.agent": ("Agent",),
    "remit.core.errors": ("RejectedError", "RemitError"),
    "remit.core.limits": ("Limits", "Tenant"),
    "remit.core.messages": ("Call",),
    "remit.core.moves": ("Brief", "GiveUp", "Strategy", "ask", "fork", "note", "run", "versioned"),
    "remit.core.ports": ("ToolContext",),
    "remit.core.shape": ("Shape", "shape"),
    "remit.home": ("Home", "Settings"),
    "remit.policy": ("AskBefore", "Permissions", "Secrets"),
    "remit.runtime": ("RunResult",),
    "remit.strategies": ("react",),
    "remit.tools": ("tool",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for, so that `remit --help` does not wait for what it never uses."""
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'remit' has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
