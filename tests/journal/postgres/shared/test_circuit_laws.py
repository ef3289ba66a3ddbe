"""Laws of circuits that a fleet has in common: one probe, whoever asks, dies or misses an answer, in any order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.journal.postgres.shared.ticking import Loop, Ticking

from remit.core.ports import Pass
from remit.policy import Tolerance
from remit.policy.shared_breaker import OFFER, SharedBreakers, Standing, Wish

QUICK = Tolerance(failures=2, ratio=1.0, window=50, cooldown=10, longest=40, lease=20)
WISH = "SELECT state, era, failures, wait, won FROM remit.circuit_1($1, $2, $3, $4, $5, $6, $7, $8)"
ALL = """
SELECT name, state, era, failures,
       CASE WHEN state = 'closed' THEN 0.0 ELSE greatest(0.0, extract(epoch FROM until - remit.now_1())::float8) END
FROM remit.circuits"""


@dataclass
class Probe:
    """A call that finds out."""

    worker: int
    began: float
    entered: Pass
    over: bool = False


@dataclass
class Fleet:
    """Workers with circuits in common, each with a clock that shows another time."""

    loop: Loop
    ticking: Ticking
    breakers: dict[int, SharedBreakers] = field(default_factory=dict[int, SharedBreakers])
    calls: list[tuple[int, Pass]] = field(default_factory=list[tuple[int, Pass]])
    probes: list[Probe] = field(default_factory=list[Probe])
    leaps: dict[int, float] = field(default_factory=dict[int, float])

    @property
    def now(self) -> float:
        return self.ticking.now

    def clock(self, worker: int) -> float:
        return self.now + 1e7 * (worker - 1) + self.leaps.get(worker, 0.0)

    def of(self, worker: int) -> SharedBreakers:
        if worker not in self.breakers:
            self.breakers[worker] = SharedBreakers(QUICK, clock=lambda: self.clock(worker))
        return self.breakers[worker]

    def enter(self, worker: int) -> bool:
        closed = self.state(worker) == "closed"
        entered = self.of(worker).enter("t")
        if isinstance(entered, str):
            return False
        if closed:
            self.calls.append((worker, entered))
            return True
        under_way = [probe for probe in self.probes if not probe.over and self.now < probe.began + QUICK.lease]
        assert not under_way, "two probes at once"
        self.probes.append(Probe(worker, self.now, entered))
        return True

    def end(self, worker: int, *, ok: bool) -> None:
        for probe in self.probes:
            if probe.worker == worker and not probe.over:
                probe.over = True
                probe.entered.report(ok=ok)
                return
        for one in [one for one in self.calls if one[0] == worker][:1]:
            self.calls.remove(one)
            one[1].report(ok=ok)

    def give_up(self, worker: int) -> None:
        for probe in self.probes:
            if probe.worker == worker and not probe.over:
                probe.over = True
                probe.entered.release()

    def send(self, wish: Wish) -> tuple[Standing, bool]:
        bears = wish.tolerance
        told = (wish.name, wish.era, wish.kind, wish.token, wish.failures, bears.cooldown, bears.longest, wish.lease)
        [[state, era, failures, wait, won]] = self.loop.run(self.ticking.fetch(WISH, *told))
        return Standing(state, era, failures, wait), won

    def tell(self, worker: int, *, lost: bool = False) -> None:
        for wish in self.of(worker).wishes():
            at = self.clock(worker)
            standing, won = self.send(wish)
            if not lost:
                self.of(worker).answered(wish, standing, at, won=won)

    def look(self, worker: int) -> None:
        at, rows = self.clock(worker), self.loop.run(self.ticking.fetch(ALL))
        self.of(worker).heard({name: Standing(*rest) for name, *rest in rows}, at)

    def meet(self, worker: int) -> None:
        self.tell(worker)
        self.look(worker)

    def die(self, worker: int) -> None:
        """Be gone in the middle of whatever it was: also of a probe, which nobody reports any more."""
        self.breakers.pop(worker, None)
        self.calls = [one for one in self.calls if one[0] != worker]
        for probe in self.probes:
            if probe.worker == worker:
                probe.worker = -1

    def state(self, worker: int) -> str:
        status = self.of(worker).snapshot().get("t")
        return "closed" if status is None else status.state


def trip(fleet: Fleet, worker: int) -> None:
    """Have one worker see enough."""
    for _ in range(QUICK.failures):
        assert fleet.enter(worker)
        fleet.end(worker, ok=False)
    fleet.meet(worker)


@pytest.fixture
def fleet(bare: str) -> Iterator[Fleet]:
    """A fleet with a database of its own."""
    loop = Loop()
    ticking = loop.run(Ticking.open(bare))
    yield Fleet(loop, ticking)
    loop.run(ticking.close())
    loop.close()


def anew(fleet: Fleet) -> Fleet:
    """Begin again with nothing."""
    fleet.loop.run(fleet.ticking.fetch("TRUNCATE remit.circuits"))
    return Fleet(fleet.loop, fleet.ticking)


steps = st.lists(
    st.tuples(
        st.sampled_from([*3 * ["call"], *2 * ["fail"], "works", "release", "tell", *2 * ["look"], "lost", "die"]),
        st.integers(0, 2),
        st.sampled_from([0.0, 0.0, 0.0, 0.5, 4.9, 10.0, 26.0]),
    ),
    min_size=20,
    max_size=80,
)

STEPS: dict[str, Callable[[Fleet, int], object]] = {
    "call": Fleet.enter,
    "fail": lambda fleet, worker: fleet.end(worker, ok=False),
    "works": lambda fleet, worker: fleet.end(worker, ok=True),
    "release": Fleet.give_up,
    "tell": Fleet.tell,
    "look": Fleet.look,
    "lost": lambda fleet, worker: fleet.tell(worker, lost=True),
    "die": Fleet.die,
}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_there_never_are_two_probes_and_one_always_comes(fleet: Fleet, plan: list[tuple[str, int, float]]) -> None:
    fleet = anew(fleet)
    for kind, worker, seconds in plan:
        fleet.ticking.now += seconds
        STEPS[kind](fleet, worker)
    # What was seen and not told yet may still open it.
    for worker in range(3):
        fleet.meet(worker)
    # Whatever has happened: somebody who keeps trying gets through, and when that works all do.
    for _ in range(200):
        fleet.meet(0)
        if fleet.enter(0):
            break
        fleet.ticking.now += 1.0
    else:
        pytest.fail("nobody ever found out whether it works again")
    fleet.end(0, ok=True)
    fleet.meet(0)
    for worker in range(3):
        fleet.meet(worker)
        assert fleet.state(worker) == "closed"


def test_what_opens_at_one_worker_refuses_at_all_once_they_have_looked(fleet: Fleet) -> None:
    early = fleet.of(1).enter("t")
    trip(fleet, 0)
    assert fleet.state(1) == "closed"
    fleet.look(1)
    refusal = fleet.of(1).enter("t")
    assert refusal == "`t`: the circuit is open: it kept failing; try again in 10 s"
    assert not isinstance(early, str)
    assert not early.good, "who waited for a turn meanwhile is told"
    status = fleet.of(2).snapshot()
    assert status == {}
    fleet.look(2)
    assert fleet.of(2).snapshot()["t"].state == "open", "also where nobody has called it"


def test_of_all_who_are_refused_one_has_the_probe_ready_for_its_next_call(fleet: Fleet) -> None:
    trip(fleet, 0)
    for worker in range(3):
        fleet.look(worker)
        assert not fleet.enter(worker)
    fleet.ticking.now += 10
    for worker in (1, 0, 2):
        fleet.meet(worker)
        fleet.meet(worker)
    assert [fleet.enter(worker) for worker in range(3)] == [False, True, False]
    fleet.end(1, ok=True)
    assert not fleet.enter(1), "it is closed for nobody before it is for all"
    for worker in (1, 0, 2):
        fleet.meet(worker)
    assert [fleet.enter(worker) for worker in range(3)] == [True, True, True]


def test_a_probe_that_fails_doubles_the_cool_down_for_all(fleet: Fleet) -> None:
    trip(fleet, 0)
    for wait in (10, 20, 40, 40):
        assert not fleet.enter(0)
        assert fleet.of(0).snapshot()["t"].wait == pytest.approx(wait)
        fleet.ticking.now += wait
        fleet.meet(0)
        fleet.meet(0)
        assert fleet.enter(0)
        fleet.end(0, ok=False)
        fleet.meet(0)
    fleet.look(1)
    assert fleet.of(1).snapshot()["t"].failures == 6


def test_a_probe_whose_worker_dies_is_given_to_another_after_its_lease(fleet: Fleet) -> None:
    trip(fleet, 0)
    assert not fleet.enter(0)
    fleet.ticking.now += 10
    fleet.meet(0)
    fleet.meet(0)
    assert fleet.enter(0)
    fleet.die(0)
    fleet.look(1)
    assert "one call is finding out" in str(fleet.of(1).enter("t"))
    fleet.ticking.now += QUICK.lease + OFFER - 0.1
    fleet.meet(1)
    fleet.meet(1)
    assert not fleet.enter(1)
    fleet.ticking.now += 0.2
    fleet.meet(1)
    fleet.meet(1)
    assert fleet.enter(1)


def test_a_probe_that_is_reported_after_its_lease_says_nothing_of_the_next(fleet: Fleet) -> None:
    trip(fleet, 0)
    for worker in (0, 1):
        assert not fleet.enter(0)
        fleet.ticking.now += QUICK.lease + OFFER
        fleet.meet(worker)
        assert not fleet.enter(worker)
        fleet.meet(worker)
        fleet.meet(worker)
        assert fleet.enter(worker)
    fleet.end(0, ok=True)
    fleet.meet(0)
    fleet.look(2)
    assert {fleet.state(worker) for worker in range(3)} == {"half_open"}
    fleet.end(1, ok=False)
    fleet.meet(1)
    fleet.look(2)
    assert fleet.state(2) == "open"


def test_a_worker_whose_clock_leaps_ahead_gets_no_probe_before_its_time(fleet: Fleet) -> None:
    trip(fleet, 0)
    fleet.leaps[1] = 0.0
    fleet.look(1)
    fleet.leaps[1] = 1e9
    assert not fleet.enter(1)
    fleet.tell(1)
    assert not fleet.enter(1)
    fleet.look(2)
    assert fleet.state(2) == "open"


def test_a_probe_that_is_won_and_not_begun_is_given_to_another_soon(fleet: Fleet) -> None:
    trip(fleet, 0)
    fleet.look(1)
    assert not fleet.enter(0)
    fleet.ticking.now += 10
    fleet.meet(0)
    fleet.meet(0)
    assert not fleet.enter(1)
    fleet.ticking.now += OFFER
    fleet.meet(0)
    fleet.tell(0)
    fleet.meet(1)
    fleet.meet(1)
    assert fleet.enter(1)
    assert not fleet.enter(0)


def test_a_probe_that_is_given_back_in_time_is_that_of_the_next_call_here(fleet: Fleet) -> None:
    trip(fleet, 0)
    assert not fleet.enter(0)
    fleet.ticking.now += 10
    fleet.meet(0)
    fleet.meet(0)
    assert fleet.enter(0)
    fleet.give_up(0)
    assert fleet.enter(0)


def test_a_probe_whose_answer_was_lost_is_not_lost(fleet: Fleet) -> None:
    trip(fleet, 0)
    assert not fleet.enter(0)
    fleet.ticking.now += 10
    fleet.look(0)
    fleet.tell(0, lost=True)
    fleet.tell(0)
    assert fleet.enter(0)


def test_two_who_open_it_at_once_open_it_once(fleet: Fleet) -> None:
    for worker in (0, 1):
        for _ in range(2):
            fleet.enter(worker)
            fleet.end(worker, ok=False)
    fleet.meet(0)
    fleet.ticking.now += 5
    fleet.meet(1)
    assert fleet.of(1).snapshot()["t"].wait == pytest.approx(5)


def test_while_nobody_answers_what_was_known_last_stays(fleet: Fleet) -> None:
    trip(fleet, 0)
    fleet.ticking.now += 100
    assert not fleet.enter(0)
    assert not fleet.enter(0)
    assert fleet.enter(1), "who has heard of nothing lets through"
