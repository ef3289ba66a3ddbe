"""Rows: the ways of working that the table compares, by name, and what they are given. Light: the report imports it."""

from dataclasses import dataclass

ROUNDS = 6
"""Revisions that `reflect` may make after its draft; `reflexion` has as many attempts in all, so one more."""
SAMPLES = 5
PROBABILITY = 0.45
"""The chance that the model is right; a twentieth of its mistakes do no harm, so that direct work passes near 48 %."""
HABIT = 0.5
CATCHES, TRUSTS = 0.8, 0.9
SEEDS = (1, 2, 3)


OWN, HALF, ALL = "execution: the task's own examples", "execution: every other test", "execution: the tests that decide"


@dataclass(frozen=True, slots=True)
class Row:
    """One way of working."""

    name: str
    title: str


def revised(name: str, feedback: str) -> Row:
    """Return a row of `reflect`."""
    return Row(f"reflect_{name}", f"`reflect`, at most {ROUNDS} revisions; feedback: {feedback}")


def retried(name: str, feedback: str) -> Row:
    """Return a row of `reflexion`."""
    return Row(f"reflexion_{name}", f"`reflexion`, at most {ROUNDS + 1} attempts; feedback: {feedback}")


ROWS = (
    Row("reference", "the reference solutions (self check)"),
    Row("direct", "direct (`react`)"),
    Row("self_consistency", f"`self_consistency`, {SAMPLES} samples, vote by text"),
    Row("tree_of_thoughts", f"`tree_of_thoughts`, {SAMPLES} proposals, depth 1; feedback: the model as judge"),
    revised("critic", "the model as critic"),
    *(revised(name, feedback) for name, feedback in (("examples", OWN), ("half", HALF), ("tests", ALL))),
    *(retried(name, feedback) for name, feedback in (("examples", OWN), ("half", HALF), ("tests", ALL))),
)
