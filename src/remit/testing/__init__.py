"""Doubles that ship, and the conformance suites every adapter must pass."""

from remit.testing.effects import EffectCounter
from remit.testing.models import check_model, check_wrapper
from remit.testing.mutations import mutated_program
from remit.testing.noisy import Grader, NoisyModel
from remit.testing.replay import ReplayModel
from remit.testing.scripted import EchoModel, ScriptedModel, calls, says, use
from remit.testing.tools import check_tool

__all__ = [
    "EchoModel",
    "EffectCounter",
    "Grader",
    "NoisyModel",
    "ReplayModel",
    "ScriptedModel",
    "calls",
    "check_model",
    "check_tool",
    "check_wrapper",
    "mutated_program",
    "says",
    "use",
]
