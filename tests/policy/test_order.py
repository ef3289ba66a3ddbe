"""Order: guards in a row come to one verdict, and one more guard that says no never lets more through."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.messages import Call
from remit.core.ports import ALLOW, Guard, ToolSpec, Verdict
from remit.core.state import State
from remit.core.values import JsonObject
from remit.policy import Allow, AskBefore, Deny, Honeypot, Permissions, judge

SAFE = ToolSpec(name="wipe", description="", schema={"type": "object"})
DANGEROUS = msgspec.structs.replace(SAFE, dangerous=True)


@dataclass(frozen=True)
class Says:
    """A guard that always says the same."""

    verdict: Verdict

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """Say it."""
        return self.verdict


@dataclass(frozen=True)
class Masks:
    """A guard that overwrites one argument."""

    name: str

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """Redact the argument if it is there and not yet masked."""
        if call.args.get(self.name, "***") == "***":
            return ALLOW
        return Verdict("redact", f"{self.name} is personal", args=call.args | {self.name: "***"})


class Breaks:
    """A guard that cannot judge."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """Fail."""
        raise LookupError("no such table")


def judged(guards: Sequence[Guard], spec: ToolSpec = SAFE, args: JsonObject | None = None) -> Verdict:
    return judge(guards, Call("wipe", args or {}), spec, State())


def test_without_guards_a_harmless_tool_is_allowed_and_a_dangerous_one_denied() -> None:
    assert judged([]) == ALLOW
    assert judged([], DANGEROUS) == Verdict("deny", "`wipe` is dangerous and no permission names it", "dangerous")


def test_a_permission_by_name_lifts_the_ban_on_a_dangerous_tool_and_a_wide_one_does_not() -> None:
    assert judged([Permissions(Allow("wipe"))], DANGEROUS) == ALLOW
    assert judged([Permissions(Allow("*"))], DANGEROUS).kind == "deny"
    assert judged([Permissions(otherwise="allow")], DANGEROUS).kind == "deny"


def test_a_permission_for_some_arguments_lifts_the_ban_for_those_only() -> None:
    guards = [Permissions(Allow("wipe", disk="scratch"), otherwise="allow")]
    assert judged(guards, DANGEROUS, {"disk": "scratch"}).kind == "allow"
    assert judged(guards, DANGEROUS, {"disk": "home"}).kind == "deny"


def test_a_dangerous_tool_may_wait_for_a_person_instead() -> None:
    assert judged([AskBefore("wipe")], DANGEROUS).kind == "ask"


def test_a_later_guard_denies_what_an_earlier_one_permits_by_name() -> None:
    verdict = judged([Permissions(Allow("wipe")), Permissions(Deny("wipe"))], DANGEROUS)
    assert (verdict.kind, verdict.guard) == ("deny", "Permissions")


def test_the_first_no_decides_and_carries_the_guards_name() -> None:
    verdict = judged([Honeypot("wipe", output="wiped"), Says(Verdict("deny", "never"))])
    assert (verdict.kind, verdict.guard, verdict.output) == ("simulate", "Honeypot", "wiped")
    verdict = judged([Says(Verdict("deny", "never", "house rule")), Honeypot("wipe")])
    assert (verdict.kind, verdict.guard) == ("deny", "house rule")


def test_nobody_is_asked_for_what_a_later_guard_forbids() -> None:
    assert judged([AskBefore("wipe"), Says(Verdict("deny", "never"))]).reason == "never"


def test_the_first_guard_that_asks_words_the_question() -> None:
    verdict = judged([Says(Verdict("ask", "sure?")), AskBefore("wipe")])
    assert (verdict.kind, verdict.reason, verdict.guard) == ("ask", "sure?", "Says")


def test_an_approved_call_is_judged_again_by_all_but_those_who_ask() -> None:
    call = Call("wipe", {"a": 1})
    assert judge([AskBefore("wipe")], call, DANGEROUS, State(), approved=1) == ALLOW
    assert judge([AskBefore("wipe"), Masks("a")], call, SAFE, State(), approved=1).args == {"a": "***"}
    assert judge([AskBefore("wipe"), Honeypot("wipe")], call, SAFE, State(), approved=1).kind == "simulate"
    assert judge([], call, DANGEROUS, State(), approved=1).kind == "deny"


def test_of_several_that_ask_the_strictest_counts_in_every_respect() -> None:
    asks = [
        Verdict("ask", "a", expires=9.0),
        Verdict("ask", "b", persons=3, escalate=5.0),
        Verdict("ask", escalate=4.0),
    ]
    verdict = judged([Says(one) for one in asks])
    assert (verdict.reason, verdict.persons, verdict.expires, verdict.escalate) == ("a", 3, 9.0, 4.0)
    # Who says nothing of a lapse means a day, which is earlier than two.
    verdict = judged([Says(Verdict("ask", expires=2 * 86400.0)), Says(Verdict("ask"))])
    assert verdict.expires == 86400.0
    assert judged([Says(Verdict("ask")), Says(Verdict("ask", persons=0))]).expires == 0.0


def test_an_ask_is_answered_by_as_many_people_as_it_wants() -> None:
    call, guards = Call("wipe", {}), [AskBefore("wipe"), AskBefore("wipe", persons=2)]
    assert judge(guards, call, DANGEROUS, State(), approved=1).kind == "ask"
    assert judge(guards, call, DANGEROUS, State(), approved=2) == ALLOW
    assert judge([Says(Verdict("ask", persons=0))], call, SAFE, State()).kind == "ask"


def test_later_guards_see_redacted_arguments() -> None:
    guards = [Masks("disk"), Permissions(Deny("wipe", disk="home"), otherwise="allow")]
    verdict = judged(guards, args={"disk": "home", "fast": True})
    assert (verdict.kind, verdict.guard) == ("redact", "Masks")
    assert verdict.args == {"disk": "***", "fast": True}


def test_two_redactions_become_one_verdict() -> None:
    verdict = judged([Masks("a"), Masks("b")], args={"a": 1, "b": 2})
    assert verdict.args == {"a": "***", "b": "***"}
    assert (verdict.guard, verdict.reason) == ("Masks, Masks", "a is personal; b is personal")


def test_a_question_is_about_the_redacted_arguments_wherever_the_redaction_stands() -> None:
    for guards in ([Masks("a"), AskBefore("wipe")], [AskBefore("wipe"), Masks("a")]):
        verdict = judged(guards, args={"a": 1})
        assert (verdict.kind, verdict.args) == ("ask", {"a": "***"})


def test_redaction_does_not_permit_a_dangerous_tool() -> None:
    assert judged([Masks("a")], DANGEROUS, {"a": 1}).kind == "deny"


def test_a_guard_that_raises_denies() -> None:
    assert judged([Breaks()]) == Verdict(
        "deny", "Breaks could not judge this call (LookupError: no such table)", "Breaks"
    )


def test_a_redaction_without_arguments_denies() -> None:
    assert judged([Says(Verdict("redact", "oops"))]).kind == "deny"


@pytest.mark.parametrize("depth", [20_000])
def test_arguments_too_deep_to_look_into_are_denied(depth: int) -> None:
    args: JsonObject = {"x": "deep"}
    for _ in range(depth):
        args = {"x": [args]}
    verdict = judged([Permissions(Deny("wipe", x="shallow"), otherwise="allow")], args=args)
    assert verdict.kind == "deny"


VERDICTS = st.sampled_from(
    [
        ALLOW,
        Verdict(reason="named"),
        Verdict("ask", "sure?"),
        Verdict("deny", "no"),
        Verdict("simulate", "trap"),
        Verdict("redact", "personal", args={}),
    ]
)
RUNS = {"allow", "redact"}


@given(row=st.lists(VERDICTS, max_size=5), place=st.integers(0, 5), dangerous=st.booleans())
def test_one_more_guard_that_denies_never_widens(row: list[Verdict], place: int, *, dangerous: bool) -> None:
    spec = DANGEROUS if dangerous else SAFE
    guards = [Says(verdict) for verdict in row]
    more = [*guards[:place], Says(Verdict("deny", "more")), *guards[place:]]
    before, after = judged(guards, spec), judged(more, spec)
    assert after.kind in {"deny", "simulate"}
    assert before.kind in RUNS or after.kind not in RUNS


@given(row=st.lists(VERDICTS, max_size=5), dangerous=st.booleans())
def test_a_call_runs_only_if_no_guard_objects(row: list[Verdict], *, dangerous: bool) -> None:
    verdict = judged([Says(each) for each in row], DANGEROUS if dangerous else SAFE)
    objects = {each.kind for each in row} & {"ask", "deny", "simulate"}
    named = any(each.kind == "allow" and each.reason for each in row)
    assert (verdict.kind in RUNS) == (not objects and (named or not dangerous))
