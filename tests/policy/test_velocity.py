"""Velocity: an alarm once for each time spending goes above the bound."""

import pytest

from remit.core.events import EffectEnded, Event, ModelAnswered, ModelFailed, RunResumed, SessionClosed
from remit.core.messages import Outcome
from remit.core.ports import Alarm
from remit.core.state import State
from remit.core.values import nanos
from remit.policy import Velocity


class Minute:
    """A detector under test with the time in the test's hands."""

    def __init__(self, usd: float) -> None:
        self.now = 1000.0
        self._velocity = Velocity(usd, clock=lambda: self.now)

    async def spend(self, usd: float, at: float) -> Alarm | None:
        self.now = 1000.0 + at
        return await self.see(ModelAnswered("1", "", cost=nanos(usd)))

    async def see(self, event: Event) -> Alarm | None:
        return await self._velocity.see(event, State())


async def test_spending_up_to_the_bound_is_no_alarm_and_above_it_is_one() -> None:
    minute = Minute(0.10)
    assert await minute.spend(0.06, 0) is None
    assert await minute.spend(0.04, 30) is None
    alarm = await minute.spend(0.01, 31)
    assert alarm == Alarm("velocity", "pause", "$0.11 spent within a minute, above $0.10; `Limits.usd_per_minute`")


@pytest.mark.parametrize(
    "event",
    [
        ModelAnswered("1", "", cost=nanos(1)),
        ModelFailed("1", "late", cost=nanos(1)),
        EffectEnded(Outcome("1_0"), cost=nanos(1)),
    ],
)
async def test_whatever_costs_counts(event: Event) -> None:
    assert await Minute(0.5).see(event) is not None


async def test_costs_of_a_minute_ago_are_forgotten() -> None:
    minute = Minute(0.10)
    for at in range(0, 600, 61):
        assert await minute.spend(0.10, at) is None
    assert await minute.spend(0.10, 550) is not None


async def test_the_same_rush_alarms_once_and_the_next_one_again() -> None:
    minute = Minute(0.10)
    assert await minute.spend(0.20, 0) is not None
    assert await minute.spend(0.20, 1) is None
    assert await minute.spend(0.20, 59) is None
    assert await minute.spend(0.01, 300) is None
    assert await minute.spend(0.20, 301) is not None


async def test_a_rush_after_a_pause_alarms_with_its_first_cost() -> None:
    minute = Minute(0.10)
    assert await minute.spend(0.20, 0) is not None
    assert await minute.spend(0.20, 300) is not None


async def test_old_costs_that_are_read_again_after_a_crash_do_not_count() -> None:
    minute = Minute(0.10)
    assert await minute.spend(0.20, 0) is not None
    assert await minute.see(RunResumed("w", 1)) is None
    assert await minute.spend(0.05, 1) is None
    assert await minute.spend(0.06, 2) is not None
    assert await minute.spend(0.05, 200) is None
    assert await minute.spend(0.06, 201) is not None


async def test_what_costs_nothing_is_nothing() -> None:
    assert await Minute(0.0).spend(0, 0) is None
    assert await Minute(0.0).see(SessionClosed("ann")) is None


async def test_costs_of_the_same_second_add_up_and_are_forgotten_together() -> None:
    minute = Minute(0.10)
    assert await minute.spend(0.05, 0.1) is None
    assert await minute.spend(0.05, 0.9) is None
    assert await minute.spend(0.01, 60.5) is not None
    assert await minute.spend(0.09, 61) is None
    assert await minute.spend(0.01, 62) is not None
