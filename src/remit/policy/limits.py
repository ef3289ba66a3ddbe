"""Limits: why a run may not go on, in words that say which limit it was and where it stands. Empty when it may."""

from remit.core.state import State
from remit.core.values import Nanos, nanos, show_usd


def refusal(state: State, at_ms: int, *, begun: bool = False) -> str:
    """Say why the run under way may not make another move at this time (milliseconds since the epoch).

    What belongs to a move that was `begun`, and so is counted already, is not refused for its steps.
    """
    run, limits = state.run, state.limits
    if run is None:
        return ""
    if not begun and limits.steps is not None and run.moves >= limits.steps:
        return _reached("steps", f"{run.moves} of {limits.steps} steps are made")
    if limits.tokens is not None and run.tokens >= limits.tokens:
        return _reached("tokens", f"{run.tokens} of {limits.tokens} tokens are used")
    seconds = (at_ms - run.clock) / 1000
    if limits.seconds is not None and seconds >= limits.seconds:
        return _reached("seconds", f"{seconds:.1f} of {limits.seconds:g} seconds are over")
    return ""


def budget_refusal(state: State, worst: Nanos) -> str:
    """Say why something that costs this much at worst does not fit into what the run and the session may spend.

    It is true only until something else is held: nothing may be awaited before the state has taken the hold in.
    """
    run, limits = state.run, state.limits
    spent, held = (run.spent, run.held) if run else (0, 0)
    return _over("usd", limits.usd, spent, held, worst) or _over(
        "session_usd", limits.session_usd, state.spent, held, worst
    )


def _over(limit: str, cap: float | None, spent: Nanos, held: Nanos, worst: Nanos) -> str:
    if cap is None or spent + held + worst <= nanos(cap):
        return ""
    used = f"{show_usd(spent)} spent and {show_usd(held)} held"
    return _reached(limit, f"this may cost {show_usd(worst)}, and of {show_usd(nanos(cap))} there are {used}")


def _reached(limit: str, figure: str) -> str:
    return f"limit `{limit}`: {figure}; raise `Limits.{limit}` to go further"
