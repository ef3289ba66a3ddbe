"""Breaker: it opens after enough failures, lets one probe at a time through, and never stays stuck."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from remit.core.errors import ConfigError
from remit.core.ports import Gate
from remit.policy import Breaker, Breakers, BreakerStatus, Tolerance

QUICK = Tolerance(failures=2, cooldown=10, longest=30, lease=5)


class Circuit:
    """A breaker under test with the time in the test's hands."""

    def __init__(self, tolerance: Tolerance = QUICK) -> None:
        self.now = 100.0
        self.breaker = Breaker(tolerance, clock=lambda: self.now)

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            self.breaker.report(ok=False)

    def allowed(self, after: float = 0) -> bool:
        self.now += after
        return not self.breaker.refusal()


def test_it_opens_after_failures_in_a_row_and_says_why() -> None:
    circuit = Circuit()
    circuit.fail()
    assert circuit.allowed()
    circuit.fail()
    assert circuit.breaker.refusal() == "the circuit is open: it kept failing; try again in 10 s"
    assert circuit.breaker.status() == BreakerStatus("open", 2, 10.0)


def test_a_success_in_between_starts_the_row_anew() -> None:
    circuit = Circuit()
    circuit.fail()
    circuit.breaker.report(ok=True)
    circuit.fail()
    assert circuit.allowed()


def test_it_opens_when_too_many_of_the_last_calls_failed() -> None:
    circuit = Circuit(Tolerance(failures=100, ratio=0.5, window=4))
    for ok in (False, True, False):
        circuit.breaker.report(ok=ok)
    assert circuit.allowed()
    circuit.breaker.report(ok=True)
    assert not circuit.allowed()


def test_failures_that_left_the_window_do_not_count() -> None:
    circuit = Circuit(Tolerance(failures=100, ratio=0.5, window=4))
    for ok in (False, True, True, True, False, True):
        circuit.breaker.report(ok=ok)
    assert circuit.allowed()


def test_half_open_lets_exactly_one_probe_through() -> None:
    circuit = Circuit()
    circuit.fail(2)
    assert not circuit.allowed(after=9.9)
    assert circuit.allowed(after=0.1)
    assert (
        circuit.breaker.refusal() == "the circuit is open: one call is finding out if it works again; try again in 5 s"
    )


def test_a_probe_that_works_closes_it() -> None:
    circuit = Circuit()
    circuit.fail(2)
    assert circuit.allowed(after=10)
    circuit.breaker.report(ok=True)
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
    circuit.breaker.report(ok=True)
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


def test_late_reports_of_earlier_calls_do_not_move_an_open_circuit() -> None:
    circuit = Circuit()
    circuit.fail(2)
    before = circuit.breaker.status()
    circuit.breaker.report(ok=True)
    circuit.fail()
    assert circuit.breaker.status() == before


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
            assert gate.refuses(name) == ""
            gate.report(name, ok=False)
    assert gate.refuses("mail") == "`mail`: the circuit is open: it kept failing; try again in 10 s"
    assert gate.refuses("jira") == ""
    assert gate.refuses("new") == ""
    assert breakers.snapshot() == {"jira": BreakerStatus("closed", 2, 0.0), "mail": BreakerStatus("open", 2, 10.0)}
    now[0] = 10.0
    assert gate.refuses("mail") == ""


def test_by_default_five_failures_in_a_row_open_a_circuit() -> None:
    breakers = Breakers()
    for _ in range(5):
        assert breakers.refuses("t") == ""
        breakers.report("t", ok=False)
    assert breakers.refuses("t")


class Callers(RuleBasedStateMachine):
    """Callers who ask, crash, succeed and fail in any order while time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit = Circuit(Tolerance(failures=3, ratio=0.6, window=5, cooldown=8, longest=32, lease=6))
        self.inside = 0
        self.row = 0
        self.opened_at = 0.0

    def _state(self) -> str:
        return self.circuit.breaker.status().state

    @rule(seconds=st.sampled_from([0.5, 3, 6, 8, 32]))
    def time_goes_on(self, seconds: float) -> None:
        self.circuit.now += seconds

    @rule()
    def somebody_asks(self) -> None:
        before = self.circuit.breaker.status()
        let_in = self.circuit.allowed()
        assert let_in == (before.state == "closed" or before.wait == 0)
        self.inside += let_in
        if let_in and before.state != "closed":
            assert self._state() == "half_open"
            assert not self.circuit.allowed(), "two probes at once"

    @precondition(lambda self: self.inside > 0)
    @rule(ok=st.booleans())
    def somebody_reports(self, *, ok: bool) -> None:
        before = self.circuit.breaker.status()
        self.inside -= 1
        self.circuit.breaker.report(ok=ok)
        after = self.circuit.breaker.status()
        match before.state:
            case "open":
                assert after == before
            case "half_open":
                assert after.state == ("closed" if ok else "open")
            case "closed":
                self.row = 0 if ok else before.failures + 1
                assert after.failures == self.row
                assert after.state == "open" or self.row < 3

    @precondition(lambda self: self.inside > 0)
    @rule()
    def somebody_crashes(self) -> None:
        self.inside -= 1

    @rule()
    def patience_always_gets_a_call_through(self) -> None:
        self.circuit.now += 32
        self.somebody_asks()
        assert self._state() != "open"

    @invariant()
    def nobody_waits_longer_than_the_longest(self) -> None:
        status = self.circuit.breaker.status()
        assert 0 <= status.wait <= 32
        assert status.state != "closed" or status.wait == 0


TestCallers = Callers.TestCase
