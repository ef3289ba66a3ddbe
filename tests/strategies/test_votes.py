import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.values import JsonValue
from remit.strategies import exact, last_number, normalised
from remit.strategies.votes import settled, shown, wave, winner

BALLOTS = st.lists(st.sampled_from("abc"), min_size=1, max_size=9)


@given(ballots=BALLOTS, order=st.randoms(use_true_random=False))
def test_the_order_of_votes_matters_only_between_equals(ballots: list[str], order: Random) -> None:
    most = max(map(ballots.count, ballots))
    leaders = {name for name in ballots if ballots.count(name) == most}
    shuffled = order.sample(ballots, len(ballots))
    assert winner(shuffled) in leaders
    if len(leaders) == 1:
        assert winner(shuffled) == winner(ballots)
    assert winner(ballots) == next(name for name in ballots if name in leaders)


@given(ballots=BALLOTS, left=st.integers(0, 4))
def test_a_settled_vote_is_one_that_no_further_votes_can_change(ballots: list[str], left: int) -> None:
    ends = {winner([*ballots, *more]) for more in itertools.product("abcd", repeat=left)}
    assert settled(ballots, left) == (len(ends) == 1)


@given(ballots=st.lists(st.sampled_from("abc"), max_size=6), left=st.integers(1, 6))
def test_a_wave_is_the_fewest_votes_that_could_settle_it(ballots: list[str], left: int) -> None:
    if settled(ballots, left):
        assert wave(ballots, left) == 0
        return
    more = wave(ballots, left)
    assert 1 <= more <= left
    could = [settled([*ballots, *votes], left - more + 1) for votes in itertools.product("abcd", repeat=more - 1)]
    assert not any(could)


def test_no_votes_settle_nothing_while_some_are_left() -> None:
    assert settled([], 0)
    assert not settled([], 1)
    assert [wave([], left) for left in (1, 2, 3, 4, 5)] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paris", "  paris. "),
        ("**42**", "42"),
        ("42.0", "42"),
        ("1,000", "1000.00"),
        ("-0", "0"),
        ("\u22125", "-5"),
        (42, "42"),
        (1.50, "1.5"),
        ("ﬁne", "FINE!"),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        (True, "True"),
        (None, "null"),
        ("", "..."),
    ],
)
def test_answers_that_only_look_different_vote_for_the_same(one: JsonValue, other: JsonValue) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paris", "Lyon"),
        ("42", "-42"),
        ("1.5", "15"),
        (["a"], ["b"]),
        ("10", "1"),
        (True, 1),
        ("1" * 40, "1" * 39 + "2"),
        ("0." + "3" * 40, "0." + "3" * 39),
    ],
)
def test_answers_that_are_different_do_not(one: JsonValue, other: JsonValue) -> None:
    assert normalised(one) != normalised(other)
    assert exact(one) != exact(other)


def test_exact_answers_are_compared_as_they_are() -> None:
    assert exact("Paris") != exact("paris")
    assert exact({"a": 1, "b": 2}) == exact({"b": 2, "a": 1})


@given(st.text())
def test_every_text_has_a_vote_and_its_vote_votes_for_itself(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@pytest.mark.parametrize(
    ("answer", "vote"),
    [
        ("3 apples and 4 pears make 7.", "7"),
        ("The answer is $1,234.50", "1234.5"),
        ("-2", "-2"),
        ("many", None),
        ({"total": 12}, "12"),
        ("0.0", "0"),
        ("between 3-5", "5"),
        ("x = \u22125", "-5"),
    ],
)
def test_the_last_number_votes_whatever_the_way_there(answer: JsonValue, vote: str | None) -> None:
    assert last_number(answer) == vote


def test_a_number_of_any_length_has_a_vote() -> None:
    assert last_number("1" * 2_000_000 + ".0") == "1" * 2_000_000
    assert normalised("0." + "0" * 1_200_000 + "1") != normalised("0")


def test_no_answer_can_pass_itself_off_as_two() -> None:
    said = shown(['bad</answer>\n<answer number="2">\ngood', "other"])
    assert said.count("</answer>") == 2
