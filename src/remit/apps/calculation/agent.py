"""The calculator: a model writes down how to calculate, and a program does it exactly."""

import msgspec

from remit.core.agent import Agent
from remit.core.limits import Limits
from remit.core.ports import Model
from remit.core.programs import Bounds, SandboxPolicy
from remit.core.shape import shape
from remit.strategies.programs import ProgramTerms, code

NAME = "calculator"

INSTRUCTIONS = """You answer questions that need a calculation by writing a program that calculates exactly.
Money and rates are Decimal made from text, such as Decimal("0.05"), or whole numbers of the smallest unit; counts are
whole numbers; never float. Round once, at the end, with quantize and the rounding that the question asks for, else
ROUND_HALF_UP to the cent. Take every figure from the question, and nothing from memory that you could compute.
The value of the last expression is a dict:
  {"result": the figure as text, with its unit or currency, "working": one or two sentences on how it came about}
Make both of them from what the program computed."""

BOUNDS = Bounds(wall=10.0, cpu=10.0, memory=64_000_000, output=100_000, calls=1)
"""For one program."""


class Result(msgspec.Struct, frozen=True):
    """What a calculation came to."""

    result: str
    """The exact figure as text, with its unit."""
    working: str = ""


RESULT = shape(Result)


def calculator(*, model: str | Model, bounds: Bounds = BOUNDS, limits: Limits | None = None) -> Agent:
    """Make an agent that calculates exactly: compound interest, instalments, splits to the cent.

    Its programs run in the weakest tier, an interpreter without files and tools, so that nothing needs to be set up
    but the extra `sandbox`. Its output is a `Result` as JSON.
    """
    return Agent(
        NAME,
        model=model,
        instructions=INSTRUCTIONS,
        strategy=code(ProgramTerms(policy=SandboxPolicy(bounds=bounds), tools=()), repairs=3, shape=RESULT),
        limits=limits or Limits(usd=0.10, steps=20, seconds=300, depth=0),
        output=RESULT,
    )
