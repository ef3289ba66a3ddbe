"""Calculation: exact answers to questions about figures, worked out by a program instead of by a model."""

from remit.apps.calculation.agent import BOUNDS, RESULT, Result, calculator

__all__ = ["BOUNDS", "RESULT", "Result", "calculator"]
