"""Laws of grants: whatever workers take, give back or lose in any order, never more goes than a single process lets."""

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.journal.postgres.shared.ticking import Loop, Ticking

from remit.journal.postgres.shared import ROOM, Bound, Grant, Report

LIFE = 4.0
STATEMENT = (
    "SELECT given, wait, others, stopped FROM remit.share_1($1, $2::float8[], $3::float8[], $4, $5, $6::float8[], "
    "$7::float8[], $8::float8[], $9::float8[], $10, $11)"
)


@dataclass
class Base:
    """A database with a model clock, and the loop it is asked in."""

    loop: Loop
    ticking: Ticking


@pytest.fixture
def base(bare: str) -> Iterator[Base]:
    """One of this test's own."""
    loop = Loop()
    ticking = loop.run(Ticking.open(bare))
    yield Base(loop, ticking)
    loop.run(ticking.close())
    loop.close()


@dataclass
class Fleet:
    """Workers with a bound in common, each with a clock of its own that shows another time."""

    base: Base
    bounds: list[Bound]
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    grants: dict[int, Grant] = field(default_factory=dict[int, Grant])
    lives: dict[int, str] = field(default_factory=dict[int, str])
    went: list[tuple[float, tuple[float, ...]]] = field(default_factory=list[tuple[float, tuple[float, ...]]])
    inside: dict[int, float] = field(default_factory=dict[int, float])
    died: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    unsent: dict[int, Report] = field(default_factory=dict[int, Report])

    def clock(self, worker: int) -> float:
        return self.base.ticking.now + 1e6 * worker - 5e5

    def grant(self, worker: int) -> Grant:
        if worker not in self.grants:
            self.grants[worker] = Grant(self.bounds, LIFE)
            self.lives[worker] = uuid.uuid4().hex
        return self.grants[worker]

    def spend(self, worker: int, need: list[float]) -> bool:
        if not self.grant(worker).spend(need, self.clock(worker)):
            return False
        self.went.append((self.base.ticking.now, tuple(need)))
        self.inside[worker] = self.inside.get(worker, 0.0) + need[-1]
        return True

    def tell(self, worker: int, report: Report, *, pause: float = 0.0) -> tuple[list[float], float]:
        rates, sizes = [bound.rate for bound in self.bounds], [bound.size for bound in self.bounds]
        told = (report.number, report.holds, report.credit, report.need, report.want, pause, LIFE)
        [[given, wait, _, _]] = self.base.loop.run(
            self.base.ticking.fetch(STATEMENT, self.name, rates, sizes, self.lives[worker], *told)
        )
        return given, wait

    def ask(self, worker: int, need: list[float], *, more: float = 1.0, keep: bool = False) -> float:
        grant = self.grant(worker)
        report = grant.tell(self.clock(worker), need, [much * more for much in need], keep=keep)
        given, wait = self.tell(worker, report)
        grant.answered(given)
        return wait

    def die(self, worker: int) -> None:
        if worker in self.grants:
            del self.grants[worker]
            self.inside.pop(worker, None)


steps = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "ask", "lost", "spend", "spend", "spend", "back", "beyond", "tell", "die"]),
        st.integers(0, 3),
        st.sampled_from([1, 2, 5, 13]),
        st.sampled_from([0.0, 0.0, 0.0, 0.3, 1.0, 3.9, 4.1, 11.0]),
        st.booleans(),
    ),
    min_size=5,
    max_size=40,
)


def _step(fleet: Fleet, step: tuple[str, int, int, float, bool]) -> None:
    kind, worker, much, seconds, keep = step
    fleet.base.ticking.now += seconds
    need = [1.0, float(much)]
    grant = fleet.grant(worker)
    if kind == "ask":
        fleet.ask(worker, need, more=3.0, keep=keep)
    elif kind == "lost":
        # It was done, and the answer did not arrive: whoever asks next asks the same.
        fleet.tell(worker, grant.tell(fleet.clock(worker), need, need, keep=keep))
    elif kind == "spend":
        fleet.spend(worker, need)
    elif kind == "tell":
        fleet.ask(worker, [0.0, 0.0], keep=keep)
    elif kind == "die":
        fleet.die(worker)
    elif fleet.went:
        # A request that used less, or more, than was thought.
        sign = 1.0 if kind == "back" else -1.0
        grant.give_back([0.0, sign * min(much, 3.0)], keep=keep)
        fleet.went.append((fleet.base.ticking.now, (0.0, -sign * min(much, 3.0))))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_in_no_stretch_of_time_goes_more_than_the_size_and_what_came_in(
    base: Base, plan: list[tuple[str, int, int, float, bool]]
) -> None:
    fleet = Fleet(base, [Bound(2.0, 4.0), Bound(5.0, 20.0)])
    for step in plan:
        # What is used less counts when it is told of, so it is left out here: the law is for what goes.
        if step[0] not in {"back", "beyond"}:
            _step(fleet, step)
    for first, last in itertools.combinations_with_replacement(range(len(fleet.went)), 2):
        seconds = fleet.went[last][0] - fleet.went[first][0]
        for place, bound in enumerate(fleet.bounds):
            gone = sum(need[place] for _, need in fleet.went[first : last + 1])
            assert gone <= bound.size + bound.rate * seconds + 1e-6


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_what_is_left_and_all_that_was_granted_never_is_more_than_the_size(
    base: Base, plan: list[tuple[str, int, int, float, bool]]
) -> None:
    fleet = Fleet(base, [Bound(2.0, 4.0), Bound(5.0, 20.0)])
    for step in plan:
        _step(fleet, step)
        rows = base.loop.run(
            base.ticking.fetch(
                "SELECT level, (SELECT array_agg(amounts) FROM remit.grants AS g WHERE g.name = b.name) "
                "FROM remit.bounds AS b WHERE name = $1",
                fleet.name,
            )
        )
        for level, grants in rows:
            for place, bound in enumerate(fleet.bounds):
                granted = sum(float(amounts[place]) for amounts in cast("list[list[float]]", grants or []))
                assert level[place] + granted <= bound.size + 1e-6


rooms = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "enter", "enter", "leave", "beat", "die"]),
        st.integers(0, 3),
        st.sampled_from([0.0, 0.0, 0.5, 1.0]),
    ),
    min_size=5,
    max_size=25,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rooms)
def test_no_more_are_inside_at_once_than_there_is_room_for_and_the_room_of_the_dead_is_given_again(
    base: Base, plan: list[tuple[str, int, float]]
) -> None:
    fleet = Fleet(base, [Bound(ROOM, 3.0)])
    one, nobody = [1.0], [0.0]
    for kind, worker, seconds in plan:
        base.ticking.now += seconds
        for other in list(fleet.grants):
            # All who live are heard of in time.
            fleet.ask(other, nobody, keep=True)
        if kind == "ask":
            fleet.grant(worker)
            fleet.ask(worker, one, more=2.0)
        elif kind == "enter":
            fleet.spend(worker, one)
        elif kind == "leave" and fleet.inside.get(worker):
            fleet.inside[worker] -= 1
            fleet.grant(worker).give_back(one)
        elif kind == "die":
            fleet.die(worker)
        assert sum(fleet.inside.values()) <= 3
    for worker in list(fleet.grants):
        fleet.die(worker)
    base.ticking.now += LIFE + 0.1
    assert fleet.ask(9, [3.0]) == 0
    assert fleet.spend(9, [3.0])


def test_a_worker_that_dies_loses_its_grant_and_no_more(base: Base) -> None:
    fleet = Fleet(base, [Bound(1.0, 10.0)])
    fleet.ask(0, [4.0])
    fleet.die(0)
    assert fleet.ask(1, [6.0]) == 0
    assert fleet.spend(1, [6.0])
    assert fleet.ask(1, [4.0]) == 4
    base.ticking.now += 4.0
    assert fleet.ask(1, [4.0]) == 0


def test_until_a_grant_of_the_dead_is_over_nothing_comes_in_beside_it(base: Base) -> None:
    fleet = Fleet(base, [Bound(5.0, 20.0)])
    fleet.ask(0, [20.0])
    base.ticking.now += LIFE - 0.1
    assert fleet.spend(0, [20.0])
    fleet.die(0)
    base.ticking.now += 0.2
    assert fleet.ask(1, [20.0]) == pytest.approx(3.9)


def test_while_one_holds_half_no_more_than_the_other_half_comes_in(base: Base) -> None:
    fleet = Fleet(base, [Bound(5.0, 20.0)])
    fleet.ask(0, [10.0])
    base.ticking.now += 3.0
    assert fleet.ask(1, [11.0]) > 0
    assert fleet.ask(1, [10.0]) == 0


def test_a_grant_nobody_told_of_any_more_is_not_used_and_what_is_left_of_it_comes_back(base: Base) -> None:
    fleet = Fleet(base, [Bound(0.001, 10.0)])
    fleet.ask(0, [10.0])
    base.ticking.now += LIFE
    assert not fleet.spend(0, [1.0])
    assert fleet.ask(1, [5.0]) > 1000
    fleet.ask(0, [0.0])
    assert fleet.ask(1, [5.0]) == 0


def test_the_same_report_again_changes_nothing(base: Base) -> None:
    fleet = Fleet(base, [Bound(1.0, 10.0)])
    grant = fleet.grant(0)
    report = grant.tell(fleet.clock(0), [3.0], [3.0], keep=False)
    first, again = fleet.tell(0, report), fleet.tell(0, report)
    assert first[0] == again[0] == [3.0]
    assert fleet.ask(1, [7.0]) == 0


def test_workers_are_served_in_order_and_one_that_does_not_come_back_is_passed_over(base: Base) -> None:
    fleet = Fleet(base, [Bound(1.0, 4.0)])
    fleet.ask(0, [4.0])
    fleet.spend(0, [4.0])
    fleet.ask(0, [0.0])
    assert [fleet.ask(worker, [2.0]) for worker in (1, 2, 3)] == [2.0, 4.0, 6.0]
    base.ticking.now += 1.9
    assert fleet.ask(2, [2.0]) > 0, "the first has not come yet"
    base.ticking.now += 0.2
    assert fleet.ask(2, [2.0]) == 0
    assert fleet.ask(1, [2.0]) < fleet.ask(3, [2.0]), "who was late is still before who came later"


def test_nobody_takes_all_that_is_left_while_others_are_there(base: Base) -> None:
    fleet = Fleet(base, [Bound(1.0, 12.0)])
    for worker in range(3):
        # Until the second is heard of, the first is alone.
        fleet.ask(worker, [1.0], more=1.0)
    for worker in range(3):
        fleet.ask(worker, [1.0], more=100.0)
    rows = base.loop.run(base.ticking.fetch("SELECT amounts FROM remit.grants WHERE name = $1", fleet.name))
    # Each gives its one back and takes a third of what is left then.
    assert sorted(amounts[0] for (amounts,) in rows) == [2.0, 2.0, 3.0]


def test_what_is_larger_than_the_bound_goes_when_all_is_there_and_leaves_a_debt(base: Base) -> None:
    fleet = Fleet(base, [Bound(1.0, 4.0)])
    assert fleet.ask(0, [10.0]) == 0
    assert fleet.spend(0, [10.0])
    fleet.ask(0, [0.0])
    assert fleet.ask(1, [1.0]) == 7.0


def test_nobody_who_came_later_keeps_one_from_what_needs_all_of_the_bound(base: Base) -> None:
    fleet = Fleet(base, [Bound(1.0, 4.0)])
    assert fleet.ask(1, [2.0]) == 0
    assert fleet.ask(0, [10.0]) == 2.0
    assert fleet.spend(1, [1.0])
    assert fleet.ask(1, [1.0]) > 0
    base.ticking.now += 1.0
    assert fleet.ask(0, [10.0]) == 0
    assert fleet.ask(1, [1.0]) > 6


def test_a_room_whose_worker_was_not_heard_of_for_long_is_taken_again_when_it_is(base: Base) -> None:
    fleet = Fleet(base, [Bound(ROOM, 2.0)])
    assert fleet.ask(0, [2.0]) == 0
    assert fleet.spend(0, [2.0])
    base.ticking.now += LIFE
    assert fleet.ask(1, [1.0]) == 0, "it counts as dead"
    fleet.ask(0, [0.0])
    assert fleet.ask(2, [1.0]) > 0
    assert fleet.spend(1, [1.0])
    fleet.grant(1).give_back([1.0], keep=False)
    fleet.ask(1, [0.0])
    base.ticking.now += 1.0
    assert fleet.ask(2, [1.0]) > 0, "two are still inside over there"


def test_a_wish_of_the_provider_stops_all(base: Base) -> None:
    fleet = Fleet(base, [Bound(1.0, 4.0)])
    grant = fleet.grant(0)
    report = grant.tell(fleet.clock(0), [0.0], [0.0], keep=False)
    fleet.tell(0, report, pause=30.0)
    grant.answered([0.0])
    assert fleet.ask(1, [1.0]) == 30.0
    base.ticking.now += 30.0
    assert fleet.ask(1, [1.0]) == 0
