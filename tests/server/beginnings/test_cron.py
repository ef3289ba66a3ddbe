"""Cron: a schedule comes at its time of day, once, whatever is done to clocks."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import ConfigError
from remit.server.beginnings import Cron
from remit.server.beginnings.cron import stamp

_DAY = 86_400_000


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def between(cron: Cron, first: str, last: str) -> list[str]:
    """Give the times after one up to another, as the clock of the schedule shows them."""
    found, now = list[str](), at(first)
    while (now := cron.after(now)) <= at(last):
        found.append(cron.shown(now))
    assert [cron.shown(one) for one in cron.before(at(last), len(found))][::-1] == found
    return found


def test_a_time_of_day_is_that_of_its_zone_in_summer_and_in_winter() -> None:
    cron = Cron("0 9 * * 1-5", "Europe/Berlin")
    assert between(cron, "2026-03-26T12:00Z", "2026-03-31T12:00Z") == [
        "2026-03-27T09:00+01:00",
        "2026-03-30T09:00+02:00",
        "2026-03-31T09:00+02:00",
    ]


def test_a_time_that_is_left_out_when_clocks_go_forward_comes_as_much_later() -> None:
    found = between(Cron("30 2 * * *", "Europe/Berlin"), "2026-03-28T00:00Z", "2026-03-30T12:00Z")
    assert found == ["2026-03-28T02:30+01:00", "2026-03-29T03:30+02:00", "2026-03-30T02:30+02:00"]


def test_a_time_that_comes_twice_when_clocks_go_back_counts_once() -> None:
    found = between(Cron("30 2 * * *", "Europe/Berlin"), "2026-10-24T12:00Z", "2026-10-26T12:00Z")
    assert found == ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]


def test_what_comes_every_half_hour_keeps_to_real_time_through_both_changes() -> None:
    cron = Cron("*/30 * * * *", "America/New_York")
    for first, last in (("2026-03-08T05:59Z", "2026-03-08T09:00Z"), ("2026-11-01T04:59Z", "2026-11-01T08:00Z")):
        found = [at(one) for one in between(cron, first, last)]
        assert [later - one for one, later in pairwise(found)] == [1_800_000] * (len(found) - 1)
        assert len(found) == 7


def test_every_other_hour_is_not_made_up_for_when_it_is_left_out() -> None:
    found = between(Cron("30 */2 * * *", "Europe/Berlin"), "2026-03-28T22:00Z", "2026-03-29T04:00Z")
    assert found == ["2026-03-29T00:30+01:00", "2026-03-29T04:30+02:00"]


def test_clocks_that_go_by_half_an_hour_are_followed() -> None:
    found = between(Cron("45 1 * * *", "Australia/Lord_Howe"), "2026-04-03T12:00Z", "2026-04-05T12:00Z")
    assert found == ["2026-04-04T01:45+11:00", "2026-04-05T01:45+11:00"]


_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")


@given(
    st.sampled_from(["*/7 * * * *", "0 * * * *", "30 2 * * *", "15 1,2,3 * * *", "59 23 28-31 * *", "0 */3 * * 0"]),
    st.sampled_from(_ZONES),
    st.integers(at("2026-01-01T00:00Z"), at("2027-01-01T00:00Z")),
)
def test_forwards_and_backwards_tell_the_same_times(expression: str, zone: str, now: int) -> None:
    cron = Cron(expression, zone)
    following = cron.after(now)
    assert following > now
    assert following % 60_000 == 0
    assert cron.before(following, 1) == [following]
    [last] = cron.before(now, 1)
    assert last <= now
    assert cron.after(last) == following


@given(st.sampled_from(_ZONES), st.integers(0, 23), st.integers(0, 59), st.integers(0, 365))
def test_a_daily_time_comes_once_on_every_day_of_the_year(zone: str, hour: int, minute: int, day: int) -> None:
    cron = Cron(f"{minute} {hour} * * *", zone)
    first = cron.after(at("2026-01-01T00:00Z") + day * _DAY)
    second = cron.after(first)
    days = [datetime.fromisoformat(cron.shown(one)).date().toordinal() for one in (first, second)]
    assert days[1] - days[0] == 1


def test_a_day_of_a_leap_year_is_found_over_years() -> None:
    cron = Cron("0 0 29 2 *")
    assert cron.shown(cron.after(at("2026-11-21T00:00Z"))) == "2028-02-29T00:00+00:00"
    assert cron.shown(cron.before(at("2026-11-21T00:00Z"), 1)[0]) == "2024-02-29T00:00+00:00"


def test_a_tick_is_named_by_its_minute_in_utc() -> None:
    cron = Cron("@daily", "Europe/Berlin")
    tick = cron.after(at("2026-11-21T00:00Z"))
    assert stamp(tick) == "20261121T2300Z"
    assert datetime.fromtimestamp(tick / 1000, UTC).hour == 23


@pytest.mark.parametrize(
    "expression",
    ["", "x", "* * * *", "* * * * * *", "0 25 * * *", "0 0 30 2 *", "R * * * *", "H * * * *", "@reboot", "0 0 * * 1#9"],
)
def test_what_cannot_be_is_refused_and_so_is_what_would_differ_between_processes(expression: str) -> None:
    with pytest.raises(ConfigError, match="cron"):
        Cron(expression)


@pytest.mark.parametrize("zone", ["", "Berlin", "../etc/passwd", "/etc/passwd"])
def test_a_zone_that_there_is_not_is_refused(zone: str) -> None:
    with pytest.raises(ConfigError, match="timezone"):
        Cron("@daily", zone)
