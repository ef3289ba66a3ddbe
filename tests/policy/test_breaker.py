"""Breaker: it opens after enough failures, lets one probe at a time through, and never stays stuck."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from remit.core.errors import ConfigError
from remit.core.ports import Gate
from remit.policy import Breaker, Breakers, BreakerStatus, Entered, Tolerance

QUICK = Tolerance(failures=2, cooldown=10, longest=30, lease=5)


class Circuit:
    """A breaker under test with the time in the test's hands."""

    def __init__(self, tolerance: Tolerance = QUICK) -> None:
        self.now = 100.0
        self.breaker = Breaker(tolerance, clock=lambda: self.now)
        self.probe: Entered | None = None

    def end(self, *, ok: bool) -> None:
        """End the call that was let through last, or one that is let through now."""
        entered = self.probe or self.breaker.enter()
        self.probe = None
        assert isinstance(entered, Entered)
        entered.report(ok=ok)

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            self.end(ok=False)

    def refusal(self) -> str:
        entered = self.breaker.enter()
        return entered if isinstance(entered, str) else ""

    def allowed(self, after: float = 0) -> bool:
        self.now += after
        entered = self.breaker.enter()
        if isinstance(entered, str):
            return False
        self.probe = entered if self.breaker.status().state == "half_open" else None
        return True


def test_it_opens_after_failures_in_a_row_and_says_why() -> None:
    circuit = Circuit()
    circuit.fail()
    assert circuit.allowed()
    circuit.fail()
    assert circuit.refusal() == "the circuit is open: it kept failing; try again in 10 s"
    assert circuit.breaker.status() == BreakerStatus("open", 2, 10.0)


def test_a_success_in_between_starts_the_row_anew() -> None:
    circuit = Circuit()
    circuit.fail()
    circuit.end(ok=True)
    circuit.fail()
    assert circuit.allowed()


def test_it_opens_when_too_many_of_the_last_calls_failed() -> None:
    circuit = Circuit(Tolerance(failures=100, ratio=0.5, window=4))
    for ok in (False, True, False):
        circuit.end(ok=ok)
    assert circuit.allowed()
    circuit.end(ok=True)
    assert not circuit.allowed()


def test_failures_that_left_the_window_do_not_count() -> None:
    circuit = Circuit(Tolerance(failures=100, ratio=0.5, window=4))
    for ok in (False, True, True, True, False, True):
        circuit.end(ok=ok)
    assert circuit.allowed()


def test_half_open_lets_exactly_one_probe_through() -> None:
    circuit = Circuit()
    circuit.fail(2)
    assert not circuit.allowed(after=9.9)
    assert circuit.allowed(after=0.1)
    assert circuit.refusal() == "the circuit is open: one call is finding out if it works again; try again in 5 s"


def test_a_probe_that_works_closes_it() -> None:
    circuit = Circuit()
    circuit.fail(2)
    assert circuit.allowed(after=10)
    circuit.end(ok=True)
    assert circuit.breaker.status() == BreakerStatus("closed", 0, 0.0)
    circuit.fail()
    assert circuit.allowed()


def test_the_cool_down_doubles_with_each_failed_probe_up_to_the_longest_and_starts_over_once_closed() -> None:
    circuit = Circuit()
    circuit.fail(2)
    waits: list[float] = []
    for _ in range(4):
        waits.append(circuit.breaker.status().wait)
        assert circuit.allowed(after=waits[-1])
        circuit.fail()
    assert waits == [10, 20, 30, 30]
    assert circuit.allowed(after=30)
    circuit.end(ok=True)
    circuit.fail(2)
    assert circuit.breaker.status().wait == 10


def test_a_service_that_is_down_for_weeks_does_not_overflow() -> None:
    circuit = Circuit()
    circuit.fail(2)
    for _ in range(2000):
        assert circuit.allowed(after=30)
        circuit.fail()
    assert circuit.breaker.status().wait == 30


def test_a_probe_that_nobody_reports_is_replaced_after_its_lease() -> None:
    circuit = Circuit()
    circuit.fail(2)
    assert circuit.allowed(after=10)
    assert not circuit.allowed(after=4.9)
    assert circuit.allowed(after=0.1)
    assert not circuit.allowed()


def test_late_reports_of_earlier_calls_move_no_circuit() -> None:
    circuit = Circuit()
    early = [circuit.breaker.enter() for _ in range(6)]
    circuit.fail(2)
    opened = circuit.breaker.status()
    _report(early[0], ok=True)
    assert circuit.breaker.status() == opened
    assert circuit.allowed(after=10)
    probing = circuit.breaker.status()
    _report(early[1], ok=False)
    _report(early[2], ok=True)
    assert circuit.breaker.status() == probing, "only the probe says how it is now"
    circuit.end(ok=True)
    for entered in early[3:]:
        assert isinstance(entered, Entered)
        assert not entered.good
        _report(entered, ok=False)
    assert circuit.breaker.status() == BreakerStatus("closed", 0, 0.0)


def test_a_probe_whose_lease_is_over_says_nothing_any_more() -> None:
    circuit = Circuit()
    circuit.fail(2)
    assert circuit.allowed(after=10)
    lost = circuit.probe
    assert circuit.allowed(after=5)
    _report(lost, ok=False)
    assert circuit.breaker.status().state == "half_open"
    circuit.end(ok=True)
    assert circuit.breaker.status().state == "closed"


def test_a_probe_that_is_given_back_lets_the_next_call_be_it() -> None:
    circuit = Circuit()
    circuit.fail(2)
    assert circuit.allowed(after=10)
    assert not circuit.allowed()
    assert circuit.probe is not None
    circuit.probe.release()
    circuit.probe.report(ok=False)
    assert circuit.allowed()
    circuit.end(ok=True)
    assert circuit.allowed()


def test_a_call_is_reported_once() -> None:
    circuit = Circuit()
    entered = circuit.breaker.enter()
    for _ in range(5):
        _report(entered, ok=False)
    assert circuit.breaker.status() == BreakerStatus("closed", 1, 0.0)


def _report(entered: Entered | str | None, *, ok: bool) -> None:
    assert isinstance(entered, Entered)
    entered.report(ok=ok)


@pytest.mark.parametrize(
    "wrong",
    [{"failures": 0}, {"window": 0}, {"ratio": 0}, {"ratio": 1.1}, {"cooldown": 0}, {"longest": 0}, {"lease": 0}],
)
def test_a_tolerance_that_could_never_work_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="needs counts"):
        Tolerance(**wrong)


def test_each_name_has_a_circuit_of_its_own_and_may_bear_more() -> None:
    now = [0.0]
    breakers = Breakers(QUICK, others={"jira": Tolerance(failures=3)}, clock=lambda: now[0])
    gate: Gate = breakers
    for name in ("mail", "jira"):
        for _ in range(2):
            entered = gate.enter(name)
            assert not isinstance(entered, str)
            entered.report(ok=False)
    assert gate.enter("mail") == "`mail`: the circuit is open: it kept failing; try again in 10 s"
    assert not isinstance(gate.enter("jira"), str)
    assert not isinstance(gate.enter("new"), str)
    assert breakers.snapshot() == {
        "jira": BreakerStatus("closed", 2, 0.0),
        "mail": BreakerStatus("open", 2, 10.0),
        "new": BreakerStatus("closed", 0, 0.0),
    }
    now[0] = 10.0
    assert not isinstance(gate.enter("mail"), str)


def test_by_default_five_failures_in_a_row_open_a_circuit() -> None:
    breakers = Breakers()
    for _ in range(5):
        entered = breakers.enter("t")
        assert not isinstance(entered, str)
        entered.report(ok=False)
    assert isinstance(breakers.enter("t"), str)


class Callers(RuleBasedStateMachine):
    """Callers who ask, crash, succeed and fail in any order while time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        tolerance = Tolerance(failures=3, ratio=0.6, window=5, cooldown=8, longest=32, lease=6)
        self.breaker = Breaker(tolerance, clock=lambda: self.now)
        self.inside: list[Entered] = []

    @rule(seconds=st.sampled_from([0.5, 3, 6, 8, 32]))
    def time_goes_on(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def somebody_asks(self) -> None:
        before = self.breaker.status()
        entered = self.breaker.enter()
        assert isinstance(entered, Entered) == (before.state == "closed" or before.wait == 0)
        if isinstance(entered, str):
            return
        assert entered.good
        self.inside.append(entered)
        if before.state != "closed":
            assert self.breaker.status().state == "half_open"
            assert isinstance(self.breaker.enter(), str), "two probes at once"
            assert [other for other in self.inside if other.good] == [entered]

    @precondition(lambda self: self.inside)
    @rule(ok=st.booleans(), place=st.integers(0, 100))
    def somebody_reports(self, *, ok: bool, place: int) -> None:
        before = self.breaker.status()
        entered = self.inside.pop(place % len(self.inside))
        good = entered.good
        entered.report(ok=ok)
        after = self.breaker.status()
        if not good or before.state == "open":
            assert after == before
        elif before.state == "half_open":
            assert after.state == ("closed" if ok else "open")
        else:
            assert after.failures == (0 if ok else before.failures + 1)
            assert after.state == "open" or after.failures < 3

    @precondition(lambda self: self.inside)
    @rule(place=st.integers(0, 100))
    def somebody_gives_up(self, place: int) -> None:
        before = self.breaker.status()
        entered = self.inside.pop(place % len(self.inside))
        probing = entered.good and before.state == "half_open"
        entered.release()
        assert self.breaker.status().state == ("open" if probing else before.state)
        assert not probing or self.breaker.status().wait == 0

    @precondition(lambda self: self.inside)
    @rule()
    def somebody_crashes(self) -> None:
        self.inside.pop()

    @rule()
    def patience_always_gets_a_call_through(self) -> None:
        self.now += 32
        self.somebody_asks()
        assert self.breaker.status().state != "open"

    @invariant()
    def nobody_waits_longer_than_the_longest(self) -> None:
        status = self.breaker.status()
        assert 0 <= status.wait <= 32
        assert status.state != "closed" or status.wait == 0


TestCallers = Callers.TestCase
