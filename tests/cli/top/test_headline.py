"""Headline: what all sessions come to, in three lines that fit."""

import pytest

from remit.cli.top.board import Board, Sums
from remit.cli.top.headline import Budget, Headline, age, count, headline, money, told
from remit.cli.top.lines import Line
from remit.core.values import nanos
from remit.server.exporting import Queued


def text(head: Headline, *, now: int = 0, narrow: bool = False) -> list[str]:
    return ["".join(words for words, _ in pieces) for pieces in told(head, now, narrow=narrow)]


def head(*budgets: Budget, today: Sums | None = None, asks: int = 0, oldest: int = 0, queue: Queued | None = None) -> (
    Headline
):  # fmt: skip
    counts = {"running": 3, "crashed": 1, "idle": 2, "closed": 1}
    return Headline(counts, queue or Queued(), today or Sums(), budgets, asks, oldest, 0, 0)  # pyright: ignore[reportArgumentType]


def test_sessions_are_counted_and_the_queue_says_how_old_it_is() -> None:
    lines = text(head(queue=Queued(2, 1000)), now=62_000)
    assert lines[0] == "running 3   waiting 0   crashed 1   queued 2 1m01s   at rest 3"


def test_money_stands_against_the_budget_of_one_tenant() -> None:
    lines = text(head(Budget("acme", nanos(1.25), nanos(5))))
    assert lines[1].startswith("today $1.25 of $5.00 ━━──────── 25%   ")
    moods = dict(told(head(Budget("acme", nanos(4.9), nanos(5))), 0)[1])
    assert moods["98%"] == "bad"


def test_of_several_tenants_the_one_nearest_to_its_budget_is_named() -> None:
    far, near = Budget("far", nanos(1), nanos(10)), Budget("near", nanos(3), nanos(4))
    assert "today $4.50   near $3.00 of $4.00" in text(head(far, near, Budget("none", nanos(0.5))))[1]
    assert "none" not in text(head(far, near))[1]
    assert "of $0 " in text(head(Budget("shut", 0, 0)))[1], "a budget of nothing is used up, not divided by"


def test_errors_and_approvals_are_loud_only_when_there_are_any() -> None:
    today = Sums(steps=200, input=12_345, output=678, failures=3, flags=2, stops=1)
    lines = text(head(today=today, asks=2, oldest=1), now=120_001)
    assert lines[1].endswith("tokens 12.3k+678   steps 200   errors 3 (1.5%)")
    assert lines[2] == "approvals 2 2m00s   inputs 0   in doubt 0   loop stops 1   flags 2"
    assert {mood for _, mood in told(head(), 0)[2]} == {"quiet"}


def test_eighty_columns_hold_a_busy_day() -> None:
    today = Sums(steps=12_345, input=12_345_678, output=1_234_567, failures=12, flags=123, stops=12)
    busy = head(Budget("acme", nanos(12.34), nanos(50)), today=today, asks=12, oldest=1, queue=Queued(12, 1))
    assert all(len(line) <= 78 for line in text(busy, now=80_000_000, narrow=True))


def test_sums_of_all_tenants_are_one_and_a_tenants_queue_is_its_own() -> None:
    board = Board(1)
    board.today = {"a": Sums(steps=1, cost=2), "b": Sums(steps=3, flags=1)}
    assert headline(board, [], [], Queued(7, 1), []).today == Sums(steps=4, cost=2, flags=1)
    waits = Line("x", "desk", "acme", "queued", "message", 5, 1, 5)
    assert headline(Board(1, "acme"), [waits], [], Queued(7, 1), []).queue == Queued(1, 5)


@pytest.mark.parametrize(
    ("amount", "said"), [(0, "$0"), (0.0004, "<$0.001"), (0.0123, "$0.012"), (0.5, "$0.50"), (1234.5, "$1,234.50")]
)
def test_money_is_short(amount: float, said: str) -> None:
    assert money(nanos(amount)) == said


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0"), (999, "999"), (12_345, "12.3k"), (123_456, "123k"), (4_500_000, "4.5M")]
)
def test_numbers_are_short(number: int, said: str) -> None:
    assert count(number) == said


def test_ages_have_no_tenths_and_are_never_negative() -> None:
    assert (age(59_900, 0), age(60_000, 0), age(0, 5), age(90_000_000, 0)) == ("59s", "1m00s", "0s", "1d01h")
