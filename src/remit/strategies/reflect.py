"""Reflect: draft, check, revise with the concrete findings, at most so often; the best is kept.

Source: Self-Refine (Madaan et al., 2023, arXiv:2303.17651), with checks by code and tools before a model's opinion.
"""

from collections.abc import Sequence
from math import inf

from remit.core.errors import ConfigError
from remit.core.moves import Brief, GiveUp, Strategy, StrategyMaker, note, prefaced, versioned
from remit.strategies.checks import Check, as_checks, as_json, findings, listed, weight
from remit.strategies.prompts import Prompts, load
from remit.strategies.react import react
from remit.strategies.template import as_text

PROMPTS = load("reflect")


def reflect(
    inner: StrategyMaker = react,
    *,
    check: Check | Sequence[Check] | None = None,
    rounds: int = 3,
    role: str = "critic",
    revise: StrategyMaker | None = None,
    prompts: Prompts = PROMPTS,
) -> StrategyMaker:
    """Make a strategy that revises what `inner` drafts, in the same conversation, until no check finds anything.

    At most `rounds` revisions, each by `revise`, or by `inner` again: one that makes fixed calls would make them again.
    The output is the one whose findings weigh least, the later of two that weigh the same. Without a `check` a critic
    of this `role` is asked. It gives up when the draft does, and when an output cannot be checked.
    """
    if rounds < 0:
        raise ConfigError(f"rounds is not below 0, so not {rounds}")
    checks, again = as_checks(check, role), revise or inner
    within = (inner,) if again is inner else (inner, again)

    @versioned(prompts.edition(*within))
    def reflect(brief: Brief) -> Strategy:
        output = yield from inner(brief)
        best, least, left = output, inf, rounds
        while True:
            found = yield from findings(checks, brief, output, prompts)
            yield from note("critique", {"weight": weight(found), "findings": as_json(found), "left": left})
            if weight(found) <= least:
                best, least = output, weight(found)
            if not found or not left:
                return best
            left -= 1
            say = prompts.text("revise", output=as_text(output), findings=listed(found))
            try:
                output = yield from prefaced(again(brief), say)
            except GiveUp as stop:
                yield from note("critique", {"failed": stop.reason})
                return best

    return reflect
