"""Programs: plans that models write as code, the functions they are given, and the checks before anything runs."""

from remit.strategies.programs.plan_as_code import ProgramTerms, code

__all__ = ["ProgramTerms", "code"]
