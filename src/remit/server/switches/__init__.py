"""Switches: an agent, a tool or a whole tenant is switched off in a moment, for all processes, and on again."""

from remit.server.switches.board import Board
from remit.server.switches.guard import SwitchedOff, guarded
from remit.server.switches.port import Switch, Switchable, SwitchStore

__all__ = ["Board", "Switch", "SwitchStore", "Switchable", "SwitchedOff", "guarded"]
