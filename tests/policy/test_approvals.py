"""Approvals: the right calls wait for a person, and no odd figure slips under a bound."""

from datetime import timedelta

import pytest

from remit.core.errors import ConfigError
from remit.core.messages import Call
from remit.core.ports import ALLOW, ToolSpec, Verdict
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue
from remit.policy import AskBefore


def judged(guard: AskBefore, tool: str, args: JsonObject | None = None) -> Verdict:
    return guard.check(Call(tool, args or {}), ToolSpec(name=tool, description="", schema={}), State())


def test_named_tools_wait_and_others_do_not() -> None:
    guard = AskBefore({"refund", "delete_*"})
    assert judged(guard, "refund") == Verdict("ask", "`refund` needs a person's approval")
    assert judged(guard, "delete_account").kind == "ask"
    assert judged(guard, "look_up") == ALLOW


def test_a_single_name_is_a_name() -> None:
    assert judged(AskBefore("refund"), "refund").kind == "ask"
    assert judged(AskBefore("refund"), "r") == ALLOW


@pytest.mark.parametrize(("given", "seconds"), [(None, 0.0), (90, 90.0), (timedelta(hours=2), 7200.0)])
def test_a_question_lapses_after_the_given_time(given: timedelta | float | None, seconds: float) -> None:
    assert judged(AskBefore("refund", expires=given), "refund").expires == seconds


@pytest.mark.parametrize("never", [0, -1, timedelta(0)])
def test_a_question_that_lapses_at_once_is_refused(never: timedelta | float) -> None:
    with pytest.raises(ConfigError, match="positive time"):
        AskBefore("refund", expires=never)


def test_a_figure_above_its_bound_waits_and_the_reason_shows_it() -> None:
    guard = AskBefore("refund", above={"amount": 100})
    assert judged(guard, "refund", {"amount": 100}) == ALLOW
    verdict = judged(guard, "refund", {"amount": 100.5})
    assert verdict.reason == "`refund` needs a person's approval: amount is 100.5, not 100 or less"


@pytest.mark.parametrize("odd", ["5", True, None, float("nan"), {"value": 5}, [1, 500], [], 10**400], ids=repr)
def test_a_figure_that_cannot_be_compared_waits(odd: JsonValue) -> None:
    assert judged(AskBefore("refund", above={"amount": 100}), "refund", {"amount": odd}).kind == "ask"


def test_a_missing_figure_waits() -> None:
    verdict = judged(AskBefore("refund", above={"order.total": 1}), "refund")
    assert verdict.reason.endswith("order.total is missing, not 1 or less")


def test_a_predicate_decides_over_the_arguments() -> None:
    guard = AskBefore("mail", when=lambda args: args.get("external") is True)
    assert judged(guard, "mail", {"external": True}).kind == "ask"
    assert judged(guard, "mail", {"external": False}) == ALLOW


def test_either_of_bound_and_predicate_is_enough() -> None:
    guard = AskBefore("refund", above={"amount": 100}, when=lambda args: args.get("currency") != "EUR")
    assert judged(guard, "refund", {"amount": 500, "currency": "EUR"}).kind == "ask"
    assert judged(guard, "refund", {"amount": 5, "currency": "USD"}).kind == "ask"
    assert judged(guard, "refund", {"amount": 5, "currency": "EUR"}) == ALLOW


def test_several_people_and_an_escalation_are_asked_for() -> None:
    verdict = judged(AskBefore("refund", persons=2, escalate=timedelta(minutes=30)), "refund")
    assert (verdict.persons, verdict.escalate) == (2, 1800.0)
    assert verdict.reason == "`refund` needs the approval of 2 people"


def test_an_approval_by_nobody_is_refused() -> None:
    with pytest.raises(ConfigError, match="asks nobody"):
        AskBefore("refund", persons=0)


@pytest.mark.parametrize(("escalate", "expires"), [(0, None), (-1, None), (90_000, None), (60, 60), (61, 60)])
def test_an_escalation_that_comes_too_late_or_at_once_is_refused(escalate: float, expires: float | None) -> None:
    with pytest.raises(ConfigError, match="cannot escalate"):
        AskBefore("refund", escalate=escalate, expires=expires)
