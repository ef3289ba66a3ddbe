"""Limits: what does not fit is refused before it happens, in words that say what to raise."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Usage
from remit.core.state import State
from remit.core.values import Nanos, nanos
from remit.policy import budget_refusal, refusal


def session(limits: Limits, events: Sequence[ev.Event] = ()) -> State:
    opened = ev.SessionOpened("helper", "1", "react@1", {}, "default", ev.Tree("s"), limits, {})
    return State.fold([opened, ev.RunOpened(1, "react@1", "w", 1_000), *events])


def answered(step: str, *, hold: Nanos = 0, cost: Nanos = 0, tokens: int = 0) -> list[ev.Event]:
    return [ev.ModelAsked(step, hold=hold), ev.ModelAnswered(step, "", usage=Usage(tokens, 0), cost=cost)]


def test_moves_are_counted_up_to_the_limit() -> None:
    limits = Limits(steps=2)
    assert refusal(session(limits, answered("1")), 1_000) == ""
    assert refusal(session(limits, [*answered("1"), *answered("2")]), 1_000) == (
        "limit `steps`: 2 of 2 steps are made; raise `Limits.steps` to go further"
    )


def test_tokens_are_counted_up_to_the_limit() -> None:
    state = session(Limits(tokens=100), answered("1", tokens=100))
    assert refusal(state, 1_000) == "limit `tokens`: 100 of 100 tokens are used; raise `Limits.tokens` to go further"
    assert refusal(session(Limits(tokens=101), answered("1", tokens=100)), 1_000) == ""


def test_the_clock_of_a_run_starts_when_it_opens() -> None:
    state = session(Limits(seconds=2.5))
    assert refusal(state, 3_499) == ""
    assert refusal(state, 3_500) == "limit `seconds`: 2.5 of 2.5 seconds are over; raise `Limits.seconds` to go further"


def test_time_spent_waiting_for_a_person_does_not_count() -> None:
    state = session(Limits(seconds=10), [ev.RunSuspended("approval", 2_000), ev.RunResumed("w", 9_000_000)])
    assert refusal(state, 9_008_999) == ""
    assert refusal(state, 9_009_000)


def test_without_bounds_or_without_a_run_nothing_is_refused() -> None:
    endless = Limits(steps=None)
    assert refusal(session(endless, answered("1", tokens=10**9)), 10**15) == ""
    assert refusal(State(), 0) == ""
    assert budget_refusal(session(endless), nanos(10**6)) == ""


def test_a_person_can_raise_a_limit() -> None:
    state = session(Limits(steps=1), [*answered("1"), ev.LimitRaised("steps", 2, "ann")])
    assert refusal(state, 0) == ""


def test_what_fits_the_budget_exactly_is_allowed_and_a_nano_more_is_not() -> None:
    state = session(Limits(usd=0.05))
    assert budget_refusal(state, nanos(0.05)) == ""
    assert budget_refusal(state, nanos(0.05) + 1)


def test_a_refusal_says_what_it_would_cost_what_is_gone_and_which_limit_it_was() -> None:
    events = [*answered("1", hold=nanos(0.3), cost=nanos(0.25)), ev.ModelAsked("2", hold=nanos(0.5))]
    assert budget_refusal(session(Limits(usd=1.0), events), nanos(0.30)) == (
        "limit `usd`: this may cost $0.30, and of $1.00 there are $0.25 spent and $0.50 held;"
        " raise `Limits.usd` to go further"
    )


def test_earlier_runs_count_for_the_session_and_not_for_the_run() -> None:
    events = [*answered("1", cost=nanos(0.9)), ev.RunEnded(1, "done"), ev.RunOpened(2, "react@1", "w", 0)]
    state = session(Limits(usd=1.0, session_usd=1.0), events)
    assert budget_refusal(state, nanos(0.1)) == ""
    assert "`session_usd`" in budget_refusal(state, nanos(0.2))


def test_between_runs_what_the_session_spent_counts() -> None:
    state = session(Limits(session_usd=1.0), [*answered("1", cost=nanos(0.9)), ev.RunEnded(1, "done")])
    assert budget_refusal(state, nanos(0.1)) == ""
    assert budget_refusal(state, nanos(0.2))


WORSTS = st.integers(0, 400)
SHARES = st.floats(0, 1)


@given(
    usd=st.none() | st.integers(0, 1000),
    session_usd=st.none() | st.integers(0, 1000),
    moves=st.lists(st.tuples(st.sampled_from(["ask", "call", "settle", "fail", "run"]), WORSTS, SHARES), max_size=40),
)
def test_whatever_is_asked_spent_and_held_stay_within_the_caps(
    usd: int | None, session_usd: int | None, moves: list[tuple[str, int, float]]
) -> None:
    caps = [None if cap is None else cap / 1e9 for cap in (usd, session_usd)]
    state = session(Limits(usd=caps[0], session_usd=caps[1]))
    open_holds: list[tuple[str, str, int]] = []
    for number, (kind, worst, share) in enumerate(moves):
        if kind in {"ask", "call"} and not budget_refusal(state, worst):
            state.apply(_hold(kind, str(number), worst))
            open_holds.append((kind, str(number), worst))
        elif kind in {"settle", "fail"} and open_holds:
            for event in _settle(*open_holds.pop(0), share, fails=kind == "fail"):
                state.apply(event)
        elif kind == "run" and not open_holds:
            state.apply(ev.RunEnded(state.runs, "done"))
            state.apply(ev.RunOpened(state.runs + 1, "react@1", "w", 0))
        assert state.run is not None
        assert usd is None or state.run.spent + state.run.held <= usd
        assert session_usd is None or state.spent + state.run.held <= session_usd
        assert state.run.held == sum(held for _, _, held in open_holds)


def _hold(kind: str, name: str, worst: int) -> ev.Event:
    if kind == "ask":
        return ev.ModelAsked(name, hold=worst)
    return ev.EffectStarted(f"{name}_0", worst, Call("t", {}, f"{name}_0"))


def _settle(kind: str, name: str, worst: int, share: float, *, fails: bool) -> list[ev.Event]:
    cost = int(worst * share)
    if kind == "call":
        return [ev.EffectEnded(Outcome(f"{name}_0", "failed" if fails else "ok"), cost)]
    return [ev.ModelFailed(name, "late", cost) if fails else ev.ModelAnswered(name, "", cost=cost)]
