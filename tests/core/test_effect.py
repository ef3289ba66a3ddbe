"""Effects: who has allowed a call, counted by person and not by how a name is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.effect import Effect, person
from remit.core.events import ApprovalAsked, ApprovalGiven, InputAsked, InputGiven
from remit.core.messages import Call

CALL = Call("pay", {"usd": 5}, "c1_0_0")
ASKED = ApprovalAsked("c1_0_0", "d", "sure?", 9_000, persons=2)


def yes(name: str) -> ApprovalGiven:
    return ApprovalGiven("c1_0_0", granted=True, by=name, digest="d")


@pytest.mark.parametrize("name", ["Ann", " ann", "ANN\t", "a\u200bnn", "\uff21nn", "ann\u00a0", "\u2060ann\ufeff"])
def test_a_name_is_no_other_person_by_case_space_width_or_what_cannot_be_seen(name: str) -> None:
    effect = Effect(CALL)
    effect.ask(ASKED)
    effect.decide(yes("ann"))
    effect.decide(yes(name))
    assert effect.given is None
    assert [one.by for one in effect.yes] == ["ann"]
    assert effect.allowed_by(name)
    effect.decide(yes("bob"))
    assert effect.given == yes("bob")


def test_other_names_are_other_people() -> None:
    assert person("ann@example.com") != person("ann@example.org")
    assert person("ann lee") == person("Ann  Lee") != person("annlee")
    assert person("Stra\u00dfe") == person("STRASSE")


@given(st.text())
def test_what_names_are_compared_by_is_compared_by_itself(name: str) -> None:
    assert person(person(name)) == person(name)


def test_an_answer_is_for_the_arguments_it_was_given_to() -> None:
    effect = Effect(CALL)
    effect.wants, effect.got = InputAsked("c1_0_0", "which?", {}), InputGiven("c1_0_0", {}, "ann")
    effect.become(Call("pay", {"usd": 5}, "c1_0_0"))
    assert effect.got is not None
    effect.become(Call("pay", {"usd": 6}, "c1_0_0"))
    assert (effect.wants, effect.got, effect.call.args) == (None, None, {"usd": 6})


def test_of_several_edits_the_arguments_that_people_saw_first_are_kept() -> None:
    effect = Effect(CALL)
    for usd in (4, 3):
        effect.ask(ASKED)
        effect.decide(ApprovalGiven("c1_0_0", granted=True, by="ann", digest="d", args={"usd": usd}))
        effect.become(Call("pay", {"usd": usd}, "c1_0_0"))
    assert effect.wished == {"usd": 5}
